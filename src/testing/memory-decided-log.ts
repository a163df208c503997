import type { DecidedLog } from '../apply/index.js';
import { TsoracleError } from '../errors/index.js';
import {
  type ClusterConfig,
  type DecidedItem,
  decidedItem,
  type LogRecord,
  type Snapshot,
} from '../omnipaxos/index.js';

/** The configuration that a memory log's snapshots carry: one node, no lease. */
const SINGLE_NODE_CONFIG: ClusterConfig = { configId: 1, nodes: [1], leaseMs: 0, maxClockDrift: 0 };

/**
 * A decided log for tests: whatever is added is decided at once. It keeps every record for ever, so that a test can fold the straight
 * history; {@link read} gives only what is left after compaction, as a real log does.
 */
export class MemoryDecidedLog<E, S> implements DecidedLog<E, S> {
  readonly #history: LogRecord<E>[] = [];
  #snapshot: Snapshot<S> | undefined;

  /** How many records are decided. */
  get decidedIdx(): number {
    return this.#history.length;
  }

  /** How many records the snapshot stands for: 0 if there is none. */
  get compactedIdx(): number {
    return this.#snapshot?.compactedIdx ?? 0;
  }

  /** All records ever decided, the compacted ones too. */
  get history(): readonly LogRecord<E>[] {
    return this.#history;
  }

  /** Decides these records, one after the other. */
  decide(...records: readonly LogRecord<E>[]): void {
    this.#history.push(...records);
  }

  /** Decides these entries, one after the other. */
  decideEntries(...entries: readonly E[]): void {
    this.decide(...entries.map((entry): LogRecord<E> => ({ kind: 'entry', entry })));
  }

  /**
   * Replaces the records below `upToIdx` by `value`.
   * @throws {TsoracleError} unless `compactedIdx < upToIdx <= decidedIdx`.
   */
  compact(upToIdx: number, value: S): void {
    if (!(upToIdx > this.compactedIdx && upToIdx <= this.decidedIdx)) {
      throw new TsoracleError('log_range', `cannot compact up to ${upToIdx}`);
    }
    this.#snapshot = { value, compactedIdx: upToIdx, config: SINGLE_NODE_CONFIG };
  }

  read(fromIdx: number, limit = Number.POSITIVE_INFINITY): readonly DecidedItem<E, S>[] {
    if (fromIdx > this.decidedIdx) throw new TsoracleError('log_range', `cannot read from ${fromIdx}`);
    const items: DecidedItem<E, S>[] = [];
    let idx = fromIdx;
    if (this.#snapshot !== undefined && fromIdx < this.#snapshot.compactedIdx) {
      items.push({ kind: 'snapshot', snapshot: this.#snapshot });
      idx = this.#snapshot.compactedIdx;
    }
    const records = this.#history.slice(idx, idx + limit - items.length);
    return [...items, ...records.map((record, offset) => decidedItem(record, idx + offset))];
  }
}
