import { PHYSICAL_MS_MAX } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';

/** How many bits of a timestamp, the lowest ones, count within one ms; the 46 above them are the ms. */
export const LOGICAL_BITS = 18;

/** How many timestamps fit into one ms: 2^18. */
export const LOGICAL_COUNT = 2 ** LOGICAL_BITS;

const LOGICAL_MASK = BigInt(LOGICAL_COUNT - 1);
const TIMESTAMP_MAX = 2n ** 64n - 1n;

/** A timestamp's two parts. */
export interface TimestampParts {
  /** ms since the Unix epoch, within [0, 2^46 - 1]. */
  readonly physicalMs: number;
  /** Counts within the ms: within [0, 2^18 - 1]. */
  readonly logical: number;
}

/**
 * `physicalMs << 18 | logical`: 64 bits that order as the parts do. A `bigint`, because nearly every timestamp
 * lies above 2^53, where a number would be rounded and two timestamps become one.
 * @throws {InvalidInputError} for a part out of range.
 */
export function packTimestamp(physicalMs: number, logical: number): bigint {
  if (!Number.isSafeInteger(physicalMs) || physicalMs < 0 || physicalMs > PHYSICAL_MS_MAX) {
    throw new InvalidInputError(
      'physicalMs',
      physicalMs,
      `must be a whole number within [0, ${PHYSICAL_MS_MAX}]`,
    );
  }
  if (!Number.isSafeInteger(logical) || logical < 0 || logical >= LOGICAL_COUNT) {
    throw new InvalidInputError(
      'logical',
      logical,
      `must be a whole number within [0, ${LOGICAL_COUNT - 1}]`,
    );
  }
  return (BigInt(physicalMs) << BigInt(LOGICAL_BITS)) | BigInt(logical);
}

/**
 * The parts of a timestamp.
 * @throws {InvalidInputError} unless it is within [0, 2^64 - 1].
 */
export function unpackTimestamp(timestamp: bigint): TimestampParts {
  assertTimestamp(timestamp);
  return {
    physicalMs: Number(timestamp >> BigInt(LOGICAL_BITS)),
    logical: Number(timestamp & LOGICAL_MASK),
  };
}

/** -1, 0 or 1 as `a` is before, equal to or after `b`; fit for `Array.prototype.sort`. */
export function compareTimestamps(a: bigint, b: bigint): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The physical part as a date.
 * @throws {InvalidInputError} unless the timestamp is within [0, 2^64 - 1].
 */
export function timestampToDate(timestamp: bigint): Date {
  return new Date(unpackTimestamp(timestamp).physicalMs);
}

/**
 * The decimal text, for JSON and wherever else a number would be rounded above 2^53.
 * @throws {InvalidInputError} unless the timestamp is within [0, 2^64 - 1].
 */
export function formatTimestamp(timestamp: bigint): string {
  assertTimestamp(timestamp);
  return timestamp.toString();
}

/**
 * Reads what {@link formatTimestamp} gives: decimal digits without sign, blanks or leading zeros.
 * @throws {InvalidInputError} for anything else, a number too (it may have been rounded before it came here),
 * and above 2^64 - 1.
 */
export function parseTimestamp(text: string): bigint {
  if (typeof text !== 'string' || !/^(0|[1-9]\d{0,19})$/.test(text)) {
    throw new InvalidInputError('timestamp', text, 'must be decimal digits without leading zeros');
  }
  const timestamp = BigInt(text);
  assertTimestamp(timestamp);
  return timestamp;
}

function assertTimestamp(timestamp: bigint): void {
  if (typeof timestamp !== 'bigint' || timestamp < 0n || timestamp > TIMESTAMP_MAX) {
    throw new InvalidInputError('timestamp', timestamp, 'must be a bigint within [0, 2^64 - 1]');
  }
}
