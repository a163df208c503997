import type { Clock, NextTurn, Timer } from '../runtime/index.js';

/** What a {@link Watchdog} is made of. */
export interface WatchdogOptions {
  readonly clock: Clock;
  readonly nextTurn: NextTurn;
  readonly timeoutMs: number;
  readonly onExpired: () => void;
}

/**
 * Tells when nothing has happened for a while. {@link touch} costs a reading of the clock, no timer.
 *
 * Before it expires it lets sockets be read once more: after a stall of the whole process timers run first, and what has arrived
 * meanwhile would look as if it had not.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #touchedMs = 0;
  #timer: Timer | undefined;
  /** Differs after each start and stop, so that a turn that was asked for before means nothing after it. */
  #runs = 0;
  #isRunning = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Begins, or begins anew. */
  start(): void {
    this.stop();
    this.#isRunning = true;
    this.touch();
    this.#arm(this.#options.timeoutMs);
  }

  /** Something has happened. */
  touch(): void {
    this.#touchedMs = this.#options.clock.monotonicMs();
  }

  /** It will not expire any more. Idempotent. */
  stop(): void {
    this.#isRunning = false;
    this.#runs += 1;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    const run = this.#runs;
    // At least 1 ms: a fraction can be too small to move the clock, and would come back at once, for ever.
    this.#timer = this.#options.clock.setTimer(Math.max(1, delayMs), () => {
      if (this.#remainingMs() > 0) this.#arm(this.#remainingMs());
      else this.#options.nextTurn(() => this.#expireUnlessTouched(run));
    });
  }

  #expireUnlessTouched(run: number): void {
    if (run !== this.#runs) return;
    if (this.#remainingMs() > 0) {
      this.#arm(this.#remainingMs());
      return;
    }
    this.stop();
    this.#options.onExpired();
  }

  #remainingMs(): number {
    return this.#options.timeoutMs - (this.#options.clock.monotonicMs() - this.#touchedMs);
  }
}
