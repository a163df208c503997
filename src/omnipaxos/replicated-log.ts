import { TsoracleError } from '../errors/index.js';
import { type DecidedItem, decidedItem } from './decided-item.js';
import type { LogRecord, LogSync, Snapshot, StopSign } from './log-record.js';

/** A read of a range that the log cannot give in full. `code` is `'log_range'`. */
export class LogRangeError extends TsoracleError {
  override readonly name = 'LogRangeError';

  constructor(message: string) {
    super('log_range', message);
  }
}

/**
 * One node's log in memory: a snapshot, and the records above it.
 *
 * Rules, true after each method:
 * 1. `compactedIdx <= decidedIdx <= acceptedIdx`, and `acceptedIdx = compactedIdx + number of records`.
 * 2. decidedIdx never falls.
 * 3. Records below decidedIdx never change.
 */
export class ReplicatedLog<E, S> {
  #snapshot: Snapshot<S> | undefined;
  #records: LogRecord<E>[];
  #decidedIdx: number;

  constructor(snapshot: Snapshot<S> | undefined, records: readonly LogRecord<E>[], decidedIdx: number) {
    this.#snapshot = snapshot;
    this.#records = [...records];
    // A crash can lose a lazy decidedIdx while the snapshot above it survives, or keep it while unsynced records are lost.
    this.#decidedIdx = Math.min(Math.max(decidedIdx, this.compactedIdx), this.acceptedIdx);
  }

  get compactedIdx(): number {
    return this.#snapshot?.compactedIdx ?? 0;
  }

  get decidedIdx(): number {
    return this.#decidedIdx;
  }

  get acceptedIdx(): number {
    return this.compactedIdx + this.#records.length;
  }

  get snapshot(): Snapshot<S> | undefined {
    return this.#snapshot;
  }

  /** The stop sign that ends the log, decided or not, with its index. Nothing ever follows a stop sign within one configuration. */
  get lastStopSign(): { readonly idx: number; readonly stopSign: StopSign } | undefined {
    const last = this.#records.at(-1);
    return last?.kind === 'stopSign' ? { idx: this.acceptedIdx - 1, stopSign: last.stopSign } : undefined;
  }

