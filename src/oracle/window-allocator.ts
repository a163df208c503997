import { type Epoch, PHYSICAL_MS_MAX } from '../consensus/index.js';
import { InvalidInputError, TsoracleError } from '../errors/index.js';
import { LOGICAL_COUNT } from './timestamp.js';
import { believedMs } from './wall-time.js';

/** A run of timestamps, all at one `physicalMs`: `logicalStart` up to `logicalStart + count - 1`. */
export interface TimestampRange {
  readonly physicalMs: number;
  readonly logicalStart: number;
  readonly count: number;
}

/** The window of one leadership, in ms, both ends inclusive: timestamps at `limitMs` are granted too. */
export interface Window {
  /** Above everything that any earlier leadership can have granted. */
  readonly floorMs: number;
  /** Durable as the high-water before the first timestamp of the window is granted. */
  readonly limitMs: number;
}

/** What an allocator is made of. */
export interface WindowAllocatorOptions extends Window {
  /** The leadership that the window belongs to. */
  readonly epoch: Epoch;
  /** How far an extension reaches beyond the clock, in ms: a whole number from 1. */
  readonly windowAheadMs: number;
}

/**
 * The wish for a wider window. It stands for itself: only the allocator that made it takes it back, and only the
 * latest one that it made.
 */
export interface WindowExtension {
  readonly epoch: Epoch;
  /** What is to be made durable as the high-water. */
  readonly limitMs: number;
}

/**
 * Grants timestamps out of the window of one leadership: pure, synchronous, plain numbers. It lives as long as
 * that leadership does; the next one begins with an allocator of its own.
 *
 * 1. Every range lies strictly above every range granted before, and all of it at one ms.
 * 2. Every range lies within `[floorMs, limitMs]`.
 * 3. `limitMs` never falls, and rises only by {@link commit} of the extension prepared last.
 * 4. `physicalMs` is not below what the wall clock showed when the grant was asked for, or shows when it is granted
 *    if it was stepped back meanwhile; as far as the clock can be believed.
 *
 * **Why windows of different leaderships are disjoint.** A leadership seeds its allocator with a floor of
 * `max(prior + 1, now)`, where `prior` is the high-water that it has loaded. An earlier leadership grants only up
 * to a limit that it was told is durable. Such an advance took effect while that leadership still led, so before
 * the load, and the load reflects it: `prior >= limit`. Both ends are inclusive, hence the `+ 1`. Clocks have no
 * part in this.
 */
export class WindowAllocator {
  readonly #epoch: Epoch;
  readonly #windowAheadMs: number;
  readonly #floorMs: number;
  #limitMs: number;
  /** An extension is due once the clock, or the last grant, is here. */
  #renewalMs: number;
  #prepared: (WindowExtension & { readonly renewalMs: number }) | undefined;
  #lastMs: number;
  /** The next free place in `#lastMs`. */
  #nextLogical = 0;

  /**
   * @throws {InvalidInputError} unless `0 <= floorMs <= limitMs <= 2^46 - 1`, whole numbers, and `windowAheadMs`
   * is one from 1.
   */
  constructor({ epoch, floorMs, limitMs, windowAheadMs }: WindowAllocatorOptions) {
    assertWithin('floorMs', floorMs, 0, PHYSICAL_MS_MAX);
    assertWithin('limitMs', limitMs, floorMs, PHYSICAL_MS_MAX);
    assertWithin('windowAheadMs', windowAheadMs, 1, PHYSICAL_MS_MAX);
    this.#epoch = epoch;
    this.#windowAheadMs = windowAheadMs;
    this.#floorMs = floorMs;
    this.#limitMs = limitMs;
    this.#renewalMs = halfWay(floorMs, limitMs);
    this.#lastMs = floorMs;
  }

