import type { Epoch } from '../../src/consensus/index.js';
import { epochFromBallot, type HighWaterCommand, type ProposalId } from '../../src/high-water/index.js';
import type { NodeId, StopSign } from '../../src/omnipaxos/index.js';

/** The epoch of the n-th leadership, by node `pid`, of configuration 1. */
export function epochOf(n: number, pid: NodeId = 1): Epoch {
  return epochFromBallot({ configId: 1, n, priority: 0, pid });
}

/** The data directory of node `pid`. */
export function directoryOf(pid: NodeId): string {
  return pid.toString(16).padStart(16, 'd');
}

/** The seq-th proposal of node `pid`'s life `incarnation`. */
export function idOf(seq: number, pid: NodeId = 1, incarnation = 1): ProposalId {
  return { directoryId: directoryOf(pid), incarnation, seq };
}

export function advance(atLeast: number, epoch: Epoch, id: ProposalId): HighWaterCommand {
  return { kind: 'advance', atLeast, epoch, id };
}

export function barrier(epoch: Epoch, id: ProposalId): HighWaterCommand {
  return { kind: 'barrier', epoch, id };
}

/** The end of a configuration: `configId` with these nodes comes next. */
export function stopSignTo(configId: number, ...nodes: readonly NodeId[]): StopSign {
  return { nextConfig: { configId, nodes, leaseMs: 0, maxClockDrift: 0 } };
}
