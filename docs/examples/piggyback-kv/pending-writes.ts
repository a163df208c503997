import type { Clock, Timer } from '../../../src/index.js';

/** How long a write may take, in ms. */
const WRITE_TIMEOUT_MS = 5_000;

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

/** The writes of this node that wait to be folded. */
export class PendingWrites {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #lastSeq = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  takeSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }

  wait(id: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(WRITE_TIMEOUT_MS, () =>
        this.reject(id, new Error('the write was not decided in time')),
      );
      this.#pending.set(id, { resolve, reject, timer });
    });
  }

  resolve(id: string): void {
    this.#take(id)?.resolve();
  }

  reject(id: string, error: Error): void {
    this.#take(id)?.reject(error);
  }

  rejectAll(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.reject(id, error);
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.timer.cancel();
    return pending;
  }
}
