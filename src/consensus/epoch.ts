import { InvalidInputError } from '../errors/index.js';

declare const epochBrand: unique symbol;

/**
 * Names one leadership: an opaque unsigned 128-bit value, ordered by `<`. A later leadership has a higher epoch.
 * Two different leaderships never share an epoch.
 */
export type Epoch = bigint & { readonly [epochBrand]: true };

/** The number of values that an epoch can have: 2^128. */
const EPOCH_LIMIT = 1n << 128n;

/** The lowest epoch: below every leadership's. */
export const EPOCH_ZERO: Epoch = toEpoch(0n);

/**
 * Checks and brands an epoch.
 * @throws {InvalidInputError} if `value` is not within [0, 2^128).
 */
export function toEpoch(value: bigint): Epoch {
  if (typeof value !== 'bigint' || value < 0n || value >= EPOCH_LIMIT) {
    throw new InvalidInputError('epoch', value, 'must be a bigint within [0, 2^128)');
  }
  // The brand says that the range check above has passed; it has no run-time form.
  return value as Epoch;
}

/** The upper and the lower 64 bits of an epoch, as the wire carries them. */
export interface EpochHalves {
  readonly hi: bigint;
  readonly lo: bigint;
}

/** Splits an epoch into its upper and lower 64 bits. */
export function epochHalves(epoch: Epoch): EpochHalves {
  return { hi: epoch >> 64n, lo: epoch & 0xffff_ffff_ffff_ffffn };
}

/**
 * Joins two halves made by {@link epochHalves}.
 * @throws {InvalidInputError} if a half is not within [0, 2^64).
 */
export function epochFromHalves({ hi, lo }: EpochHalves): Epoch {
  for (const [field, half] of [
    ['epoch.hi', hi],
    ['epoch.lo', lo],
  ] as const) {
    if (half < 0n || half > 0xffff_ffff_ffff_ffffn) {
      throw new InvalidInputError(field, half, 'must be a bigint within [0, 2^64)');
    }
  }
  return toEpoch((hi << 64n) | lo);
}
