import { unreachable } from '../errors/index.js';
import type { LogRecord, LogSync, Snapshot, StableState, StableWrite } from '../omnipaxos/index.js';
import { boundsAfter, type LogBounds } from './log-bounds.js';

/**
 * What stable storage holds of the protocol, changed write by write. It keeps references to the records and snapshots that it is given, in an
 * array of its own.
 */
export class StableImage<E, S> {
  #head: Omit<StableState<E, S>, 'records'>;
  #records: LogRecord<E>[];

  constructor(state: StableState<E, S>) {
    const { records, ...head } = state;
    this.#head = head;
    this.#records = [...records];
  }

  /** The image as it stands. Its `records` change with the next write: copy them to keep them. */
  get live(): StableState<E, S> {
    return { ...this.#head, records: this.#records };
  }

  /** A copy of the image, which later writes leave alone. */
  copy(): StableState<E, S> {
    return { ...this.#head, records: [...this.#records] };
  }

  /** Where the log begins and ends. */
  get bounds(): LogBounds {
    const compactedIdx = this.#head.snapshot?.compactedIdx ?? 0;
    return { compactedIdx, acceptedIdx: compactedIdx + this.#records.length };
  }

  /**
   * Carries out all of these writes, or none.
   * @throws {InvalidInputError} if one of them does not fit (see {@link boundsAfter}); nothing has changed then.
   */
  apply(writes: readonly StableWrite<E, S>[]): void {
    boundsAfter(this.bounds, writes);
    for (const write of writes) this.#applyOne(write);
  }

  #applyOne(write: StableWrite<E, S>): void {
    switch (write.kind) {
      case 'promise':
        this.#head = { ...this.#head, promise: write.promise };
        return;
      case 'append':
        for (const record of write.records) this.#records.push(record);
        return;
      case 'sync':
        this.#sync(write.logSync);
        this.#head = { ...this.#head, acceptedRound: write.acceptedRound, decidedIdx: write.decidedIdx };
        return;
      case 'decided':
        this.#head = { ...this.#head, decidedIdx: write.decidedIdx };
        return;
      case 'snapshot':
        this.#compact(write.snapshot);
        return;
      case 'enterConfig':
        this.#enterConfig(write);
        return;
      default:
        unreachable(write);
    }
  }

  #sync(sync: LogSync<E, S>): void {
    if (sync.snapshot === undefined) {
      this.#records.length = sync.syncIdx - this.bounds.compactedIdx;
    } else {
      this.#records = [];
      this.#head = { ...this.#head, snapshot: sync.snapshot };
    }
    for (const record of sync.suffix) this.#records.push(record);
  }

  #compact(snapshot: Snapshot<S>): void {
    this.#records.splice(0, snapshot.compactedIdx - this.bounds.compactedIdx);
    this.#head = { ...this.#head, snapshot };
  }

  #enterConfig(write: Extract<StableWrite<E, S>, { readonly kind: 'enterConfig' }>): void {
    this.#sync(write.logSync);
    const first = { configId: write.config.configId, n: 0, priority: 0, pid: 0 };
    this.#head = {
      ...this.#head,
      config: write.config,
      promise: first,
      acceptedRound: first,
      decidedIdx: write.decidedIdx,
    };
  }
}
