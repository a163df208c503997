import { InvalidInputError } from '../errors/index.js';

/** The longest deadline of a call, in ms: what a timer of the platform can hold (2^31 - 1, about 24 days). */
export const CALL_TIMEOUT_MS_MAX = 2 ** 31 - 1;

/**
 * Checks a deadline in ms.
 * @returns it.
 * @throws {InvalidInputError} if it is not a number within [1, {@link CALL_TIMEOUT_MS_MAX}].
 */
export function checkCallTimeout(timeoutMs: number): number {
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 1 && timeoutMs <= CALL_TIMEOUT_MS_MAX)) {
    throw new InvalidInputError(
      'timeoutMs',
      timeoutMs,
      `must be a number of ms within [1, ${CALL_TIMEOUT_MS_MAX}]`,
    );
  }
  return timeoutMs;
}
