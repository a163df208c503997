import { describe, expect, it } from 'vitest';
import { ApplyTask, DrainError, SnapshotPolicy } from '../../src/apply/index.js';
import { withResolvers } from '../../src/runtime/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { YieldPointHold } from '../../src/testing/yield-points.js';
import { entries } from './list-host.js';
import { TaskBench } from './task-bench.js';

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  void promise.then(note, note);
  await settleMicrotasks();
  return settled;
}

describe('apply task: folding', () => {
  it('started: folds what is decided already, without any signal', async () => {
    const bench = new TaskBench();
    bench.log.decideEntries(...entries(3));
    bench.task.start();
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(3));
    expect(bench.applied).toEqual([3]);
  });

  it('woken: folds what has been decided since', async () => {
    const bench = new TaskBench();
    bench.task.start();
    await settleMicrotasks();
    bench.decide(2);
    await settleMicrotasks();
    bench.decide(1);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(3));
    expect(bench.applied).toEqual([2, 3]);
  });

  it('start: folds nothing in its own turn', () => {
    const bench = new TaskBench();
    bench.log.decideEntries(...entries(3));
    bench.task.start();
    expect(bench.host.state).toEqual([]);
  });

  it('a wake-up without anything decided: does nothing', async () => {
    const bench = new TaskBench();
    bench.task.start();
    await settleMicrotasks();
    bench.decide(0);
    await settleMicrotasks();
    expect(bench.applied).toEqual([]);
    expect(bench.task.life).toEqual({ state: 'alive' });
  });

  it('a backlog: is folded chunk by chunk, and the event loop turns between them', async () => {
    const bench = new TaskBench({ chunkItems: 2 });
    bench.log.decideEntries(...entries(5));
    bench.task.start();
    await settleMicrotasks();
    expect([bench.applied, bench.clock.armedTimers]).toEqual([[2], 1]);
    await bench.clock.advanceAsync(0);
    expect(bench.applied).toEqual([2, 4, 5]);
    expect(bench.clock.armedTimers).toBe(0);
  });

  it('a snapshot policy: is asked after each chunk', async () => {
    const bench: TaskBench = new TaskBench({
      chunkItems: 2,
      snapshots: {
        policy: SnapshotPolicy.every(3),
        take: async () => bench.host.snapshot(),
        compact: (upToIdx, value) => bench.log.compact(upToIdx, value),
      },
    });
    bench.log.decideEntries(...entries(5));
    bench.task.start();
    await bench.clock.advanceAsync(0);
    expect(bench.engine.status().snapshots).toMatchObject({ taken: 1, lastTakenIdx: 4 });
    expect(bench.log.read(0)[0]).toMatchObject({ snapshot: { value: entries(4), compactedIdx: 4 } });
  });

  it('after recovery: goes on where it ended', async () => {
    const bench = new TaskBench();
    bench.log.decideEntries(...entries(3));
    bench.engine.recover();
    bench.task.start();
    bench.decide(2);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(5));
    expect(bench.applied).toEqual([5]);
  });

  it('with the system clock: a backlog is folded too', async () => {
    const bench = new TaskBench({ chunkItems: 1 });
    bench.log.decideEntries(...entries(5));
    const done = withResolvers<void>();
    const task = new ApplyTask({
      engine: bench.engine,
      subscribe: () => () => {},
      onApplied: (appliedIdx) => {
        if (appliedIdx === 5) done.resolve();
      },
    });
    task.start();
    await done.promise;
    await task[Symbol.asyncDispose]();
    expect(bench.host.state).toEqual(entries(5));
  });
});

