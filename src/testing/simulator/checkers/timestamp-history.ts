import { InvariantViolation } from '../violation.js';

/** A call for a timestamp that is under way. */
export interface OpenRequest {
  /** The highest timestamp that anybody had received when this call began. */
  readonly floor: bigint;
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * What clients receive, over all of them together, judged exactly: a timestamp received by a call that began after another one was
 * received is greater than it, and none is received twice. Invariants 13 and 14.
 */
export class TimestampHistory {
  /** All that was received, ascending. */
  readonly #ranges: Range[] = [];
  #highest = -1n;
  #count = 0;

  /** How many timestamps were received. */
  get count(): number {
    return this.#count;
  }

  begin(): OpenRequest {
    return { floor: this.#highest };
  }

  /** @throws {InvariantViolation} if one of `count` timestamps from `first` on breaks the order. */
  end(request: OpenRequest, first: bigint, count: number, from: string): void {
    if (first <= request.floor) {
      throw new InvariantViolation(
        'a later call gets a greater timestamp',
        `${from} granted ${first} to a call that began after ${request.floor} had been received`,
      );
    }
    const range = { first, last: first + BigInt(count) - 1n };
    const at = this.#placeOf(range);
    const next = this.#ranges[at];
    if (next !== undefined && next.first <= range.last) {
      const twice = next.first > first ? next.first : first;
      throw new InvariantViolation('no timestamp is granted twice', `${from} granted ${twice} again`);
    }
    this.#ranges.splice(at, 0, range);
    this.#count += count;
    if (range.last > this.#highest) this.#highest = range.last;
  }

  /** The place of the first range that does not end before `range` begins; near the end, mostly. */
  #placeOf({ first }: Range): number {
    let at = this.#ranges.length;
    while (at > 0 && (this.#ranges[at - 1]?.last ?? -1n) >= first) at -= 1;
    return at;
  }
}
