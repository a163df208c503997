import type { Clock, Timer } from '../../runtime/index.js';
import type { Scheduler } from './scheduler.js';

/** How one machine's clocks differ from true time. */
export interface ClockFaults {
  /** How fast its clocks run: 1 is true, 1.01 is one percent fast. */
  readonly rate: number;
  /** What its wall clock shows when the world begins. */
  readonly wallMs: number;
  /**
   * For how long after its wall clock went back or stood still its monotonic clock must not stand still, and
   * the other way round, in ms of true time: longer than any lease. A lease counts by the one that has moved
   * further, and is safe only as long as they do not both lose time within one lease.
   */
  readonly trustMs: number;
}

/**
 * How long after the timers of a stalled process its sockets are read, and how long after these the callbacks
 * of its next turn run, in ms.
 */
const TURN_MS = 0.001;
/** By how much less than its delay a timer may have waited, in ms: what adding times up loses. */
const TIMER_SLACK_MS = 1e-6;

/**
 * One machine's clocks in a simulated world. They go on over restarts of the machine's process; a process gets its {@link Clock} by
 * {@link boot}, and loses its timers by {@link kill}.
 */
export class SimulatedClock {
  readonly #scheduler: Scheduler;
  readonly #rate: number;
  readonly #trustMs: number;
  readonly #onTimer: () => void;
  #wallOffsetMs: number;
  /** What the wall clock shows as long as it stands still, and until when that is. */
  #stoppedWallMs = 0;
  #wallStopsUntilMs = 0;
  /** When the wall clock last went back, or last stood still. */
  #wallFaultMs = Number.NEGATIVE_INFINITY;
  #frozenUntilMs = 0;
  /** When the process reads its sockets, and runs the callbacks of its next turn, after it stood still. */
  #socketsFromMs = 0;
  #nextTurnFromMs = 0;
  /** The last time that the machine was suspended, and how long it was before that. */
  #suspendedFromMs = 0;
  #suspendedUntilMs = 0;
  #suspendedBeforeMs = 0;
  #life = 0;

  /** @param onTimer told of each timer of a process that is about to fire. */
  constructor(scheduler: Scheduler, faults: ClockFaults, onTimer: () => void = () => {}) {
    this.#scheduler = scheduler;
    this.#onTimer = onTimer;
    this.#rate = faults.rate;
    this.#trustMs = faults.trustMs;
    this.#wallOffsetMs = faults.wallMs;
  }

