import type { Grant } from '../oracle/index.js';

/** What the service needs of a timestamp oracle; `Oracle` is one. */
export interface TimestampGranter {
  /**
   * Grants `count` consecutive timestamps of one ms. Whether this node may serve must be judged in the very
   * turn of the grant.
   *
   * It rejects with an error whose `code` is one of those that `OracleError`, `ConsensusError` and
   * `InvalidInputError` have; any other counts as a failure of the server itself. After `signal` is aborted
   * nobody waits for the result.
   */
  grant(count: number, options: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<Grant>;
}
