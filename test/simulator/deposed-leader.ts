import { chaosWeights, type FaultPlan } from '../../src/testing/simulator/fault-plan.js';
import {
  runSimulation,
  SimulationFailure,
  type SimulationReport,
} from '../../src/testing/simulator/simulation.js';

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

/** What one world of deposed leaders has come to: what it has done, or the promise that it broke. */
export type DeposedLeaderResult = SimulationReport | SimulationFailure;

/** Runs one world whose nodes hold leases of `leaseMs`; 0 is without leases. */
export async function runDeposedLeader(
  seed: number,
  leaseMs: number,
  steps: number,
): Promise<DeposedLeaderResult> {
  try {
    return await runSimulation({ seed, steps, plan: { ...CUT_OFF, leaseMs } });
  } catch (error) {
    if (error instanceof SimulationFailure) return error;
    throw error;
  }
}