describe('apply task: a fold that returns promises', () => {
  it('each item: is waited for before the next one', async () => {
    const gates = [withResolvers<void>(), withResolvers<void>()];
    const begun: number[] = [];
    const bench = new TaskBench({
      fold: (item) => {
        if (item.kind !== 'entry') return;
        begun.push(item.idx);
        return gates[item.idx]?.promise;
      },
    });
    bench.task.start();
    bench.decide(2);
    await settleMicrotasks();
    expect([begun, bench.engine.appliedIdx]).toEqual([[0], 0]);
    gates[0]?.resolve();
    await settleMicrotasks();
    expect([begun, bench.engine.appliedIdx]).toEqual([[0, 1], 1]);
    gates[1]?.resolve();
    await settleMicrotasks();
    expect(bench.engine.appliedIdx).toBe(2);
  });

  it('a rejection: ends the task like a throw', async () => {
    const cause = new Error('store is gone');
    const bench = new TaskBench({ fold: () => Promise.reject(cause) });
    bench.task.start();
    bench.decide(1);
    expect(await bench.task.died).toMatchObject({ kind: 'failed', error: { cursor: 0, cause } });
  });
});

describe('apply task: wake-ups', () => {
  // A03: the signal comes exactly between looking for work and waiting.
  it('decided between the check and the wait: is not missed', async () => {
    const hold = new YieldPointHold('beforeWait');
    const bench = new TaskBench({ yieldPoint: hold.at });
    bench.task.start();
    await settleMicrotasks();
    expect(hold.reached).toBe(1);
    bench.decide(1);
    hold.release();
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(1));
  });

  // A03
  it.each(['beforeChunk', 'beforeNotify'] as const)('decided while held %s: is not missed', async (point) => {
    const hold = new YieldPointHold(point);
    const bench = new TaskBench({ yieldPoint: hold.at });
    bench.task.start();
    await settleMicrotasks();
    expect(hold.reached).toBe(1);
    bench.decide(2);
    hold.release();
    await bench.clock.advanceAsync(0);
    expect(bench.host.state).toEqual(entries(2));
  });

  it('decided from within a fold, or from within onApplied: is not missed', async () => {
    const bench: TaskBench = new TaskBench({
      fold: (item) => {
        bench.host.fold(item);
        if (bench.log.decidedIdx < 3) bench.decide(1);
      },
      onApplied: () => {
        if (bench.log.decidedIdx < 6) bench.decide(1);
      },
    });
    bench.task.start();
    bench.decide(1);
    await bench.clock.advanceAsync(0);
    expect(bench.host.state).toEqual(entries(6));
  });

  it('a hundred signals at once: cost one look', async () => {
    let looks = 0;
    const bench = new TaskBench({ yieldPoint: (point) => void (point === 'beforeChunk' && looks++) });
    bench.task.start();
    await settleMicrotasks();
    for (let i = 0; i < 100; i++) bench.decide(1);
    await settleMicrotasks();
    expect(looks).toBe(2);
    expect(bench.applied).toEqual([100]);
  });

  it('held between draining and telling: what is folded is told only afterwards', async () => {
    const hold = new YieldPointHold('beforeNotify');
    const bench = new TaskBench({ yieldPoint: hold.at });
    bench.log.decideEntries(...entries(2));
    bench.task.start();
    await settleMicrotasks();
    expect([bench.engine.appliedIdx, bench.applied]).toEqual([2, []]);
    hold.release();
    await settleMicrotasks();
    expect(bench.applied).toEqual([2]);
  });
});

