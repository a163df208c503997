import type { ConsensusError } from '../consensus/index.js';
import type { Deferred } from '../runtime/index.js';

/** The advances that wait until a high-water is durable; each holds its place until it has ended, whichever way. */
export class AdvanceWaits {
  readonly #waits = new Set<{ readonly atLeast: number; readonly result: Deferred<number> }>();

  get size(): number {
    return this.#waits.size;
  }

  /** Waits with `result`, which {@link durable} resolves. */
  async wait(atLeast: number, result: Deferred<number>): Promise<number> {
    const wait = { atLeast, result };
    this.#waits.add(wait);
    try {
      return await result.promise;
    } finally {
      this.#waits.delete(wait);
    }
  }

  /** `highWaterMs` is durable: answers the advances that asked for no more. */
  durable(highWaterMs: number): void {
    for (const { atLeast, result } of this.#waits) if (atLeast <= highWaterMs) result.resolve(highWaterMs);
  }

  /** Ends all waits. */
  endAll(why: () => ConsensusError): void {
    for (const { result } of this.#waits) result.reject(why());
  }
}
