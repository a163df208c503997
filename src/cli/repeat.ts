import type { Clock, Timer } from '../runtime/index.js';

/**
 * Calls `callback` every `periodMs`, for the first time after one period, until it is cancelled. Late calls
 * do not shift the later ones, and whole periods that were missed are left out.
 */
export function repeat(clock: Clock, periodMs: number, callback: () => void): Timer {
  let dueMs = clock.monotonicMs() + periodMs;
  let timer = clock.setTimer(periodMs, tick);
  let cancelled = false;

  function tick(): void {
    const nowMs = clock.monotonicMs();
    do dueMs += periodMs;
    while (dueMs <= nowMs);
    timer = clock.setTimer(dueMs - nowMs, tick);
    callback();
    if (cancelled) timer.cancel();
  }

  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}
