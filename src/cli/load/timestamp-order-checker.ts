import { TsoracleError } from '../../errors/index.js';

/** Names one call between its begin and its end. */
export type CallToken = number;

/** What was wrong with a grant. */
export type OrderViolation =
  /** Its first timestamp is not above `floor`, which was received before the call began. */
  | { readonly kind: 'notAbove'; readonly first: bigint; readonly count: number; readonly floor: bigint }
  /** It holds a timestamp that another call received. */
  | { readonly kind: 'duplicate'; readonly first: bigint; readonly count: number };

export interface TimestampOrderCheckerOptions {
  /**
   * How many separate ranges may be kept for calls that still overlap: at least 1, default 1,000,000 (roughly
   * a quarter of an hour of one call that never ends beside a busy load). Past it the checker throws: it
   * never judges by half of the facts.
   */
  readonly maxKeptRanges?: number;
}

/**
 * Judges the promise of the timestamp oracle as its clients see it, over all clients of one process:
 *
 * 1. A timestamp received by a call that began after another call's timestamp had been received is greater than it.
 * 2. No timestamp is received twice.
 *
 * The order of events is the order in which the methods are called. A grant that breaks a rule counts as one
 * violation.
 *
 * Memory: whatever lies at or below the floor of the oldest call under way (the highest timestamp received
 * before it began) can only come again as a breach of rule 1, for that call and for all later ones. So only
 * the values above that floor are kept, as disjoint ranges in ascending order, and neighbours are joined.
 */
export class TimestampOrderChecker {
  readonly #maxKeptRanges: number;
  /** The floor of each call under way. Calls begin in key order, so floors ascend too. */
  readonly #floors = new Map<CallToken, bigint>();
  /** Received ranges above the oldest floor: ascending, disjoint, not touching. Both ends are inclusive. */
  readonly #firsts: bigint[] = [];
  readonly #lasts: bigint[] = [];
  #highest = -1n;
  #nextToken: CallToken = 0;
  #violations = 0;

  constructor(options: TimestampOrderCheckerOptions = {}) {
    this.#maxKeptRanges = options.maxKeptRanges ?? 1_000_000;
  }

  /** How many grants broke a rule. */
  get violations(): number {
    return this.#violations;
  }

  /** How many calls have begun and not ended. */
  get callsUnderWay(): number {
    return this.#floors.size;
  }

  /** How many separate ranges are kept at this moment. */
  get keptRanges(): number {
    return this.#firsts.length;
  }

  /** To be called in the turn in which a call is made, before anything of it leaves. */
  begin(): CallToken {
    const token = this.#nextToken++;
    this.#floors.set(token, this.#highest);
    return token;
  }

  /**
   * To be called once, when the call has received `first` and the `count - 1` timestamps after it.
   * @returns what is wrong with them, if anything is.
   * @throws {TsoracleError} with code `checker_overflow` past `maxKeptRanges`, `internal` for a call that is not under way.
   */
  received(token: CallToken, first: bigint, count: number): OrderViolation | undefined {
    const floor = this.#end(token);
    const last = first + BigInt(count) - 1n;
    const violation: OrderViolation | undefined =
      first <= floor
        ? { kind: 'notAbove', first, count, floor }
        : this.#overlaps(first, last)
          ? { kind: 'duplicate', first, count }
          : undefined;
    if (violation !== undefined) this.#violations++;
    this.#keep(first, last);
    if (last > this.#highest) this.#highest = last;
    this.#foldBelow(this.#oldestFloor());
    return violation;
  }

  /** To be called once, when the call has failed: whatever it may have been granted, nobody received it. */
  failed(token: CallToken): void {
    this.#end(token);
    this.#foldBelow(this.#oldestFloor());
  }

  #end(token: CallToken): bigint {
    const floor = this.#floors.get(token);
    if (floor === undefined) throw new TsoracleError('internal', `call ${token} is not under way`);
    this.#floors.delete(token);
    return floor;
  }

  #oldestFloor(): bigint {
    for (const floor of this.#floors.values()) return floor;
    return this.#highest;
  }

  #overlaps(first: bigint, last: bigint): boolean {
    const next = this.#firsts[this.#rangeEndingAtOrAbove(first)];
    return next !== undefined && next <= last;
  }

  /** Adds [first, last], joined with every kept range that it overlaps or touches. */
  #keep(first: bigint, last: bigint): void {
    const from = this.#rangeEndingAtOrAbove(first - 1n);
    let to = from;
    let joinedFirst = first;
    let joinedLast = last;
    for (; to < this.#firsts.length; to++) {
      const keptFirst = this.#firsts[to];
      const keptLast = this.#lasts[to];
      if (keptFirst === undefined || keptLast === undefined || keptFirst > last + 1n) break;
      if (keptFirst < joinedFirst) joinedFirst = keptFirst;
      if (keptLast > joinedLast) joinedLast = keptLast;
    }
    this.#firsts.splice(from, to - from, joinedFirst);
    this.#lasts.splice(from, to - from, joinedLast);
    if (this.#firsts.length <= this.#maxKeptRanges) return;
    throw new TsoracleError(
      'checker_overflow',
      `more than ${this.#maxKeptRanges} ranges of timestamps are kept for calls that still overlap`,
    );
  }

  /**
   * Drops every range that lies at or below `floor`. One that reaches above it stays whole, which changes no
   * verdict.
   */
  #foldBelow(floor: bigint): void {
    const end = this.#rangeEndingAtOrAbove(floor + 1n);
    if (end === 0) return;
    this.#firsts.splice(0, end);
    this.#lasts.splice(0, end);
  }

  /**
   * The place of the first kept range whose last value is at or above `value`; the number of ranges if there
   * is none.
   */
  #rangeEndingAtOrAbove(value: bigint): number {
    let low = 0;
    let high = this.#lasts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = this.#lasts[middle];
      if (last !== undefined && last < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
