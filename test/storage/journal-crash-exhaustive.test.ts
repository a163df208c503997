import { expect, test } from 'vitest';
import { crashPoints, trySubsets, tryTornWrites } from './crash-points.js';
import { fixedHistory } from './fixed-history.js';
import { TestMachine } from './journal-harness.js';
import { statesAfter } from './naive-storage.js';
import { callsShownBy } from './recovered-state.js';
import { config } from './storage-fixtures.js';

// S06, S09, S12, S14: the storage crash-conformance of every write boundary
test.each([1, 3])(
  'journal: power lost before each call, any subset of what was not synced survives (%i together)',
  async (together) => {
    const states = statesAfter(config, fixedHistory);
    const points = await crashPoints(fixedHistory, together);
    let images = 0;
    for (const point of points) images += await trySubsets(point, states);
    expect(images).toBeGreaterThan(points.length * 2);
  },
);

test('journal: power lost in each write, torn at any byte, nothing acknowledged is lost', async () => {
  const states = statesAfter(config, fixedHistory);
  let images = 0;
  for (const point of await crashPoints(fixedHistory, 1)) images += await tryTornWrites(point, states);
  expect(images).toBeGreaterThan(1_000);
});

test('journal: power lost before each call, an opening goes on from what is there', async () => {
  const states = statesAfter(config, fixedHistory);
  for (const [i, point] of (await crashPoints(fixedHistory, 2)).entries()) {
    const machine = new TestMachine(point.fileSystem.clone(), 1_000);
    machine.crash((_change, change) => (i + change) % 3 !== 0);
    const journal = await machine.open();
    const shown = callsShownBy(journal.load(), states, point.acknowledged);
    for (const { writes, needsSync } of fixedHistory.slice(shown)) await journal.persist(writes, needsSync);
    machine.crash();
    callsShownBy((await machine.open()).load(), states, fixedHistory.length);
  }
});
