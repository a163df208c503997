import { TsoracleError } from '../errors/index.js';

/**
 * Work that may have to wait for promises now and then: a generator that yields each promise it must wait
 * for. Written once, it runs in one synchronous turn ({@link runSync}) as long as nothing has to be waited
 * for, or in as many turns as it takes ({@link runAsync}).
 */
export type AwaitableSteps<R> = Generator<PromiseLike<unknown>, R, void>;

/** Gives the value itself, or waits for it if it is a promise. */
export function* settled<T>(value: T | PromiseLike<T>): AwaitableSteps<T> {
  if (!isPromiseLike(value)) return value;
  const outcome: { result?: { readonly value: T } } = {};
  yield value.then((result) => {
    outcome.result = { value: result };
  });
  if (outcome.result === undefined)
    throw new TsoracleError('internal', 'work went on before its promise had settled');
  return outcome.result.value;
}

/**
 * Runs the work in this turn. Where it would have to wait for a promise, it is given an error (code
 * `asynchronous`) instead.
 */
export function runSync<R>(work: AwaitableSteps<R>): R {
  let state = work.next();
  while (state.done !== true) {
    // Nobody will wait for this promise; its rejection must not end the process.
    state.value.then(undefined, () => {});
    state = work.throw(
      new TsoracleError(
        'asynchronous',
        'a promise was returned where nothing can wait for it: use the apply task',
      ),
    );
  }
  return state.value;
}

/**
 * Runs the work, waiting for each promise that it yields. A rejection is thrown into the work at the place
 * that waits.
 */
export async function runAsync<R>(work: AwaitableSteps<R>): Promise<R> {
  let state = work.next();
  while (state.done !== true) {
    const failure = await rejectionOf(state.value);
    state = failure === undefined ? work.next() : work.throw(failure.reason);
  }
  return state.value;
}

async function rejectionOf(promise: PromiseLike<unknown>): Promise<{ readonly reason: unknown } | undefined> {
  try {
    await promise;
    return undefined;
  } catch (reason) {
    return { reason };
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
