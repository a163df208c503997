import { type Logger, silentLogger } from '../runtime/index.js';
import { type AwaitableSteps, runSync, settled } from './awaitable-steps.js';
import type { SnapshotPolicy } from './snapshot-policy.js';

/** When to snapshot, and how. */
export interface SnapshotOptions<S> {
  readonly policy: SnapshotPolicy;
  /**
   * The host's complete state, as it is after everything folded so far. Later folds must not change the
   * value. Only the apply task can wait for a promise.
   */
  readonly take: () => S | PromiseLike<S>;
  /** Hands the value to the log, which replaces all records below `upToIdx` by it. */
  readonly compact: (upToIdx: number, value: S) => void;
}

/** What became of the question whether to snapshot. */
export type SnapshotOutcome =
  | { readonly kind: 'notDue' }
  | { readonly kind: 'taken'; readonly upToIdx: number }
  | { readonly kind: 'failed'; readonly error: unknown };

/** How a host's snapshots have fared: for its health and its metrics. */
export interface SnapshotCounts {
  readonly taken: number;
  readonly failed: number;
  /**
   * How many have failed since the last one that succeeded. Above 0 the log is not being compacted, and
   * grows.
   */
  readonly failedInARow: number;
  /** Up to where the last one reached; undefined before the first. */
  readonly lastTakenIdx: number | undefined;
  /** Why the last failure happened; undefined before the first. */
  readonly lastError: unknown;
}

/** The counts of a host that has not made any snapshot yet. */
export const NO_SNAPSHOTS: SnapshotCounts = Object.freeze({
  taken: 0,
  failed: 0,
  failedInARow: 0,
  lastTakenIdx: undefined,
  lastError: undefined,
});

/** The counts after one more outcome. */
export function countSnapshot(counts: SnapshotCounts, outcome: SnapshotOutcome): SnapshotCounts {
  switch (outcome.kind) {
    case 'notDue':
      return counts;
    case 'taken':
      return { ...counts, taken: counts.taken + 1, failedInARow: 0, lastTakenIdx: outcome.upToIdx };
    case 'failed':
      return {
        ...counts,
        failed: counts.failed + 1,
        failedInARow: counts.failedInARow + 1,
        lastError: outcome.error,
      };
  }
}

/**
 * Asks the policy; if it fires, takes the value from the host and lets the log compact up to `appliedIdx`.
 *
 * It never throws: folding must go on when snapshots fail. A failure, of the predicate, of taking or of
 * compacting, is logged as an error and returned, for the caller to count with {@link countSnapshot} and to
 * show in its health.
 *
 * ```ts
 * const snapshots: SnapshotOptions<Contents> = {
 *   policy: SnapshotPolicy.every(1024),
 *   take: () => store.contents(),
 *   compact: (upToIdx, value) => node.snapshot(upToIdx, value),
 * };
 * cursor = drainDecided(node.log, cursor, fold);
 * counts = countSnapshot(counts, maybeSnapshot(cursor, snapshots, logger));
 * ```
 */
export function maybeSnapshot<S>(
  appliedIdx: number,
  options: SnapshotOptions<S>,
  logger: Logger = silentLogger,
): SnapshotOutcome {
  return runSync(snapshotSteps(appliedIdx, options, logger));
}

/** The work of {@link maybeSnapshot}, for callers that may be able to wait. */
export function* snapshotSteps<S>(
  appliedIdx: number,
  { policy, take, compact }: SnapshotOptions<S>,
  logger: Logger,
): AwaitableSteps<SnapshotOutcome> {
  try {
    if (!policy.fire(appliedIdx)) return { kind: 'notDue' };
    const value = yield* settled(take());
    compact(appliedIdx, value);
    logger.debug({ upToIdx: appliedIdx }, 'snapshot taken, log compacted');
    return { kind: 'taken', upToIdx: appliedIdx };
  } catch (error) {
    logger.error({ err: error, upToIdx: appliedIdx }, 'snapshot failed: the log is not compacted');
    return { kind: 'failed', error };
  }
}