  /** The window as it stands. */
  get window(): Window {
    return { floorMs: this.#floorMs, limitMs: this.#limitMs };
  }

  /**
   * Grants `count` timestamps at the ms that the clock shows; at the ms of the last grant, or the floor, if the
   * clock is behind that. What does not fit into the rest of that ms goes to the next one.
   *
   * A clock that has left the window behind exhausts it, rather than being given old timestamps. A grant that has
   * waited for an extension meanwhile may be given any ms from `sinceMs` on, so that a window which was extended
   * too slowly for the clock still serves it.
   * @param count how many, within [1, 2^18].
   * @param nowMs what the wall clock shows; a time that cannot be believed is taken for a clock that stands still.
   * @param sinceMs what the wall clock showed when the grant was asked for. Default: `nowMs`.
   * @returns undefined if the window is exhausted; {@link prepareExtension} then gives an extension.
   * @throws {InvalidInputError} for a count out of range; nothing is granted then.
   * @throws {TsoracleError} with code `time_exhausted` if it does not fit into the last ms that a timestamp can
   * carry: it never will.
   */
  grant(count: number, nowMs: number, sinceMs: number = nowMs): TimestampRange | undefined {
    assertCount(count);
    const clockMs = this.#servingMs(nowMs, sinceMs);
    let physicalMs = Math.max(this.#lastMs, clockMs);
    let logicalStart = physicalMs === this.#lastMs ? this.#nextLogical : 0;
    if (logicalStart + count > LOGICAL_COUNT) {
      if (physicalMs === PHYSICAL_MS_MAX) throw timeExhausted();
      physicalMs += 1;
      logicalStart = 0;
    }
    if (physicalMs > this.#limitMs) return undefined;
    this.#lastMs = physicalMs;
    this.#nextLogical = logicalStart + count;
    return { physicalMs, logicalStart, count };
  }

  /**
   * The extension that is due now: once half of the window is used up, by the clock or by grants, one that
   * reaches `windowAheadMs` beyond the clock, or beyond the last grant if that is later. It replaces the one
   * prepared before; its limit is at least as high.
   * @returns undefined while none is due, and when the window reaches the last ms that a timestamp can carry.
   */
  prepareExtension(nowMs: number): WindowExtension | undefined {
    const fromMs = Math.max(this.#lastMs, believedMs(nowMs) ?? 0);
    if (fromMs < this.#renewalMs) return undefined;
    const limitMs = Math.min(
      Math.max(fromMs + this.#windowAheadMs, this.#prepared?.limitMs ?? 0),
      PHYSICAL_MS_MAX,
    );
    if (limitMs <= this.#limitMs) return undefined;
    this.#prepared = { epoch: this.#epoch, limitMs, renewalMs: halfWay(fromMs, limitMs) };
    return this.#prepared;
  }

  /**
   * Extends the window; the extension's limit must be durable by now.
   * @returns false, and nothing has changed, unless it is the one that this very allocator has prepared last: a
   * late result, of an earlier attempt or an earlier leadership, changes nothing.
   */
  commit(extension: WindowExtension): boolean {
    if (this.#prepared === undefined || extension !== this.#prepared) return false;
    this.#limitMs = this.#prepared.limitMs;
    this.#renewalMs = this.#prepared.renewalMs;
    this.#prepared = undefined;
    return true;
  }

  /** The ms that a grant is due at by the clock: past the window only if the window is too old for the grant. */
  #servingMs(nowMs: number, sinceMs: number): number {
    const believedNowMs = believedMs(nowMs) ?? 0;
    if (believedNowMs <= this.#limitMs) return believedNowMs;
    return Math.min(believedNowMs, believedMs(sinceMs) ?? 0);
  }
}

/** There is no timestamp left: the last ms that one can carry has been reached. */
export function timeExhausted(): TsoracleError {
  return new TsoracleError(
    'time_exhausted',
    `the last ms that a timestamp can carry, ${PHYSICAL_MS_MAX}, has been reached`,
  );
}

/**
 * Refuses a count that fits into no ms.
 * @throws {InvalidInputError} unless `count` is a whole number within [1, 2^18].
 */
export function assertCount(count: number): void {
  assertWithin('count', count, 1, LOGICAL_COUNT);
}

function assertWithin(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new InvalidInputError(field, value, `must be a whole number within [${min}, ${max}]`);
  }
}

function halfWay(fromMs: number, toMs: number): number {
  return fromMs + Math.ceil((toMs - fromMs) / 2);
}
