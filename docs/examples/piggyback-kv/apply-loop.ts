import {
  type Clock,
  drainDecided,
  type Fold,
  type Logger,
  maybeSnapshot,
  type PaxosNode,
  type SnapshotOptions,
  type Timer,
} from '../../../src/index.js';

export interface ApplyLoopOptions<E, S> {
  readonly node: PaxosNode<E, S>;
  readonly fold: Fold<E, S>;
  readonly snapshots: SnapshotOptions<S>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An entry could not be folded: nothing is folded any more. */
  readonly onFailed: (error: Error) => void;
}

/** How many items are folded before the event loop turns. */
const CHUNK_ITEMS = 64;

/** The service's own apply path, of two primitives. (`ApplyEngine` with `ApplyTask` is this, with metrics and more ways to drive it.) */
export class ApplyLoop<E, S> {
  readonly #options: ApplyLoopOptions<E, S>;
  /** The index of the next record to fold. */
  #cursor = 0;
  #next: Timer | undefined;
  #hasEnded = false;

  constructor(options: ApplyLoopOptions<E, S>) {
    this.#options = options;
  }

  /** How many records have been folded. */
  get appliedIdx(): number {
    return this.#cursor;
  }

  /** Before the node starts: whoever leads must have folded what it has decided. No snapshot is made of what was recovered. */
  start(): void {
    const { node, fold, snapshots } = this.#options;
    this.#cursor = drainDecided(node.log, this.#cursor, fold);
    snapshots.policy.rebase(this.#cursor);
    node.events.on('decided', this.#wake);
  }

  stop(): void {
    this.#hasEnded = true;
    this.#options.node.events.off('decided', this.#wake);
    this.#next?.cancel();
  }

  readonly #wake = (): void => {
    if (this.#next === undefined) this.#step();
  };

  #step(): void {
    this.#next = undefined;
    if (this.#hasEnded) return;
    const { clock, fold, logger, node, onFailed, snapshots } = this.#options;
    try {
      this.#cursor = drainDecided(node.log, this.#cursor, fold, { limit: CHUNK_ITEMS });
    } catch (error) {
      this.stop();
      onFailed(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    maybeSnapshot(this.#cursor, snapshots, logger);
    if (node.log.decidedIdx > this.#cursor) this.#next = clock.setTimer(0, () => this.#step());
  }
}