  /** Steps the wall clock, either way. @returns false, and nothing happens, if it must not go back now. */
  stepWall(deltaMs: number): boolean {
    if (deltaMs < 0 && !this.#mayDistrustWall()) return false;
    this.#wallOffsetMs += deltaMs;
    return true;
  }

  /** The wall clock shows this time from now on. @returns as {@link stepWall} does. */
  setWall(wallMs: number): boolean {
    return this.stepWall(wallMs - this.#runningWallMs());
  }

  /**
   * For a while the wall clock shows what it shows now, and then what it would have shown.
   * @returns false, and nothing happens, if it must not now.
   */
  stopWall(durationMs: number): boolean {
    if (!this.#mayDistrustWall()) return false;
    this.#stoppedWallMs = this.#wallMs();
    this.#wallStopsUntilMs = this.#scheduler.nowMs + durationMs;
    this.#wallFaultMs = this.#wallStopsUntilMs;
    return true;
  }

  /**
   * Stops the process for a while, as SIGSTOP does: its timers wait, its clocks go on. What has waited goes
   * on in the order in which it came.
   */
  freeze(durationMs: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#scheduler.nowMs + durationMs);
  }

  /** Blocks the event loop for a while. Then timers run first, then sockets are read, then comes the next turn, as Node has them. */
  stall(durationMs: number): void {
    this.freeze(durationMs);
    this.#socketsFromMs = this.#frozenUntilMs + TURN_MS;
    this.#nextTurnFromMs = this.#socketsFromMs + TURN_MS;
  }

  /**
   * Suspends the machine for a while: as {@link freeze}, and its monotonic clock stands still.
   * @returns false, and nothing happens, if that must not be now.
   */
  suspend(durationMs: number): boolean {
    const { nowMs } = this.#scheduler;
    if (nowMs < this.#suspendedUntilMs || nowMs < this.#wallFaultMs + this.#trustMs) return false;
    this.#suspendedBeforeMs += this.#suspendedUntilMs - this.#suspendedFromMs;
    this.#suspendedFromMs = nowMs;
    this.#suspendedUntilMs = nowMs + durationMs;
    this.freeze(durationMs);
    return true;
  }

  /** The monotonic clock, in ms. */
  monotonicMs(): number {
    return this.#monotonicAt(this.#scheduler.nowMs);
  }

  /** When the process last stood still, by its monotonic clock, in ms; 0 if it never did. */
  get frozenUntilMs(): number {
    return this.#monotonicAt(Math.max(this.#frozenUntilMs, this.#nextTurnFromMs));
  }

  /** How long the process stands still from now, in ms of true time; 0 if it runs. */
  get frozenForMs(): number {
    return Math.max(0, this.#frozenUntilMs - this.#scheduler.nowMs);
  }

  /** How long from now the process does not read its sockets, nor learn what its disk has done, in ms of true time. */
  get deafForMs(): number {
    return Math.max(0, Math.max(this.#frozenUntilMs, this.#socketsFromMs) - this.#scheduler.nowMs);
  }

  /** Ends the process: none of its timers will fire. A suspended machine that lost its power is suspended no more. */
  kill(): void {
    this.#life += 1;
    this.#suspendedUntilMs = Math.min(this.#suspendedUntilMs, this.#scheduler.nowMs);
    this.#frozenUntilMs = 0;
    this.#socketsFromMs = 0;
    this.#nextTurnFromMs = 0;
  }

  /** The clock of a new process. */
  boot(): Clock {
    const life = this.#life;
    return {
      monotonicMs: () => this.monotonicMs(),
      wallMs: () => this.#wallMs(),
      setTimer: (delayMs, callback) => this.#arm(life, delayMs, callback),
    };
  }

  /** Calls `callback` in the next turn of the event loop of the present process: after its sockets were read. */
  nextTurn(callback: () => void): void {
    const life = this.#life;
    const run = (): void => {
      if (life !== this.#life) return;
      const waitMs = Math.max(this.#frozenUntilMs, this.#nextTurnFromMs) - this.#scheduler.nowMs;
      if (waitMs > 0) {
        this.#scheduler.after(waitMs, run);
        return;
      }
      this.#onTimer();
      callback();
    };
    this.#scheduler.after(0, run);
  }

  #wallMs(): number {
    return this.#scheduler.nowMs < this.#wallStopsUntilMs ? this.#stoppedWallMs : this.#runningWallMs();
  }

  #runningWallMs(): number {
    return Math.floor(this.#scheduler.nowMs * this.#rate + this.#wallOffsetMs);
  }

  #monotonicAt(trueMs: number): number {
    const suspendedMs = Math.min(Math.max(trueMs, this.#suspendedFromMs), this.#suspendedUntilMs);
    return (trueMs - this.#suspendedBeforeMs - (suspendedMs - this.#suspendedFromMs)) * this.#rate;
  }

  /** Whether the wall clock may lose time, which is noted. */
  #mayDistrustWall(): boolean {
    const { nowMs } = this.#scheduler;
    if (this.#suspendedUntilMs > 0 && nowMs < this.#suspendedUntilMs + this.#trustMs) return false;
    this.#wallFaultMs = Math.max(this.#wallFaultMs, nowMs);
    return true;
  }

  #arm(life: number, delayMs: number, callback: () => void): Timer {
    const dueMs = this.monotonicMs() + delayMs;
    const fire = (): void => {
      if (life !== this.#life) return;
      // What the clock has not counted, since it stood still, the timer has not waited.
      const leftMs = dueMs - this.monotonicMs();
      const waitMs = Math.max(this.frozenForMs, leftMs > TIMER_SLACK_MS ? leftMs / this.#rate : 0);
      if (waitMs > 0) {
        event = this.#scheduler.after(waitMs, fire);
        return;
      }
      this.#onTimer();
      callback();
    };
    let event = this.#scheduler.after(delayMs / this.#rate, fire);
    return { cancel: () => event.cancel() };
  }
}
