import type { Clock, NextTurn, Timer } from '../runtime/index.js';

/** What a ticker is made of. */
export interface TickerOptions {
  readonly clock: Clock;
  readonly nextTurn: NextTurn;
  readonly tickMs: number;
  /** A tick that comes this much later than it was due is told as late, in ms. */
  readonly lateMs: number;
  readonly onTick: (tick: { readonly late: boolean }) => void;
}

/**
 * Ticks every `tickMs`, at most once per turn of the event loop: a stall is followed by one late tick, never by a burst. After a stall,
 * timers run before sockets; a tick that finds itself late therefore waits for the sockets to be read first.
 */
export class Ticker {
  readonly #options: TickerOptions;
  #timer: Timer | undefined;
  #running = false;
  #lastTickMs = 0;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#lastTickMs = this.#options.clock.monotonicMs();
    this.#arm();
  }

  /** No tick comes after it. Idempotent. */
  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  #arm(): void {
    const { clock, tickMs } = this.#options;
    this.#timer = clock.setTimer(tickMs, () => this.#onTimer());
  }

  #onTimer(): void {
    const { clock, nextTurn, tickMs } = this.#options;
    const overdueMs = clock.monotonicMs() - this.#lastTickMs - tickMs;
    if (overdueMs > tickMs) nextTurn(() => this.#tick(overdueMs));
    else this.#tick(overdueMs);
  }

  #tick(overdueMs: number): void {
    if (!this.#running) return;
    this.#lastTickMs = this.#options.clock.monotonicMs();
    this.#options.onTick({ late: overdueMs > this.#options.lateMs });
    if (this.#running) this.#arm();
  }
}
