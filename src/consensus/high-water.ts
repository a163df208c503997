import { ConsensusError } from './consensus-error.js';

/** The highest physical time, in ms since the Unix epoch, that a timestamp can carry: 2^46 - 1 (the year 4199). */
export const PHYSICAL_MS_MAX = 2 ** 46 - 1;

/**
 * The advance rule, in its only home: a high-water never falls, so a stale, repeated or reordered advance changes nothing.
 * @returns the higher of both.
 */
export function mergeHighWater(current: number, atLeast: number): number {
  return Math.max(current, atLeast);
}

/** Whether `value` can be a high-water: a whole number of ms within [0, 2^46 - 1]. */
export function isHighWater(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= PHYSICAL_MS_MAX;
}

/**
 * Refuses a value that could be decided but never served. It must be called before anything is proposed: once decided, a
 * poison value would stay in the log for ever.
 * @throws {ConsensusError} with code `advance_out_of_range` for a negative, fractional, too large or not finite value.
 */
export function assertAdvanceInRange(atLeast: number): void {
  if (isHighWater(atLeast)) return;
  throw new ConsensusError(
    'advance_out_of_range',
    `atLeast must be a whole number of ms within [0, ${PHYSICAL_MS_MAX}]; received ${String(atLeast)}`,
    { atLeast },
  );
}