  /** The index of the last decided stop sign that the log holds; undefined if there is none above the snapshot. */
  get lastDecidedStopSignIdx(): number | undefined {
    const inRecords = this.#records.findLastIndex(
      (record, i) => record.kind === 'stopSign' && this.compactedIdx + i < this.#decidedIdx,
    );
    return inRecords === -1 ? undefined : this.compactedIdx + inRecords;
  }

  append(records: readonly LogRecord<E>[]): void {
    for (const record of records) this.#records.push(record);
  }

  /**
   * Raises decidedIdx; a lower value changes nothing.
   * @returns whether it has risen.
   * @throws {LogRangeError} above acceptedIdx.
   */
  decide(idx: number): boolean {
    if (idx > this.acceptedIdx) {
      throw new LogRangeError(`cannot decide up to ${idx}: acceptedIdx is ${this.acceptedIdx}`);
    }
    if (idx <= this.#decidedIdx) return false;
    this.#decidedIdx = idx;
    return true;
  }

  /** Why this log cannot take `sync`; undefined if it can. */
  refuseSync(sync: LogSync<E, S>): string | undefined {
    if (sync.syncIdx < this.#decidedIdx) {
      return `syncIdx ${sync.syncIdx} is below decidedIdx ${this.#decidedIdx}`;
    }
    if (sync.snapshot !== undefined) {
      return sync.snapshot.compactedIdx === sync.syncIdx
        ? undefined
        : `syncIdx ${sync.syncIdx} is not the snapshot's compactedIdx ${sync.snapshot.compactedIdx}`;
    }
    return sync.syncIdx > this.acceptedIdx
      ? `syncIdx ${sync.syncIdx} is above acceptedIdx ${this.acceptedIdx}`
      : undefined;
  }

  /**
   * Replaces what `sync` replaces. A snapshot raises decidedIdx to its compactedIdx.
   * @throws {LogRangeError} if {@link refuseSync} has a reason; nothing has changed then.
   */
  applySync(sync: LogSync<E, S>): void {
    const refusal = this.refuseSync(sync);
    if (refusal !== undefined) throw new LogRangeError(refusal);
    if (sync.snapshot !== undefined) {
      this.#snapshot = sync.snapshot;
      this.#records = [...sync.suffix];
      this.#decidedIdx = Math.max(this.#decidedIdx, sync.syncIdx);
      return;
    }
    this.#records.length = sync.syncIdx - this.compactedIdx;
    this.append(sync.suffix);
  }

  /**
   * Replaces the prefix that `snapshot` covers by it.
   * @throws {LogRangeError} unless `compactedIdx < snapshot.compactedIdx <= decidedIdx`, a whole number, and
   * no decided stop sign lies above it; nothing has changed then.
   */
  compact(snapshot: Snapshot<S>): void {
    const upToIdx = snapshot.compactedIdx;
    const stopSignIdx = this.lastDecidedStopSignIdx;
    // The configuration in force below a stop sign is not kept, and a snapshot must name its own.
    if (stopSignIdx !== undefined && upToIdx <= stopSignIdx) {
      throw new LogRangeError(
        `cannot compact up to ${upToIdx}: the configuration in force began behind the stop sign at ${stopSignIdx}`,
      );
    }
    if (!(Number.isSafeInteger(upToIdx) && upToIdx > this.compactedIdx && upToIdx <= this.#decidedIdx)) {
      throw new LogRangeError(
        `cannot compact up to ${upToIdx}: must be a whole number above compactedIdx ${this.compactedIdx} and at most decidedIdx ${this.#decidedIdx}`,
      );
    }
    this.#records = this.#records.slice(upToIdx - this.compactedIdx);
    this.#snapshot = snapshot;
  }

  /**
   * The records from `fromIdx` (inclusive) up to `toIdx` (exclusive), as a new array.
   * @throws {LogRangeError} if the log does not hold all of them.
   */
  records(fromIdx: number, toIdx = this.acceptedIdx): LogRecord<E>[] {
    if (fromIdx < this.compactedIdx || fromIdx > toIdx || toIdx > this.acceptedIdx) {
      throw new LogRangeError(
        `records ${fromIdx}..${toIdx} are not all in the log, which holds ${this.compactedIdx}..${this.acceptedIdx}`,
      );
    }
    return this.#records.slice(fromIdx - this.compactedIdx, toIdx - this.compactedIdx);
  }

  /**
   * What brings a log that shares the first `commonIdx` records with this one up to this one: the records
   * above, or the complete snapshot and all records, if the log has been compacted past `commonIdx`.
   * @throws {LogRangeError} if `commonIdx` is above acceptedIdx.
   */
  syncFrom(commonIdx: number): LogSync<E, S> {
    const snapshot = this.#snapshot;
    if (snapshot === undefined || commonIdx >= snapshot.compactedIdx) {
      return { suffix: this.records(commonIdx), syncIdx: commonIdx };
    }
    return { snapshot, suffix: [...this.#records], syncIdx: snapshot.compactedIdx };
  }

  /**
   * The decided items from `fromIdx` on, at most `limit`; the snapshot first, if the log has been compacted past `fromIdx`.
   * @throws {LogRangeError} if `fromIdx` is above decidedIdx, or not a whole number from 0.
   */
  readDecided(fromIdx: number, limit = Number.POSITIVE_INFINITY): DecidedItem<E, S>[] {
    if (!Number.isSafeInteger(fromIdx) || fromIdx < 0 || fromIdx > this.#decidedIdx) {
      throw new LogRangeError(`cannot read from ${fromIdx}: decidedIdx is ${this.#decidedIdx}`);
    }
    if (!(limit >= 1)) throw new LogRangeError(`cannot read ${limit} items: the limit must be at least 1`);
    const items: DecidedItem<E, S>[] = [];
    let idx = fromIdx;
    if (this.#snapshot !== undefined && fromIdx < this.#snapshot.compactedIdx) {
      items.push({ kind: 'snapshot', snapshot: this.#snapshot });
      idx = this.#snapshot.compactedIdx;
    }
    const endIdx = Math.min(this.#decidedIdx, idx + limit - items.length);
    for (const record of this.records(idx, endIdx)) items.push(decidedItem(record, idx++));
    return items;
  }
}
