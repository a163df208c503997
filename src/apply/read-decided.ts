import { TsoracleError } from '../errors/index.js';
import type { DecidedItem } from '../omnipaxos/index.js';
import type { DecidedLog } from './decided-log.js';

/** A log has broken the contract of `DecidedLog`. `code` is always `'decided_log_broken'`. */
export class DecidedLogError extends TsoracleError {
  override readonly name = 'DecidedLogError';

  constructor(message: string) {
    super('decided_log_broken', message);
  }
}

/**
 * Reads what is decided from `cursor` on, at most `limit` items, and checks all of it against the contract of
 * {@link DecidedLog} before anybody folds any: that it begins at the cursor or with a snapshot that covers
 * it, has no gap, and ends where it must. A range that the log cannot give must never pass for an empty or a
 * shorter one, or entries would be skipped.
 *
 * @throws {DecidedLogError} if the log breaks its contract; what `read` throws passes through.
 */
export function readDecided<E, S>(
  log: DecidedLog<E, S>,
  cursor: number,
  limit: number,
): readonly DecidedItem<E, S>[] {
  const { decidedIdx } = log;
  if (cursor === decidedIdx) return [];
  if (cursor > decidedIdx) {
    throw new DecidedLogError(`the decided index is ${decidedIdx}, below the cursor ${cursor}`);
  }
  const items = log.read(cursor, limit);
  const end = checkContiguous(items, cursor);
  if (items.length > limit) throw new DecidedLogError(`${items.length} items were given instead of ${limit}`);
  if (items.length < limit && end < decidedIdx) {
    throw new DecidedLogError(`items ${end} to ${decidedIdx - 1} are decided, but were not given`);
  }
  if (end > log.decidedIdx) {
    throw new DecidedLogError(`item ${end - 1} was given, but the decided index is ${log.decidedIdx}`);
  }
  return items;
}

/** @returns the cursor after the last item. */
function checkContiguous(items: readonly DecidedItem<unknown, unknown>[], cursor: number): number {
  let next = cursor;
  for (const item of items) {
    if (item.kind === 'snapshot') {
      const { compactedIdx } = item.snapshot;
      if (item !== items[0] || compactedIdx <= cursor) {
        throw new DecidedLogError(`a snapshot up to ${compactedIdx} stands where item ${next} is due`);
      }
      next = compactedIdx;
    } else {
      if (item.idx !== next) throw new DecidedLogError(`item ${item.idx} stands where item ${next} is due`);
      next += 1;
    }
  }
  return next;
}