describe('apply task: death', () => {
  // A09
  it('a fold that throws: the task is dead at once, and everybody is told why', async () => {
    const cause = new Error('no room');
    const bench: TaskBench = new TaskBench({
      fold: (item) => {
        if (item.kind === 'entry' && item.idx === 2) throw cause;
        bench.host.fold(item);
      },
      onDied: (death) => expect(bench.task.life).toEqual({ state: 'dead', death }),
    });
    bench.task.start();
    bench.decide(4);
    const death = await bench.task.died;
    expect(death).toMatchObject({ kind: 'failed', error: { code: 'drain_failed', cursor: 2, cause } });
    expect(bench.deaths).toEqual([death]);
    expect(bench.task.life).toEqual({ state: 'dead', death });
    expect(bench.host.state).toEqual(entries(2));
    expect(bench.subscribers.size).toBe(0);
    expect(bench.lines.some(({ level }) => level === 'error')).toBe(true);
  });

  // A09
  it('waiters on the fold: are woken in the turn in which the task dies, without any deadline passing', async () => {
    const waiting = withResolvers<void>();
    const bench = new TaskBench({
      fold: () => {
        throw new Error('no room');
      },
      onDied: () => waiting.reject(new Error('permanent')),
    });
    bench.task.start();
    bench.decide(1);
    await expect(waiting.promise).rejects.toThrow('permanent');
    expect(bench.clock.monotonicMs()).toBe(0);
  });

  // A09
  it.each([
    ['reading the log', 'read'],
    ['asking for the decided index', 'decidedIdx'],
  ] as const)('%s throws: the task dies with that cause', async (_, property) => {
    const cause = new Error('closed');
    const bench = new TaskBench();
    bench.log.decideEntries('e0');
    Object.defineProperty(bench.log, property, {
      get: () => {
        throw cause;
      },
    });
    bench.task.start();
    expect(await bench.task.died).toMatchObject({ kind: 'failed', error: { cause } });
  });

  it('a yield point that throws: the task dies by it, and can be started anew', async () => {
    let failing = true;
    const bench = new TaskBench({
      yieldPoint: (point) => {
        if (failing && point === 'beforeWait') throw 'just a text';
      },
    });
    bench.task.start();
    expect(await bench.task.died).toMatchObject({ kind: 'failed', error: { cause: 'just a text' } });
    failing = false;
    bench.task.start();
    bench.decide(1);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(1));
  });

  it('dead by a failure: start throws that failure and begins nothing', async () => {
    const bench = new TaskBench({ fold: () => Promise.reject(new Error('store is gone')) });
    bench.task.start();
    bench.decide(1);
    const death = await bench.task.died;
    const thrown = thrownBy(() => bench.task.start());
    expect(thrown).toBeInstanceOf(DrainError);
    expect(bench.task.life).toEqual({ state: 'dead', death: { kind: 'failed', error: thrown } });
    expect(death).toMatchObject({ error: thrown });
    expect(bench.everSubscribed).toHaveLength(1);
    await bench.task.stop();
    expect(bench.deaths).toHaveLength(1);
  });

  it('callbacks that throw: harm nothing and are logged', async () => {
    const bench = new TaskBench({
      onApplied: () => {
        throw new Error('onApplied');
      },
      onDied: () => {
        throw new Error('onDied');
      },
    });
    bench.task.start();
    bench.decide(1);
    await settleMicrotasks();
    bench.decide(1);
    await settleMicrotasks();
    await bench.task.stop();
    expect(bench.host.state).toEqual(entries(2));
    expect(bench.lines.map(({ fields }) => fields['callback'])).toEqual(['onApplied', 'onApplied', 'onDied']);
  });

  it('an unsubscription that throws: is logged, and the task is dead all the same', async () => {
    const bench = new TaskBench();
    const task = new ApplyTask({
      engine: bench.engine,
      subscribe: () => () => {
        throw new Error('unsubscribe');
      },
    });
    task.start();
    await task.stop();
    expect(task.life).toEqual({ state: 'dead', death: { kind: 'stopped' } });
  });
});

describe('apply task: start', () => {
  it('twice: throws already_running and disturbs nothing', async () => {
    const bench = new TaskBench();
    bench.task.start();
    const { died } = bench.task;
    expect(thrownBy(() => bench.task.start())).toMatchObject({ code: 'already_running' });
    expect(bench.task.died).toBe(died);
    expect(bench.everSubscribed).toHaveLength(1);
    bench.decide(1);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(1));
    expect(bench.deaths).toEqual([]);
  });

  it('on an engine that has been stepped: throws and changes nothing', () => {
    const bench = new TaskBench();
    bench.engine.step();
    expect(thrownBy(() => bench.task.start())).toMatchObject({ code: 'mixed_apply_paths' });
    expect(bench.task.life).toEqual({ state: 'neverStarted' });
    expect(bench.subscribers.size).toBe(0);
    expect(bench.engine.step()).toMatchObject({ folded: 0 });
  });

  it('of a second task on one engine: throws, and the first goes on', async () => {
    const bench = new TaskBench();
    bench.task.start();
    const second = new ApplyTask({ engine: bench.engine, subscribe: () => () => {} });
    expect(thrownBy(() => second.start())).toMatchObject({ code: 'mixed_apply_paths' });
    bench.decide(1);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(1));
  });

  it('with a subscription that throws: throws that, and can be tried again', async () => {
    const bench = new TaskBench();
    let failing = true;
    const task = new ApplyTask({
      engine: bench.engine,
      subscribe: () => {
        if (failing) throw new Error('no subscription');
        return () => {};
      },
    });
    expect(() => task.start()).toThrow('no subscription');
    expect(task.life).toEqual({ state: 'neverStarted' });
    failing = false;
    bench.log.decideEntries('e0');
    task.start();
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(1));
    await task.stop();
  });
});

