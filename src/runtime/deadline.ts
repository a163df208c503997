import type { Clock } from './clock.js';

/** What bounds a wait. */
export interface DeadlineOptions {
  readonly clock: Clock;
  /** ms until the deadline. */
  readonly timeoutMs: number;
  /** Ends the wait with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Makes the error that the wait rejects with when its deadline passes. */
  readonly onTimeout: () => Error;
}

/** A wait with exactly one end. */
export interface Deferred<T> {
  /** Settles with the first of: {@link resolve}, {@link reject}, the deadline, the signal. */
  readonly promise: Promise<T>;
  /** Whether the wait has ended. */
  readonly settled: boolean;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * Begins a wait that ends by its result, its deadline or its signal, whichever comes first; what comes later is ignored. Timer
 * and abort listener are removed at the end, whichever end it is. If the signal is aborted already, the wait ends at once.
 */
export function deferWithDeadline<T>(options: DeadlineOptions): Deferred<T> {
  const { clock, timeoutMs, signal, onTimeout } = options;
  let settled = false;
  const { promise, resolve, reject } = withResolvers<T>();
  const onAbort = (): void => settle(() => reject(signal?.reason));
  const timer = clock.setTimer(timeoutMs, () => settle(() => reject(onTimeout())));

  function settle(end: () => void): void {
    if (settled) return;
    settled = true;
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
    end();
  }

  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return {
    promise,
    get settled() {
      return settled;
    },
    resolve: (value) => settle(() => resolve(value)),
    reject: (error) => settle(() => reject(error)),
  };
}

/** What `Promise.withResolvers` gives; Node 20 does not have it yet. */
export function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/**
 * Waits for `delayMs`, or until the signal is aborted.
 * @throws the signal's reason, if it is aborted before or meanwhile.
 */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
