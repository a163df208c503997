import type { Clock, NextTurn, Timer } from '../runtime/index.js';

/** What a ticker is made of. */
export interface TickerOptions {
  readonly clock: Clock;
  readonly nextTurn: NextTurn;
  readonly tickMs: number;
  /** A tick that comes more than this after it was due is told as late, in ms. */
  readonly lateMs: number;
  readonly onTick: (tick: { readonly late: boolean }) => void;
}

/**
 * Ticks every `tickMs`, at most once per turn of the event loop: a stall is followed by one tick, told as late if it was long, never by a burst. After a
 * stall, timers run before sockets; a tick that finds itself overdue by a tick or more therefore waits until the sockets have been read.
 */
export class Ticker {
  readonly #options: TickerOptions;
  #timer: Timer | undefined;
  #running = false;
  #dueMs = 0;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  /** The first tick is due `tickMs` from now. */
  start(): void {
    this.#running = true;
    this.#dueMs = this.#options.clock.monotonicMs() + this.#options.tickMs;
    this.#arm();
  }

  /** No tick comes after it. Idempotent. */
  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  /** How far the present tick is past its time, in ms; negative before it. */
  get #overdueMs(): number {
    return this.#options.clock.monotonicMs() - this.#dueMs;
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(Math.max(0, -this.#overdueMs), () => this.#onTimer());
  }

  #onTimer(): void {
    if (this.#overdueMs >= this.#options.tickMs) this.#options.nextTurn(() => this.#tick());
    else this.#tick();
  }

  #tick(): void {
    if (!this.#running) return;
    const { clock, lateMs, onTick, tickMs } = this.#options;
    const overdueMs = this.#overdueMs;
    // Small delays are made up for, so that ticks keep their pace; ticks that were missed altogether are not.
    this.#dueMs = overdueMs < tickMs ? this.#dueMs + tickMs : clock.monotonicMs() + tickMs;
    this.#arm();
    onTick({ late: overdueMs > lateMs });
  }
}
