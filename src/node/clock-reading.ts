import type { Clock } from '../runtime/index.js';

/** What both clocks of a machine showed at one moment. */
export interface ClockReading {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Reads both clocks, now. */
export function readClocks(clock: Clock): ClockReading {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/**
 * ms between two readings: the larger of what the clocks say. While a machine is suspended its monotonic clock may stand still, and its
 * wall clock can be set back; for time to seem shorter than it was, both would have to happen at once.
 */
export function elapsedMs(since: ClockReading, now: ClockReading): number {
  return Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);
}
