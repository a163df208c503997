import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import type { StableState } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';
import { ballotText, isBallotAtLeast } from './ballot-order.js';

type Disk = StableState<HighWaterCommand, HighWaterSnapshot>;

/**
 * Compares what one disk holds durably with what it held before: promise, accepted round, compactedIdx and decidedIdx never go back, over all lives.
 * Invariant 3.
 * @throws {InvariantViolation} if one of them has.
 */
export function requireNoStepBack(nodeId: number, before: Disk, after: Disk): void {
  for (const field of ['promise', 'acceptedRound'] as const) {
    if (!isBallotAtLeast(after[field], before[field]))
      steppedBack(nodeId, field, ballotText(before[field]), ballotText(after[field]));
  }
  const compactedBefore = before.snapshot?.compactedIdx ?? 0;
  const compactedAfter = after.snapshot?.compactedIdx ?? 0;
  if (compactedAfter < compactedBefore) steppedBack(nodeId, 'compactedIdx', compactedBefore, compactedAfter);
  if (after.decidedIdx < before.decidedIdx)
    steppedBack(nodeId, 'decidedIdx', before.decidedIdx, after.decidedIdx);
}

function steppedBack(nodeId: number, field: string, before: unknown, after: unknown): never {
  throw new InvariantViolation(
    'what a directory holds durably never goes back',
    `${field} of node ${nodeId} was ${before}, and is ${after}`,
  );
}
