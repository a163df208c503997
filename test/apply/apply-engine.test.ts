import { describe, expect, it } from 'vitest';
import { ApplyEngine, DrainError, SnapshotPolicy } from '../../src/apply/index.js';
import type { DecidedItem } from '../../src/omnipaxos/index.js';
import { MemoryDecidedLog } from '../../src/testing/memory-decided-log.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { recordingLogger } from '../driver/recording-logger.js';
import { entries, ListHost } from './list-host.js';

type List = readonly string[];

function setUp(options: { policy?: SnapshotPolicy; chunkItems?: number; decided?: number } = {}) {
  const log = new MemoryDecidedLog<string, List>();
  log.decideEntries(...entries(options.decided ?? 0));
  const host = new ListHost();
  const { lines, ...logger } = recordingLogger();
  const engine = new ApplyEngine<string, List>({
    log,
    fold: host.fold,
    logger,
    ...(options.chunkItems === undefined ? {} : { chunkItems: options.chunkItems }),
    snapshots: {
      policy: options.policy ?? SnapshotPolicy.disabled(),
      take: () => host.snapshot(),
      compact: (upToIdx, value) => log.compact(upToIdx, value),
    },
  });
  return { log, host, engine, lines };
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('apply engine: stepping', () => {
  it('a step: folds at most one chunk and says whether more waits', () => {
    const { engine, host } = setUp({ decided: 5, chunkItems: 2 });
    const reports = [engine.step(), engine.step(), engine.step(), engine.step()];
    const snapshot = { kind: 'notDue' };
    expect(reports).toEqual([
      { folded: 2, appliedIdx: 2, more: true, snapshot },
      { folded: 2, appliedIdx: 4, more: true, snapshot },
      { folded: 1, appliedIdx: 5, more: false, snapshot },
      { folded: 0, appliedIdx: 5, more: false, snapshot },
    ]);
    expect(host.state).toEqual(entries(5));
  });

  it('without options: chunks of 256, and no snapshots', () => {
    const log = new MemoryDecidedLog<string, List>();
    log.decideEntries(...entries(300));
    const engine = new ApplyEngine<string, List>({ log, fold: () => {} });
    expect(engine.step()).toEqual({ folded: 256, appliedIdx: 256, more: true, snapshot: { kind: 'notDue' } });
  });

  it('the applied index: rises item by item, so that a fold sees how far the host has come', () => {
    const log = new MemoryDecidedLog<string, List>();
    log.decideEntries(...entries(3));
    const seen: number[] = [];
    const engine: ApplyEngine<string, List> = new ApplyEngine<string, List>({
      log,
      fold: () => void seen.push(engine.appliedIdx),
    });
    engine.step();
    expect(seen).toEqual([0, 1, 2]);
  });

  it('status: tells progress, lag, snapshots and failure', () => {
    const { engine, log } = setUp({ decided: 3, chunkItems: 2, policy: SnapshotPolicy.every(2) });
    engine.step();
    log.decideEntries('e3');
    expect(engine.status()).toEqual({
      appliedIdx: 2,
      decidedIdx: 4,
      lag: 2,
      foldedItems: 2,
      snapshots: { taken: 1, failed: 0, failedInARow: 0, lastTakenIdx: 2, lastError: undefined },
      failure: undefined,
    });
  });

  it.each([[0], [1.5], [1_000_001], ['many']])('chunkItems %s: is refused by name', (chunkItems) => {
    const options = { log: new MemoryDecidedLog<string, List>(), fold: () => {}, chunkItems };
    // The cast hands over what a caller without types could hand over.
    expect(() => new ApplyEngine(options as never)).toThrowError(
      expect.objectContaining({ field: 'applyEngine.chunkItems', value: chunkItems }),
    );
  });
});

describe('apply engine: snapshots', () => {
  it('due after a chunk: covers exactly what has been folded', () => {
    const { engine, log } = setUp({ decided: 5, chunkItems: 3, policy: SnapshotPolicy.every(2) });
    expect(engine.step().snapshot).toEqual({ kind: 'taken', upToIdx: 3 });
    expect(log.compactedIdx).toBe(3);
    expect(log.read(0)[0]).toMatchObject({ snapshot: { value: entries(3) } });
  });

  it('a snapshot folded in catching up: the policy counts from it', () => {
    const { engine, log, host } = setUp({ decided: 12, policy: SnapshotPolicy.every(10) });
    log.compact(11, entries(11));
    expect(engine.step().snapshot).toEqual({ kind: 'notDue' });
    expect(host.state).toEqual(entries(12));
    log.decideEntries(...entries(9, 12));
    expect(engine.step().snapshot).toEqual({ kind: 'taken', upToIdx: 21 });
  });

  // A11
  it('failing again and again: folding goes on, and the status shows it', () => {
    const log = new MemoryDecidedLog<string, List>();
    const host = new ListHost();
    const error = new Error('disk full');
    const { lines, ...logger } = recordingLogger();
    const engine = new ApplyEngine<string, List>({
      log,
      fold: host.fold,
      logger,
      snapshots: {
        policy: SnapshotPolicy.every(1),
        take: () => host.snapshot(),
        compact: () => {
          throw error;
        },
      },
    });
    for (let idx = 0; idx < 3; idx++) {
      log.decideEntries(`e${idx}`);
      expect(engine.step()).toMatchObject({ folded: 1, snapshot: { kind: 'failed', error } });
    }
    expect(host.state).toEqual(entries(3));
    expect(engine.status()).toMatchObject({
      appliedIdx: 3,
      snapshots: { taken: 0, failed: 3, failedInARow: 3, lastError: error },
      failure: undefined,
    });
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(3);
  });
});

describe('apply engine: recovery', () => {
  // A06
  it('a restart at index 1,000,010 above a snapshot: folds the snapshot and ten records, and snapshots nothing', () => {
    const compactedIdx = 1_000_000;
    const config = { configId: 1, nodes: [1], leaseMs: 0, maxClockDrift: 0 };
    const items: DecidedItem<string, List>[] = [
      { kind: 'snapshot', snapshot: { value: ['a million'], compactedIdx, config } },
      ...entries(10, compactedIdx).map((entry, at) => ({
        kind: 'entry' as const,
        idx: compactedIdx + at,
        entry,
      })),
    ];
    let snapshots = 0;
    const host = new ListHost();
    const engine = new ApplyEngine<string, List>({
      log: {
        decidedIdx: 1_000_010,
        read: (fromIdx, limit) => {
          const first = fromIdx < compactedIdx ? 0 : 1 + fromIdx - compactedIdx;
          return items.slice(first, limit === undefined ? undefined : first + limit);
        },
      },
      fold: host.fold,
      chunkItems: 4,
      snapshots: { policy: SnapshotPolicy.every(5), take: () => host.snapshot(), compact: () => snapshots++ },
    });
    expect(engine.recover()).toBe(1_000_010);
    expect(engine.step()).toMatchObject({ folded: 0, snapshot: { kind: 'notDue' } });
    expect(engine.status()).toMatchObject({ appliedIdx: 1_000_010, foldedItems: 11, lag: 0 });
    expect(host.state).toHaveLength(11);
    expect(snapshots).toBe(0);
  });

  // A06
  it('a host with a durable state of its own: nothing that it covers is folded again', () => {
    const { engine, host } = setUp({ decided: 5, policy: SnapshotPolicy.every(2) });
    expect(engine.recover(3)).toBe(5);
    expect(host.state).toEqual(['e3', 'e4']);
    expect(engine.step().snapshot).toEqual({ kind: 'notDue' });
  });

  it('a host that is ahead of the decided index that survived: waits until the log has caught up', () => {
    const { engine, log, host } = setUp({ decided: 3 });
    expect(engine.recover(5)).toBe(5);
    expect(engine.step()).toMatchObject({ folded: 0, appliedIdx: 5, more: false });
    log.decideEntries('e3', 'e4', 'e5', 'e6');
    expect(engine.step()).toMatchObject({ folded: 2, appliedIdx: 7 });
    expect(host.state).toEqual(['e5', 'e6']);
  });

  it('of an empty log: leaves everything at zero', () => {
    const { engine } = setUp();
    expect(engine.recover()).toBe(0);
    expect(engine.status()).toMatchObject({ appliedIdx: 0, foldedItems: 0 });
  });

  it('with a fold that throws: tells the cursor, and the engine has failed for good', () => {
    const log = new MemoryDecidedLog<string, List>();
    log.decideEntries(...entries(5));
    const engine = new ApplyEngine<string, List>({
      log,
      chunkItems: 2,
      fold: (item) => {
        if (item.kind === 'entry' && item.idx === 3) throw new Error('unreadable');
      },
    });
    expect(thrownBy(() => engine.recover())).toMatchObject({ code: 'drain_failed', cursor: 3 });
    expect(engine.failure).toMatchObject({ cursor: 3 });
    expect(thrownBy(() => engine.step())).toBe(engine.failure);
  });

  it.each([[-1], [0.5], [Number.NaN]])('from %d: is refused by name, and can be tried again', (fromIdx) => {
    const { engine } = setUp({ decided: 1 });
    expect(thrownBy(() => engine.recover(fromIdx))).toMatchObject({ field: 'fromIdx', value: fromIdx });
    expect(engine.failure).toBeUndefined();
    expect(engine.recover()).toBe(1);
  });

  it('twice, or after a step: is refused and changes nothing', () => {
    const recovered = setUp({ decided: 2 });
    recovered.engine.recover();
    expect(thrownBy(() => recovered.engine.recover())).toMatchObject({ code: 'recovery_too_late' });
    expect(recovered.host.state).toEqual(entries(2));
    const stepped = setUp({ decided: 2 });
    stepped.engine.step();
    expect(thrownBy(() => stepped.engine.recover())).toMatchObject({ code: 'recovery_too_late' });
    expect(stepped.engine.step()).toMatchObject({ folded: 0 });
  });

  it('with an asynchronous fold: waits for each item before the next', async () => {
    const log = new MemoryDecidedLog<string, List>();
    log.decideEntries(...entries(5));
    const events: string[] = [];
    const engine = new ApplyEngine<string, List>({
      log,
      chunkItems: 2,
      fold: async (item) => {
        const name = item.kind === 'entry' ? item.entry : item.kind;
        events.push(`${name} begins`);
        await settleMicrotasks();
        events.push(`${name} ends`);
      },
    });
    const recovering = engine.recoverAsync();
    expect(thrownBy(() => engine.step())).toMatchObject({ code: 'apply_busy' });
    expect(thrownBy(() => engine.attachTask({}))).toMatchObject({ code: 'apply_busy' });
    expect(await recovering).toBe(5);
    expect(events).toEqual(entries(5).flatMap((name) => [`${name} begins`, `${name} ends`]));
  });
});

describe('apply engine: failures', () => {
  // A09
  it('a fold that throws: is final; later steps throw the same error and fold nothing', () => {
    const log = new MemoryDecidedLog<string, List>();
    log.decideEntries(...entries(3));
    const folded: number[] = [];
    let failing = true;
    const { lines, ...logger } = recordingLogger();
    const engine = new ApplyEngine<string, List>({
      log,
      logger,
      fold: (item) => {
        if (item.kind !== 'entry') return;
        if (failing && item.idx === 1) throw new Error('no room');
        folded.push(item.idx);
      },
    });
    const first = thrownBy(() => engine.step());
    failing = false;
    expect(first).toBeInstanceOf(DrainError);
    expect(thrownBy(() => engine.step())).toBe(first);
    expect(engine.status()).toMatchObject({ appliedIdx: 1, failure: first });
    expect(folded).toEqual([0]);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('a decided index that cannot be read: is final too', () => {
    const cause = new Error('closed');
    const engine = new ApplyEngine<string, List>({
      log: {
        get decidedIdx(): number {
          throw cause;
        },
        read: () => [],
      },
      fold: () => {},
    });
    expect(thrownBy(() => engine.step())).toMatchObject({ code: 'drain_failed', cursor: 0, cause });
    expect(engine.failure).toMatchObject({ cause });
  });

  it('an asynchronous fold on the stepping path: is refused', () => {
    const log = new MemoryDecidedLog<string, List>();
    log.decideEntries(...entries(2));
    const engine = new ApplyEngine<string, List>({ log, fold: async () => {} });
    expect(thrownBy(() => engine.step())).toMatchObject({ cursor: 0, cause: { code: 'asynchronous' } });
  });

  // N03
  it('a fold that steps its own engine: fails as a fold that throws, and nothing is folded twice', () => {
    const log = new MemoryDecidedLog<string, List>();
    log.decideEntries(...entries(2));
    let folds = 0;
    const engine: ApplyEngine<string, List> = new ApplyEngine<string, List>({
      log,
      fold: () => {
        folds++;
        engine.step();
      },
    });
    expect(thrownBy(() => engine.step())).toMatchObject({ cursor: 0, cause: { code: 'apply_busy' } });
    expect(folds).toBe(1);
  });
});

describe('apply engine: one driver only', () => {
  it('stepped: cannot be handed to a task', () => {
    const { engine } = setUp();
    engine.step();
    expect(thrownBy(() => engine.attachTask({}))).toMatchObject({ code: 'mixed_apply_paths' });
  });

  it('handed to a task: can neither be stepped, nor recovered, nor handed to another; the task keeps it', async () => {
    const { engine } = setUp({ decided: 2 });
    const owner = {};
    const step = engine.attachTask(owner);
    expect(thrownBy(() => engine.step())).toMatchObject({ code: 'mixed_apply_paths' });
    expect(thrownBy(() => engine.attachTask({}))).toMatchObject({ code: 'mixed_apply_paths' });
    expect(thrownBy(() => engine.recover())).toMatchObject({ code: 'recovery_too_late' });
    expect(engine.attachTask(owner)).toBeTypeOf('function');
    expect(await step(() => true)).toMatchObject({ folded: 2 });
  });

  it('a task whose steps overlap: the second is refused, the first is not disturbed', async () => {
    const { engine } = setUp({ decided: 2 });
    const step = engine.attachTask({});
    const first = step(() => true);
    await expect(step(() => true)).rejects.toMatchObject({ code: 'apply_busy' });
    expect(await first).toMatchObject({ folded: 2 });
    expect(engine.failure).toBeUndefined();
  });
});
