/**
 * Watches the promise of the oracle as one client sees it: what is returned to a call is above everything
 * that was returned before the call began. It costs two comparisons, and what it would find is the one fault
 * that a user of timestamps must not go on with.
 */
export class OrderGuard {
  #highest = -1n;

  /** The floor of a call that begins now: the highest timestamp returned so far, or -1. */
  begin(): bigint {
    return this.#highest;
  }

  /**
   * Whether a call that began at `floor` may return the timestamps from `first` to `last`; if so, they count
   * as returned.
   */
  admit(floor: bigint, first: bigint, last: bigint): boolean {
    if (first <= floor) return false;
    if (last > this.#highest) this.#highest = last;
    return true;
  }
}
