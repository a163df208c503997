import { describe, expect, test } from 'vitest';
import { SimulationFailure } from '../../src/testing/simulator/simulation.js';
import { runDeposedLeader } from './deposed-leader.js';

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

async function violations(leaseMs: number): Promise<string[]> {
  const found: string[] = [];
  for (const seed of SEEDS) {
    const result = await runDeposedLeader(seed, leaseMs, 4_000);
    if (result instanceof SimulationFailure) found.push(result.invariant);
  }
  return found;
}

// O01
describe('a deposed leader that clients still reach', () => {
  test('without leases: the simulator sees a later call get a lower timestamp, so it would see one with them', async () => {
    const found = await violations(0);
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found)).toEqual(new Set(['a later call gets a greater timestamp']));
  });

  test('with the default lease: never', async () => {
    expect(await violations(250)).toEqual([]);
  });
});
