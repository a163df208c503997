import { type Clock, type Deferred, deferWithDeadline } from '../runtime/index.js';
import { type Grant, type GrantResult, refusalError } from './grant.js';
import { OracleError } from './oracle-error.js';

/** A grant that could not be served in its own turn. */
export interface WaitingGrant {
  readonly count: number;
  /** What the wall clock showed when the grant was asked for, in ms. */
  readonly sinceMs: number;
}

/** How a wait is bounded. */
interface WaitOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/** The grants that wait for the fence or for an extension, in the order in which they came; bounded. */
export class WaitingGrants {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting = new Map<WaitingGrant, Deferred<Grant>>();

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Waits until {@link serve} settles the grant, the deadline passes (code `transient`), or the signal is aborted.
   * Rejects with `transient` at once if too many wait already.
   */
  async wait(grant: WaitingGrant, { signal, timeoutMs }: WaitOptions): Promise<Grant> {
    if (this.#waiting.size >= this.#limit) {
      throw new OracleError('transient', `${this.#limit} grants wait for a window already; try again later`);
    }
    const deferred = deferWithDeadline<Grant>({
      clock: this.#clock,
      timeoutMs,
      signal,
      onTimeout: () => new OracleError('transient', `no window was ready within ${timeoutMs} ms`),
    });
    this.#waiting.set(grant, deferred);
    try {
      return await deferred.promise;
    } finally {
      this.#waiting.delete(grant);
    }
  }

  /** Tries each grant that waits, first come first served; those that are still not ready go on waiting. */
  serve(tryGrant: (grant: WaitingGrant) => GrantResult): void {
    for (const [grant, deferred] of [...this.#waiting]) {
      if (deferred.settled) continue;
      const result = tryGrant(grant);
      if (result.ok) deferred.resolve(result.grant);
      else if (result.refusal.kind !== 'notReady') deferred.reject(refusalError(result.refusal));
    }
  }
}
