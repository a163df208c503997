import type { DrainError } from './drain-error.js';
import type { SnapshotCounts, SnapshotOutcome } from './maybe-snapshot.js';

/** What one step has done. */
export interface StepReport {
  /** How many items were folded: 0 if nothing was waiting. */
  readonly folded: number;
  /** How many records of the log the host has folded by now. */
  readonly appliedIdx: number;
  /** Whether decided items are still waiting. */
  readonly more: boolean;
  readonly snapshot: SnapshotOutcome;
}

/** How far a host has come. */
export interface ApplyStatus {
  /** How many records of the log have been folded: the cursor. */
  readonly appliedIdx: number;
  readonly decidedIdx: number;
  /** How many decided records wait to be folded. */
  readonly lag: number;
  /** How many items have been folded in this life, recovery included. A snapshot is one item. */
  readonly foldedItems: number;
  readonly snapshots: SnapshotCounts;
  /** Why nothing will be folded any more; undefined while all is well. */
  readonly failure: DrainError | undefined;
}
