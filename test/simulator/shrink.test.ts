import { expect, test } from 'vitest';
import { chaosWeights } from '../../src/testing/simulator/fault-plan.js';
import { shrinkSimulation, withoutRates } from '../../src/testing/simulator/shrink.js';
import { runSimulation } from '../../src/testing/simulator/simulation.js';

/** Without leases, a leader that is cut off goes on serving its clients. */
const PLAN = {
  nodes: 3,
  spares: 0,
  clients: 8,
  leaseMs: 0,
  chaosEveryMs: 600,
  windowAheadMs: 3_000,
  clockSkewMs: 0,
  weights: chaosWeights({ restart: 1, isolate: 3, heal: 1 }),
} as const;

test('shrinking: a world that breaks an invariant, leaves few acts, and breaks the same one again', async () => {
  let shrunk: Awaited<ReturnType<typeof shrinkSimulation>>;
  let seed = 0;
  // The first world that needs acts of chaos for it: in some, slow and lost messages are enough.
  while (shrunk === undefined || shrunk.acts.length + shrunk.without.length === 0) {
    seed += 1;
    shrunk = await shrinkSimulation({ seed, steps: 4_000, plan: PLAN, maxRuns: 60 });
  }
  const { acts, failure, off, without } = shrunk;
  expect(failure.invariant).toBe('a later call gets a greater timestamp');
  expect(shrunk.runs).toBeLessThanOrEqual(60);
  expect(acts.length).toBeLessThanOrEqual(3);
  expect(without.length + acts.length).toBeGreaterThan(0);
  const again = runSimulation({ seed, steps: 4_000, plan: { ...PLAN, ...withoutRates(off) }, without });
  await expect(again).rejects.toMatchObject({ message: failure.message });
});

test('shrinking: a world that breaks nothing, there is nothing to shrink', async () => {
  expect(await shrinkSimulation({ seed: 1, steps: 300 })).toBeUndefined();
});