describe('apply task: stop', () => {
  // A03: a permit left by an early stop must not end the run that follows.
  it('before start: does nothing, and the run that follows lives', async () => {
    const bench = new TaskBench();
    await bench.task.stop();
    await bench.task.stop();
    expect(bench.task.life).toEqual({ state: 'neverStarted' });
    expect(bench.deaths).toEqual([]);
    bench.task.start();
    await settleMicrotasks();
    bench.decide(1);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(1));
    expect(bench.task.life).toEqual({ state: 'alive' });
  });

  it('while waiting: the task is dead in that turn, told once, and nothing is left behind', async () => {
    const bench = new TaskBench();
    bench.task.start();
    await settleMicrotasks();
    const { died } = bench.task;
    const stopping = bench.task.stop();
    expect(bench.task.life).toEqual({ state: 'dead', death: { kind: 'stopped' } });
    expect(bench.deaths).toEqual([{ kind: 'stopped' }]);
    await stopping;
    await bench.task.stop();
    expect(await died).toEqual({ kind: 'stopped' });
    expect(bench.deaths).toHaveLength(1);
    expect([bench.subscribers.size, bench.clock.armedTimers]).toEqual([0, 0]);
    bench.decide(1);
    await settleMicrotasks();
    expect(bench.host.state).toEqual([]);
  });

  it('between two chunks: takes the timer back and folds no more', async () => {
    const bench = new TaskBench({ chunkItems: 2 });
    bench.log.decideEntries(...entries(5));
    bench.task.start();
    await settleMicrotasks();
    expect(bench.clock.armedTimers).toBe(1);
    await bench.task.stop();
    expect(bench.clock.armedTimers).toBe(0);
    await bench.clock.advanceAsync(10);
    expect(bench.host.state).toEqual(entries(2));
  });

  it('from within a fold: that item is the last one; a later run goes on behind it', async () => {
    const stops: Promise<void>[] = [];
    const bench: TaskBench = new TaskBench({
      fold: (item) => {
        bench.host.fold(item);
        if (item.kind === 'entry' && item.idx === 1) stops.push(bench.task.stop());
      },
    });
    bench.task.start();
    bench.decide(5);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(2));
    expect(bench.engine.appliedIdx).toBe(2);
    expect(bench.task.life).toEqual({ state: 'dead', death: { kind: 'stopped' } });
    await Promise.all(stops);
    bench.task.start();
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(5));
  });

  it('in the middle of a chunk: no snapshot is made any more', async () => {
    const bench: TaskBench = new TaskBench({
      fold: (item) => {
        bench.host.fold(item);
        void bench.task.stop();
      },
      snapshots: {
        policy: SnapshotPolicy.every(1),
        take: () => bench.host.snapshot(),
        compact: (upToIdx, value) => bench.log.compact(upToIdx, value),
      },
    });
    bench.task.start();
    bench.decide(3);
    await settleMicrotasks();
    expect(bench.host.state).toEqual(entries(1));
    expect([bench.log.compactedIdx, bench.engine.status().snapshots.taken]).toEqual([0, 0]);
  });

  it('while an item is being folded: everybody is told at once, and stop waits for that item', async () => {
    const gate = withResolvers<void>();
    const bench = new TaskBench({ fold: () => gate.promise });
    bench.task.start();
    bench.decide(2);
    await settleMicrotasks();
    const stopping = bench.task.stop();
    expect(bench.deaths).toEqual([{ kind: 'stopped' }]);
    expect(await isSettled(stopping)).toBe(false);
    gate.resolve();
    await stopping;
    expect(bench.engine.appliedIdx).toBe(1);
  });

  it('while an item is being folded that then fails: the run stays stopped, and no other can begin', async () => {
    const gate = withResolvers<void>();
    const bench = new TaskBench({ fold: () => gate.promise });
    bench.task.start();
    bench.decide(1);
    await settleMicrotasks();
    const stopping = bench.task.stop();
    gate.reject(new Error('store is gone'));
    await stopping;
    expect(bench.deaths).toEqual([{ kind: 'stopped' }]);
    expect(bench.engine.failure).toMatchObject({ cursor: 0 });
    expect(thrownBy(() => bench.task.start())).toBe(bench.engine.failure);
  });

  it.each(['beforeChunk', 'beforeNotify', 'beforeWait'] as const)(
    'while held %s: the run ends when it is released',
    async (point) => {
      const hold = new YieldPointHold(point);
      const bench = new TaskBench({ yieldPoint: hold.at });
      bench.log.decideEntries('e0');
      bench.task.start();
      await settleMicrotasks();
      expect(hold.reached).toBe(1);
      const stopping = bench.task.stop();
      bench.decide(1);
      expect(await isSettled(stopping)).toBe(false);
      hold.release();
      await stopping;
      expect(bench.host.state).toEqual(point === 'beforeChunk' ? [] : entries(1));
      expect(bench.deaths).toEqual([{ kind: 'stopped' }]);
    },
  );

  it('held in the middle of stopping: the task is dead already', async () => {
    const hold = new YieldPointHold('stopping');
    const bench = new TaskBench({ yieldPoint: hold.at });
    bench.task.start();
    const stopping = bench.task.stop();
    expect(bench.task.life.state).toBe('dead');
    expect(await isSettled(stopping)).toBe(false);
    hold.release();
    await stopping;
  });
});

