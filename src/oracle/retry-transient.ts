import { ConsensusError } from '../consensus/index.js';
import { type Clock, delay, type Random } from '../runtime/index.js';

/** How an attempt is repeated. */
export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the attempts, with its reason. */
  readonly signal: AbortSignal;
  /** The first pause, in ms; doubled at each failure in a row, up to `retryMaxMs`. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Told before each pause. */
  readonly onRetry: (error: ConsensusError, failures: number) => void;
}

/**
 * Repeats `attempt` after transient errors, without a bound but the signal: whoever has been elected must come to
 * serve as long as it leads, for nobody will tell it a second time that it does.
 *
 * Pauses are shortened at random by up to a half, so that nodes do not ask in step.
 *
 * Rejects with the first error that is not transient, and with the signal's reason.
 */
export async function retryTransient<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, onRetry, random, retryMaxMs, retryMinMs, signal } = options;
  let pauseMs = retryMinMs;
  for (let failures = 1; ; failures++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!ConsensusError.is(error, 'transient')) throw error;
      onRetry(error, failures);
    }
    await delay(clock, pauseMs * (1 - random.nextFloat() / 2), signal);
    pauseMs = Math.min(pauseMs * 2, retryMaxMs);
  }
}
