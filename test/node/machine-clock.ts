import type { Clock, Timer } from '../../src/runtime/index.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';

/** One machine's clocks in a world of virtual time: they may run fast or slow, and its processes can be frozen. */
export class MachineClock implements Clock {
  readonly #world: VirtualClock;
  readonly #rate: number;
  #frozenUntilMs = 0;
  #suspendedMs = 0;
  #wallStepMs = 0;

  constructor(world: VirtualClock, rate = 1) {
    this.#world = world;
    this.#rate = rate;
  }

  monotonicMs(): number {
    return (this.#world.monotonicMs() - this.#suspendedMs) * this.#rate;
  }

  wallMs(): number {
    return Math.floor(1_700_000_000_000 + this.#world.monotonicMs() * this.#rate + this.#wallStepMs);
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    let timer: Timer;
    const fire = (): void => {
      const frozenMs = this.frozenForMs();
      if (frozenMs > 0) timer = this.#world.setTimer(frozenMs, fire);
      else callback();
    };
    timer = this.#world.setTimer(delayMs / this.#rate, fire);
    return { cancel: () => timer.cancel() };
  }

  /** How long its processes stand still from now. */
  readonly frozenForMs = (): number => Math.max(0, this.#frozenUntilMs - this.#world.monotonicMs());

  /** Its processes stand still, its clocks go on: SIGSTOP, or an event loop that is busy. */
  freeze(ms: number): void {
    this.#frozenUntilMs = this.#world.monotonicMs() + ms;
  }

  /** The machine is suspended: processes and monotonic clock stand still, the wall clock goes on. To be called before the time passes. */
  suspend(ms: number): void {
    this.freeze(ms);
    this.#suspendedMs += ms;
  }

  stepWall(ms: number): void {
    this.#wallStepMs += ms;
  }
}
