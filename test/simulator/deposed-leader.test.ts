import { describe, expect, test } from 'vitest';
import { chaosWeights, type FaultPlan } from '../../src/testing/simulator/fault-plan.js';
import { runSimulation, SimulationFailure } from '../../src/testing/simulator/simulation.js';

/** Leaders are cut off from their peers again and again, but never from their clients; nothing else goes wrong. */
const CUT_OFF: Partial<FaultPlan> = {
  nodes: 3,
  clients: 8,
  loss: 0,
  diskFailure: 0,
  chaosEveryMs: 600,
  windowAheadMs: 3_000,
  clockSkewMs: 0,
  delayMs: { min: 0.1, max: 1 },
  syncMs: { min: 0.05, max: 0.3 },
  weights: chaosWeights({ restart: 1, isolate: 3, heal: 1 }),
  shortWrites: 0,
  applyChunk: { items: 256, restMs: 0 },
};
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

async function violations(leaseMs: number): Promise<string[]> {
  const found: string[] = [];
  for (const seed of SEEDS) {
    try {
      await runSimulation({ seed, steps: 4_000, plan: { ...CUT_OFF, leaseMs } });
    } catch (error) {
      if (!(error instanceof SimulationFailure)) throw error;
      found.push(error.invariant);
    }
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
