import { TsoracleError } from '../errors/index.js';

/**
 * The decided log could not be folded further: the fold threw, the log could not be read, or it broke its
 * contract. `code` is always `'drain_failed'`; `cause` is the error underneath.
 */
export class DrainError extends TsoracleError {
  override readonly name = 'DrainError';
  /**
   * The cursor reached: the index of the first record whose fold has not succeeded. Everything below it has
   * been folded, once.
   */
  readonly cursor: number;

  constructor(cursor: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('drain_failed', `draining the decided log ended at index ${cursor}: ${reason}`, { cause });
    this.cursor = cursor;
  }
}
