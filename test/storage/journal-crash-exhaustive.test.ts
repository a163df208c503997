import { expect, test } from 'vitest';
import type { MemoryFileSystem, Survival } from '../../src/testing/memory-file-system.js';
import { fixedHistory } from './fixed-history.js';
import { TestMachine } from './journal-harness.js';
import { statesAfter } from './naive-storage.js';
import { callsShownBy, recoverFrom } from './recovered-state.js';
import { config } from './storage-fixtures.js';

/** The disk as it stands before one call of the file system, and what had been promised by then. */
interface CrashPoint {
  readonly fileSystem: MemoryFileSystem;
  readonly call: string;
  readonly acknowledged: number;
}

/** Runs the history once and stops the clock at every call of the file system. */
async function crashPoints(together: number): Promise<CrashPoint[]> {
  const machine = new TestMachine();
  await machine.init();
  const points: CrashPoint[] = [];
  let acknowledged = 0;
  machine.fileSystem.onCall = ({ name, path }) => {
    points.push({ fileSystem: machine.fileSystem.clone(), call: `${name} ${path}`, acknowledged });
    return undefined;
  };
  const journal = await machine.open();
  for (let from = 0; from < fixedHistory.length; from += together) {
    await Promise.all(
      fixedHistory.slice(from, from + together).map(async ({ writes, needsSync }, i) => {
        await journal.persist(writes, needsSync);
        if (needsSync) acknowledged = from + i + 1;
      }),
    );
  }
  await journal.close();
  return points;
}

/** Up to this many unsynced changes every subset is tried; beyond it, so many subsets, spread evenly. */
const EXHAUSTIVE_CHANGES_MAX = 12;

/** Every way in which a crash can keep some of `changes` unsynced changes, as bit sets. */
function subsets(changes: number): number[] {
  const count = 2 ** Math.min(changes, EXHAUSTIVE_CHANGES_MAX);
  // An odd multiplier spreads the bits when there are more changes than bits.
  return Array.from({ length: count }, (_, i) =>
    changes > EXHAUSTIVE_CHANGES_MAX ? (i * 0x9e3779b1) >>> 0 : i,
  );
}

// S06, S09, S12, S14: the storage crash-conformance of every write boundary
test.each([1, 3])(
  'journal: power lost before each call, any subset of what was not synced survives (%i together)',
  async (together) => {
    const states = statesAfter(config, fixedHistory);
    const points = await crashPoints(together);
    let images = 0;
    for (const point of points) {
      const changes = point.fileSystem.unsynced.length;
      for (const subset of subsets(changes)) {
        const image = point.fileSystem.clone();
        image.crash((_change, i) => (subset & (1 << (i % 32))) !== 0);
        try {
          callsShownBy(await recoverFrom(image), states, point.acknowledged);
        } catch (error) {
          throw new Error(`before ${point.call}, subset ${subset.toString(2)} of ${changes}`, {
            cause: error,
          });
        }
        images++;
      }
    }
    expect(images).toBeGreaterThan(points.length * 2);
  },
);

test('journal: power lost in each write, torn at any byte, nothing acknowledged is lost', async () => {
  const states = statesAfter(config, fixedHistory);
  for (const point of await crashPoints(1)) {
    const { unsynced } = point.fileSystem;
    const last = unsynced.at(-1);
    if (last?.kind !== 'write') continue;
    // Of a long write (zeroes, a long entry): each byte of its first and last part, where its records begin and end.
    const lengths = Array.from({ length: last.bytes.length }, (_, i) => i).filter(
      (i) => i < 128 || i > last.bytes.length - 128 || i % 97 === 0,
    );
    for (const length of lengths) {
      for (const others of [false, true]) {
        const image = point.fileSystem.clone();
        image.crash((_change, i): Survival => (i === unsynced.length - 1 ? length : others));
        try {
          callsShownBy(await recoverFrom(image), states, point.acknowledged);
        } catch (error) {
          throw new Error(`before ${point.call}, the last write torn at ${length}`, { cause: error });
        }
      }
    }
  }
});

test('journal: power lost before each call, an opening goes on from what is there', async () => {
  const states = statesAfter(config, fixedHistory);
  for (const [i, point] of (await crashPoints(2)).entries()) {
    const machine = new TestMachine(point.fileSystem.clone(), 1_000);
    machine.crash((_change, change) => (i + change) % 3 !== 0);
    const journal = await machine.open();
    const shown = callsShownBy(journal.load(), states, point.acknowledged);
    for (const { writes, needsSync } of fixedHistory.slice(shown)) await journal.persist(writes, needsSync);
    machine.crash();
    callsShownBy((await machine.open()).load(), states, fixedHistory.length);
  }
});
