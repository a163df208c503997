import type { Clock, Timer } from '../runtime/index.js';

export interface CallScopeOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined;
  /** Makes the error that the call ends with at its deadline. */
  readonly onTimeout: () => Error;
}

/**
 * The life of one call: its signal is aborted by the caller's signal, by the deadline, or by {@link end},
 * whichever comes first. It must be disposed of.
 */
export class CallScope implements Disposable {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #timer: Timer;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #onCallerAbort = (): void => this.end(this.#callerSignal?.reason);

  constructor({ clock, timeoutMs, signal, onTimeout }: CallScopeOptions) {
    this.#clock = clock;
    this.#deadlineMs = clock.monotonicMs() + timeoutMs;
    this.#callerSignal = signal;
    this.#timer = clock.setTimer(timeoutMs, () => this.end(onTimeout()));
    if (signal?.aborted === true) this.#onCallerAbort();
    else signal?.addEventListener('abort', this.#onCallerAbort, { once: true });
  }

  /** Aborted when the call is over; its reason is what the call rejects with. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What is left until the deadline, in ms; at least 0. */
  get leftMs(): number {
    return Math.max(0, this.#deadlineMs - this.#clock.monotonicMs());
  }

  /** Ends the call with `reason`, unless it is over. */
  end(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Takes timer and listener back. */
  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#callerSignal?.removeEventListener('abort', this.#onCallerAbort);
  }
}
