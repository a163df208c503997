import type { Clock, Timer } from '../../runtime/index.js';
import type { Scheduler } from './scheduler.js';

/** How one machine's clocks differ from true time. */
export interface ClockFaults {
  /** How fast its clocks run: 1 is true, 1.01 is one percent fast. */
  readonly rate: number;
  /** What its wall clock shows when the world begins. */
  readonly wallMs: number;
}

/**
 * One machine's clocks in a simulated world. They go on over restarts of the machine's process; a process gets its {@link Clock} by
 * {@link boot}, and loses its timers by {@link kill}.
 */
export class SimulatedClock {
  readonly #scheduler: Scheduler;
  readonly #rate: number;
  readonly #onTimer: () => void;
  #wallOffsetMs: number;
  #frozenUntilMs = 0;
  #life = 0;

  /** @param onTimer told of each timer of a process that is about to fire. */
  constructor(scheduler: Scheduler, faults: ClockFaults, onTimer: () => void = () => {}) {
    this.#scheduler = scheduler;
    this.#onTimer = onTimer;
    this.#rate = faults.rate;
    this.#wallOffsetMs = faults.wallMs;
  }

  /** Steps the wall clock, either way. */
  stepWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  /** Stops the process for a while, as SIGSTOP does: its timers wait, its clocks go on. */
  freeze(durationMs: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#scheduler.nowMs + durationMs);
  }

  /** The monotonic clock, in ms. */
  monotonicMs(): number {
    return this.#scheduler.nowMs * this.#rate;
  }

  /** When the process last stood still, by its monotonic clock, in ms; 0 if it never did. */
  get frozenUntilMs(): number {
    return this.#frozenUntilMs * this.#rate;
  }

  /** How long the process stands still from now, in ms of true time; 0 if it runs. */
  get frozenForMs(): number {
    return Math.max(0, this.#frozenUntilMs - this.#scheduler.nowMs);
  }

  /** Ends the process: none of its timers will fire. */
  kill(): void {
    this.#life += 1;
    this.#frozenUntilMs = 0;
  }

  /** The clock of a new process. */
  boot(): Clock {
    const life = this.#life;
    return {
      monotonicMs: () => this.monotonicMs(),
      wallMs: () => Math.floor(this.#scheduler.nowMs * this.#rate + this.#wallOffsetMs),
      setTimer: (delayMs, callback) => this.#arm(life, delayMs / this.#rate, callback),
    };
  }

  #arm(life: number, delayMs: number, callback: () => void): Timer {
    const fire = (): void => {
      if (life !== this.#life) return;
      if (this.frozenForMs > 0) {
        event = this.#scheduler.after(this.frozenForMs, fire);
        return;
      }
      this.#onTimer();
      callback();
    };
    let event = this.#scheduler.after(delayMs, fire);
    return { cancel: () => event.cancel() };
  }
}
