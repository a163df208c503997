import { setImmediate as nextTurn } from 'node:timers/promises';

/** A row of a database, and who may write to it: what the driver of this example works on. */
export class Table {
  #epoch = 0n;
  #highWaterMs = 0;
  #revoke: () => void = () => {};
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => {};

  /**
   * Takes the right to write. Whoever had it is told first, in the same turn, as a lock service does that revokes before it grants. Over
   * a network that cannot be done: there a claim has to wait until the lease of the one before has run out.
   * @returns its epoch, above all earlier ones.
   */
  claim(onRevoked: () => void): bigint {
    this.#revoke();
    this.#revoke = onRevoked;
    this.#epoch += 1n;
    return this.#epoch;
  }

  /** One transaction: if nobody else has claimed the row since `epoch`, raises it to `atLeast`, and tells what it is then. */
  async raise(atLeast: number, epoch: bigint): Promise<number | undefined> {
    await this.#gate;
    await nextTurn();
    if (epoch !== this.#epoch) return undefined;
    this.#highWaterMs = Math.max(this.#highWaterMs, atLeast);
    return this.#highWaterMs;
  }

  /** The database does not answer, until {@link resume}. */
  stall(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  resume(): void {
    this.#open();
  }
}
