import type { DecidedItem } from '../omnipaxos/index.js';

/**
 * The small read view that any replicated log can offer to the primitives of this room. Indexes are counts:
 * `decidedIdx = 3` means that the items 0, 1 and 2 are decided.
 *
 * ## What implementors guarantee
 *
 * 1. `decidedIdx` never falls during the life of the object.
 * 2. A decided item never changes.
 * 3. `read` gives the items contiguously from `fromIdx`, or begins with a snapshot that covers `fromIdx`; if
 *    it can give neither, it throws.
 * 4. `read` gives everything up to `decidedIdx`, or exactly `limit` items. It never gives a shorter list for
 *    lack of data.
 *
 * The primitives check 3 and 4 at every read, and fold nothing of a read that breaks them.
 */
export interface DecidedLog<E, S> {
  readonly decidedIdx: number;
  /**
   * The decided items from `fromIdx` (inclusive) up to `decidedIdx`, at most `limit` of them (at least 1; no
   * limit if absent). If the log has been compacted past `fromIdx`, the first item is the snapshot, which
   * stands for everything below its compactedIdx and counts as one item.
   * @throws if `fromIdx` is above `decidedIdx`, or the log cannot give the range.
   */
  read(fromIdx: number, limit?: number): readonly DecidedItem<E, S>[];
}
