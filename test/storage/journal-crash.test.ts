import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StableState } from '../../src/omnipaxos/index.js';
import type { Journal } from '../../src/storage/index.js';
import { StableImage } from '../../src/storage/stable-image.js';
import { type PersistCall, stableHistoryArbitrary } from '../../src/testing/arbitraries/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { TestMachine } from './journal-harness.js';
import { statesAfter } from './naive-storage.js';
import { callsShownBy } from './recovered-state.js';
import { config, historyValues } from './storage-fixtures.js';

type State = StableState<string, number>;

/** Up to which call everything has been acknowledged as durable. */
class HighestCall {
  count = 0;
}

/** Makes the calls, a few at a time, and notes which were acknowledged as durable. */
async function run(
  journal: Journal<string, number>,
  calls: readonly PersistCall<string, number>[],
  together: number,
  durable: HighestCall,
): Promise<void> {
  for (let from = 0; from < calls.length; from += together) {
    await Promise.all(
      calls.slice(from, from + together).map(async ({ writes, needsSync }, i) => {
        await journal.persist(writes, needsSync);
        if (needsSync) durable.count = Math.max(durable.count, from + i + 1);
      }),
    );
  }
}

// Cloned: fast-check also makes objects without a prototype, which no codec gives back.
const history = stableHistoryArbitrary(historyValues, { maxCalls: 30 }).map((calls) =>
  structuredClone(calls),
);

test('stable image: any history, gives what the naive model gives', () => {
  fc.assert(
    fc.property(history, (calls) => {
      const states = statesAfter(config, calls);
      const image = new StableImage<string, number>(states[0] as State);
      for (const [i, { writes }] of calls.entries()) {
        image.apply(writes);
        expect(image.copy()).toEqual(states[i + 1]);
      }
    }),
  );
});

// S02, S03, S06, S07, S14, S18
test('journal: power lost at any call of the file system, nothing acknowledged is lost, nothing is half there', async () => {
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.integer({ min: 1, max: 8 }),
      fc.nat({ max: 150 }),
      fc.infiniteStream(fc.oneof(fc.boolean(), fc.nat({ max: 200 }))),
      async (calls, together, callsUntilCrash, survival) => {
        const states = statesAfter(config, calls);
        const machine = new TestMachine();
        await machine.init();
        const stop = machine.fileSystem.calls + callsUntilCrash;
        machine.fileSystem.onCall = ({ index }) => (index >= stop ? { kind: 'hang' } : undefined);
        const durable = new HighestCall();
        void machine.open().then((journal) => run(journal, calls, together, durable));
        for (let turn = 0; turn < 40; turn++) await settleMicrotasks();
        machine.fileSystem.onCall = undefined;
        machine.crash(() => survival.next().value);

        const recovered = await machine.open();
        const shown = callsShownBy(recovered.load(), states, durable.count);
        // And what is written on top of it is there after the next crash.
        await recovered.persist(calls[shown]?.writes ?? [], true);
        machine.crash();
        const again = await machine.open();
        callsShownBy(again.load(), states, Math.min(shown + 1, calls.length));
      },
    ),
    { numRuns: 300 },
  );
});

test('journal: power lost while it recovers, and again, nothing acknowledged is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.array(fc.nat({ max: 25 }), { maxLength: 4 }),
      fc.infiniteStream(fc.oneof(fc.boolean(), fc.nat({ max: 4_000 }))),
      async (calls, crashes, survival) => {
        const states = statesAfter(config, calls);
        const machine = new TestMachine();
        await machine.init();
        const journal = await machine.open();
        const durable = new HighestCall();
        await run(journal, calls, 4, durable);
        machine.crash(() => survival.next().value);
        for (const callsUntilCrash of crashes) {
          const stop = machine.fileSystem.calls + callsUntilCrash;
          machine.fileSystem.onCall = ({ index }) => (index >= stop ? { kind: 'hang' } : undefined);
          void machine.open();
          for (let turn = 0; turn < 5; turn++) await settleMicrotasks();
          machine.fileSystem.onCall = undefined;
          machine.crash(() => survival.next().value);
        }
        callsShownBy((await machine.open()).load(), states, durable.count);
      },
    ),
    { numRuns: 150 },
  );
});
