import { PHYSICAL_MS_MAX } from '../consensus/index.js';
import { InvalidInputError, TsoracleError } from '../errors/index.js';
import { LOGICAL_COUNT } from './timestamp.js';

/** A run of timestamps, all at one `physicalMs`: `logicalStart` up to `logicalStart + count - 1`. */
export interface TimestampRange {
  readonly physicalMs: number;
  readonly logicalStart: number;
  readonly count: number;
}

/** The window of one leadership, both ends inclusive, in ms. */
export interface Window {
  /** Above everything that any earlier leadership can have granted. */
  readonly floorMs: number;
  /** Durable: a later leadership begins above it. */
  readonly limitMs: number;
}

/**
 * Grants timestamps out of the window of one leadership: pure, synchronous, plain numbers.
 *
 * 1. Every range lies strictly above every range granted before.
 * 2. Every range lies within `[floorMs, limitMs]`. A later leadership's floor is above this one's limit, so windows of different
 *    leaderships are disjoint, whatever the clocks say.
 * 3. `limitMs` never falls.
 */
export class WindowAllocator {
  readonly #floorMs: number;
  #limitMs: number;
  #lastMs: number;
  /** The next free place in `#lastMs`. */
  #nextLogical = 0;

  /** @throws {InvalidInputError} unless `0 <= floorMs <= limitMs <= 2^46 - 1`, whole numbers. */
  constructor({ floorMs, limitMs }: Window) {
    if (!Number.isSafeInteger(floorMs) || floorMs < 0) {
      throw new InvalidInputError('floorMs', floorMs, 'must be a whole number from 0');
    }
    assertLimit(limitMs, floorMs);
    this.#floorMs = floorMs;
    this.#limitMs = limitMs;
    this.#lastMs = floorMs;
  }

  /** The window as it stands. */
  get window(): Window {
    return { floorMs: this.#floorMs, limitMs: this.#limitMs };
  }

  /**
   * Grants `count` timestamps at the ms that the clock shows, as far as the window reaches: at the last one granted from if the clock is
   * behind it, at the end of the window if the clock is beyond.
   * @param nowMs what the wall clock shows; anything that is no possible physical time is taken for a clock that stands still.
   * @returns undefined if the window is exhausted.
   * @throws {InvalidInputError} unless `count` is a whole number within [1, 2^18]; nothing is granted then.
   */
  grant(nowMs: number, count: number): TimestampRange | undefined {
    assertCount(count);
    const clockMs = Math.min(plausibleMs(nowMs) ?? 0, this.#limitMs);
    let physicalMs = Math.max(this.#lastMs, clockMs);
    let logicalStart = physicalMs === this.#lastMs ? this.#nextLogical : 0;
    if (logicalStart + count > LOGICAL_COUNT) {
      physicalMs += 1;
      logicalStart = 0;
    }
    if (physicalMs > this.#limitMs) return undefined;
    this.#lastMs = physicalMs;
    this.#nextLogical = logicalStart + count;
    return { physicalMs, logicalStart, count };
  }

  /**
   * The limit that the window should be extended to, so that it reaches `aheadMs` beyond the clock, or beyond the last grant if that is
   * later; undefined while at least half of that is left.
   * @throws {TsoracleError} with code `time_exhausted` if the window has reached the last ms that a timestamp can carry, and less than half of
   * `aheadMs` is left of it, and no timestamp is left at all.
   */
  extensionNeeded(nowMs: number, aheadMs: number): number | undefined {
    const fromMs = Math.max(this.#lastMs, plausibleMs(nowMs) ?? 0);
    if (this.#limitMs - fromMs >= aheadMs / 2) return undefined;
    const limitMs = Math.min(fromMs + aheadMs, PHYSICAL_MS_MAX);
    if (limitMs > this.#limitMs) return limitMs;
    if (this.#lastMs === PHYSICAL_MS_MAX && this.#nextLogical === LOGICAL_COUNT) throw timeExhausted();
    return undefined;
  }

  /** Extends the window up to `limitMs`, which must be durable; a lower one than the present changes nothing. */
  extend(limitMs: number): void {
    assertLimit(limitMs, this.#floorMs);
    this.#limitMs = Math.max(this.#limitMs, limitMs);
  }
}

/** There is no timestamp left: the last ms that one can carry has been reached. */
export function timeExhausted(): TsoracleError {
  return new TsoracleError(
    'time_exhausted',
    `the last ms that a timestamp can carry, ${PHYSICAL_MS_MAX}, has been reached`,
  );
}

/** @throws {InvalidInputError} unless `count` is a whole number within [1, 2^18]. */
export function assertCount(count: number): void {
  if (!Number.isSafeInteger(count) || count < 1 || count > LOGICAL_COUNT) {
    throw new InvalidInputError('count', count, `must be a whole number within [1, ${LOGICAL_COUNT}]`);
  }
}

/** What a wall clock shows as whole ms, if it is a time that a timestamp can carry. */
export function plausibleMs(nowMs: number): number | undefined {
  const wholeMs = Math.floor(nowMs);
  return wholeMs >= 0 && wholeMs <= PHYSICAL_MS_MAX ? wholeMs : undefined;
}

function assertLimit(limitMs: number, floorMs: number): void {
  if (!Number.isSafeInteger(limitMs) || limitMs < floorMs || limitMs > PHYSICAL_MS_MAX) {
    throw new InvalidInputError(
      'limitMs',
      limitMs,
      `must be a whole number within [${floorMs}, ${PHYSICAL_MS_MAX}]`,
    );
  }
}
