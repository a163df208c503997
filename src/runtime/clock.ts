/** A timer that can be taken back. */
export interface Timer {
  /** Takes the timer back; its callback will not run. Idempotent. */
  cancel(): void;
}

/**
 * The seam to time. Production uses {@link systemClock}; tests and the simulator use virtual time.
 *
 * All values are in ms and may be fractional, except `wallMs`. `monotonicMs` never goes back; `wallMs` may jump either way.
 */
export interface Clock {
  /** ms since an arbitrary origin; never goes back. It may stand still while the machine is suspended. */
  monotonicMs(): number;
  /** Whole ms since the Unix epoch, as the machine believes; it can jump in either direction. */
  wallMs(): number;
  /**
   * Calls `callback` once, `delayMs` from now at the earliest, never in the same turn. An armed timer keeps the process alive
   * as long as it is armed.
   */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** The machine's own clocks and timers, read anew at each call. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
