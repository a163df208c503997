import { InvariantViolation } from '../violation.js';

/** How far the log of one node is, as it shows it. */
export interface ShownIndexes {
  readonly compactedIdx: number;
  readonly decidedIdx: number;
  readonly acceptedIdx: number;
}

/**
 * Compacted, applied, decided and accepted indexes are in order. Invariant 4.
 * @throws {InvariantViolation} if they are not.
 */
export function requireIndexOrder(nodeId: number, shown: ShownIndexes, appliedIdx: number): void {
  const { compactedIdx, decidedIdx, acceptedIdx } = shown;
  // A snapshot from the leader is in the log before it is applied, so compactedIdx may be above appliedIdx.
  if (Math.max(compactedIdx, appliedIdx) <= decidedIdx && decidedIdx <= acceptedIdx) return;
  throw new InvariantViolation(
    'compacted, applied, decided and accepted indexes are in order',
    `node ${nodeId} shows ${compactedIdx}, ${appliedIdx}, ${decidedIdx}, ${acceptedIdx}`,
  );
}
