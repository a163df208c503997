import { expect, test } from 'vitest';
import type { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { subsetsThatSurvive } from '../support/survivals.js';
import { type CrashPoint, crashedDisks, crashPoints, trySubsets, tryTornWrites } from './crash-points.js';
import { fixedHistory } from './fixed-history.js';
import { TestMachine } from './journal-harness.js';
import { statesAfter } from './naive-storage.js';
import { callsShownBy, recoverFrom } from './recovered-state.js';
import { config } from './storage-fixtures.js';

// S06, S09, S12, S14: the storage crash-conformance of every write boundary
test.each([1, 3])(
  'journal: power lost before each call, any subset of what was not synced survives (%i together)',
  async (together) => {
    const states = statesAfter(config, fixedHistory);
    const points = await crashPoints(fixedHistory, together);
    let images = 0;
    for (const point of points) images += await trySubsets(point, states);
    expect(images).toBeGreaterThan(10_000);
  },
);

test('journal: power lost in each write, torn at any byte, nothing acknowledged is lost', async () => {
  const states = statesAfter(config, fixedHistory);
  let images = 0;
  for (const point of await crashPoints(fixedHistory, 1)) images += await tryTornWrites(point, states);
  expect(images).toBeGreaterThan(5_000);
});

// S06, S12: also when a new segment was being made, its name given, older ones removed
test('journal: power lost before each call, any subset of what was not synced survives, an opening goes on from what is there', async () => {
  const states = statesAfter(config, fixedHistory);
  for (const point of await crashPoints(fixedHistory, 2)) {
    for (const { fileSystem, isNew, what } of crashedDisks(
      point,
      subsetsThatSurvive(point.fileSystem.unsynced),
    )) {
      if (!isNew) continue;
      await goOn(fileSystem, states, point.acknowledged).catch((cause: unknown) => {
        throw new Error(`power lost before ${point.call}, ${what}`, { cause });
      });
    }
  }
});

/** Opens what a crash has left, makes the rest of the calls, and loses power again. */
async function goOn(
  fileSystem: MemoryFileSystem,
  states: ReturnType<typeof statesAfter>,
  acknowledged: number,
): Promise<void> {
  const machine = new TestMachine(fileSystem, 5_000);
  const journal = await machine.open();
  const shown = callsShownBy(journal.load(), states, acknowledged);
  for (const { writes, needsSync } of fixedHistory.slice(shown)) await journal.persist(writes, needsSync);
  machine.crash();
  callsShownBy((await machine.open()).load(), states, fixedHistory.length);
}

// The second opening is the one that is cut short: its lock is stale, its segment was in use, its tail may be torn.
test('journal: power lost before each call of a recovery, any subset survives, the next recovery finds the same', async () => {
  const states = statesAfter(config, fixedHistory);
  let images = 0;
  for (const point of (await crashPoints(fixedHistory, 2)).filter((_, i) => i % 5 === 0)) {
    const machine = new TestMachine(point.fileSystem.clone(), 5_000);
    machine.crash((_change, i) => i % 2 === 0);
    const shown = callsShownBy(await recoverFrom(machine.fileSystem), states, point.acknowledged);
    const { fileSystem } = machine;
    const recovering: CrashPoint[] = [];
    fileSystem.onCall = ({ name, path }) => {
      const call = `${name} ${path}, recovering from a crash before ${point.call}`;
      recovering.push({ fileSystem: fileSystem.clone(), call, acknowledged: shown });
      return undefined;
    };
    await machine.open();
    for (const again of recovering) images += await trySubsets(again, states.slice(0, shown + 1));
  }
  expect(images).toBeGreaterThan(1_000);
});