describe('apply task: run after run', () => {
  // A03
  it('stopped and started again in one turn: the second run lives, and folds after the first', async () => {
    const gate = withResolvers<void>();
    const folds: string[] = [];
    let held = true;
    const bench = new TaskBench({
      fold: async (item) => {
        if (item.kind !== 'entry') return;
        folds.push(`${item.entry} begins`);
        if (held) await gate.promise;
        folds.push(`${item.entry} ends`);
      },
    });
    bench.task.start();
    bench.decide(2);
    await settleMicrotasks();
    const stopping = bench.task.stop();
    bench.task.start();
    await settleMicrotasks();
    expect(folds).toEqual(['e0 begins']);
    held = false;
    gate.resolve();
    await stopping;
    await settleMicrotasks();
    expect(folds).toEqual(['e0 begins', 'e0 ends', 'e1 begins', 'e1 ends']);
    expect(bench.task.life).toEqual({ state: 'alive' });
  });

  it('each run: has its own death, told once', async () => {
    const bench = new TaskBench();
    bench.task.start();
    const first = bench.task.died;
    await bench.task.stop();
    bench.task.start();
    const second = bench.task.died;
    expect(second).not.toBe(first);
    expect(await isSettled(second)).toBe(false);
    await bench.task.stop();
    expect(await second).toEqual({ kind: 'stopped' });
    expect(bench.deaths).toHaveLength(2);
  });

  // A03: signals of an ended run reach nobody.
  it('a late signal of an earlier run: neither wakes nor ends the later one', async () => {
    let looks = 0;
    const bench = new TaskBench({ yieldPoint: (point) => void (point === 'beforeChunk' && looks++) });
    bench.task.start();
    await settleMicrotasks();
    await bench.task.stop();
    bench.task.start();
    await settleMicrotasks();
    expect(looks).toBe(2);
    bench.everSubscribed[0]?.();
    await settleMicrotasks();
    expect(looks).toBe(2);
    expect(bench.task.life).toEqual({ state: 'alive' });
  });

  it('started again from within onDied: the new run lives', async () => {
    const bench: TaskBench = new TaskBench({
      onDied: () => {
        if (bench.deaths.length === 1) bench.task.start();
      },
    });
    bench.task.start();
    await bench.task.stop();
    expect(bench.task.life).toEqual({ state: 'alive' });
    bench.decide(1);
    await bench.clock.advanceAsync(0);
    expect(bench.host.state).toEqual(entries(1));
  });
});
