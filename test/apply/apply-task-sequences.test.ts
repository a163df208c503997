import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApplyUsageError } from '../../src/apply/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { entries } from './list-host.js';
import { TaskBench } from './task-bench.js';

type Act = 'start' | 'stop' | 'step';
const ACTS: readonly Act[] = ['start', 'stop', 'step'];

/** All sequences of one to `length` acts. */
function* sequences(length: number): Generator<readonly Act[]> {
  if (length === 0) return;
  for (const act of ACTS) {
    yield [act];
    for (const rest of sequences(length - 1)) yield [act, ...rest];
  }
}

/** What the rules say: who drives the engine, and whether the task is alive. */
class Rules {
  drive: 'nobody' | 'step' | 'task' = 'nobody';
  alive = false;
  deaths = 0;

  /** @returns the code of the refusal, if the act must be refused. */
  expect(act: Act): string | undefined {
    switch (act) {
      case 'start':
        if (this.alive) return 'already_running';
        if (this.drive === 'step') return 'mixed_apply_paths';
        this.drive = 'task';
        this.alive = true;
        return undefined;
      case 'stop':
        if (this.alive) this.deaths += 1;
        this.alive = false;
        return undefined;
      case 'step':
        if (this.drive === 'task') return 'mixed_apply_paths';
        this.drive = 'step';
        return undefined;
    }
  }
}

function carryOut(bench: TaskBench, act: Act, stops: Promise<void>[]): string | undefined {
  try {
    if (act === 'start') bench.task.start();
    else if (act === 'stop') stops.push(bench.task.stop());
    else bench.engine.step();
    return undefined;
  } catch (error) {
    if (!(error instanceof ApplyUsageError)) throw error;
    return error.code;
  }
}

/** Carries out the acts, an entry being decided before each, and compares all that can be seen with the rules. */
async function check(acts: readonly Act[], settleBetween: boolean): Promise<void> {
  const bench = new TaskBench();
  const rules = new Rules();
  const stops: Promise<void>[] = [];
  for (const act of acts) {
    bench.decide(1);
    const refusal = rules.expect(act);
    expect(carryOut(bench, act, stops)).toBe(refusal);
    expect(bench.task.life.state === 'alive').toBe(rules.alive);
    if (act === 'step' && refusal === undefined) expect(bench.engine.hasWork).toBe(false);
    if (!settleBetween) continue;
    await settleMicrotasks();
    if (rules.alive) expect(bench.engine.hasWork).toBe(false);
  }
  // Every stop ends by itself: no further act, no time passing.
  await settleMicrotasks();
  await Promise.all(stops);
  if (rules.alive) expect(bench.engine.hasWork).toBe(false);
  expect(bench.deaths).toEqual(Array.from({ length: rules.deaths }, () => ({ kind: 'stopped' })));
  expect(bench.subscribers.size).toBe(rules.alive ? 1 : 0);
  await bench.task.stop();
  expect([bench.subscribers.size, bench.clock.armedTimers]).toEqual([0, 0]);
  expect(bench.host.state).toEqual(entries(bench.engine.appliedIdx));
}

describe('apply task: every sequence of start, stop and step', () => {
  const all = [...sequences(6)];

  it('there are 3 + 9 + ... + 729 of them', () => {
    expect(all).toHaveLength(1_092);
  });

  // D03
  it.each([
    ['in one turn', false],
    ['with everything settled in between', true],
  ] as const)('up to six acts, %s: does what the rules say, and nothing hangs', async (_, settleBetween) => {
    for (const acts of all) {
      await check(acts, settleBetween).catch((cause: unknown) => {
        throw new Error(`failed on: ${acts.join(', ')}`, { cause });
      });
    }
  });
});

describe('apply task: every interleaving of its awaits', () => {
  type Event = 'decide' | 'start' | 'stop' | 'tick';
  const events = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant<Event>('decide') },
      { weight: 2, arbitrary: fc.constant<Event>('start') },
      { weight: 1, arbitrary: fc.constant<Event>('stop') },
      { weight: 2, arbitrary: fc.constant<Event>('tick') },
    ),
    { maxLength: 30, size: 'max' },
  );

  function perform(bench: TaskBench, event: Event, stops: Promise<void>[]): void {
    if (event === 'decide') bench.decide(1);
    else if (event === 'start' && bench.task.life.state !== 'alive') bench.task.start();
    else if (event === 'stop') stops.push(bench.task.stop());
    else bench.clock.advance(0);
  }

  // A03, A10: no wake-up is lost, and nothing is folded twice, whichever await goes on first.
  it('any order: each item is folded once and in order, and an alive task folds everything', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        events,
        fc.integer({ min: 1, max: 3 }),
        async (scheduler, list, chunkItems) => {
          const bench: TaskBench = new TaskBench({
            chunkItems,
            fold: async (item) => {
              await scheduler.schedule(Promise.resolve(), 'fold');
              bench.host.fold(item);
            },
            yieldPoint: (point) => scheduler.schedule(Promise.resolve(), point),
          });
          const stops: Promise<void>[] = [];
          for (const event of list) {
            void scheduler.schedule(Promise.resolve(), event).then(() => perform(bench, event, stops));
          }
          const settle = async (): Promise<void> => {
            for (let idle = 0; idle < 3; idle++) {
              await scheduler.waitIdle();
              await bench.clock.advanceAsync(0);
              if (scheduler.count() > 0) idle = -1;
            }
          };
          await settle();
          if (bench.task.life.state === 'alive') expect(bench.engine.hasWork).toBe(false);
          else bench.task.start();
          await settle();
          expect(bench.host.state).toEqual(entries(bench.log.decidedIdx));
          stops.push(bench.task.stop());
          await settle();
          await Promise.all(stops);
          expect([bench.subscribers.size, bench.clock.armedTimers]).toEqual([0, 0]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
