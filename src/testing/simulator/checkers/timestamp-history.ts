import { InvariantViolation } from '../violation.js';

/** A call for a timestamp that is under way. */
export interface OpenCall {
  /** The highest timestamp that anybody had received when this call began. */
  readonly floor: bigint;
}

/**
 * What clients receive, over all of them together, judged exactly: a timestamp received by a call that began after another one was
 * received is greater than it, and none is received twice.
 */
export class TimestampHistory {
  readonly #received = new Set<bigint>();
  #highest = -1n;

  /** How many timestamps were received. */
  get count(): number {
    return this.#received.size;
  }

  begin(): OpenCall {
    return { floor: this.#highest };
  }

  /** @throws {InvariantViolation} if one of `count` timestamps from `first` on breaks the order. */
  end(call: OpenCall, first: bigint, count: number, from: string): void {
    if (first <= call.floor) {
      throw new InvariantViolation(
        'a later call gets a greater timestamp',
        `${from} granted ${first} to a call that began after ${call.floor} had been received`,
      );
    }
    for (let timestamp = first; timestamp < first + BigInt(count); timestamp++) {
      if (this.#received.has(timestamp)) {
        throw new InvariantViolation('no timestamp is granted twice', `${from} granted ${timestamp} again`);
      }
      this.#received.add(timestamp);
    }
    const last = first + BigInt(count) - 1n;
    if (last > this.#highest) this.#highest = last;
  }
}
