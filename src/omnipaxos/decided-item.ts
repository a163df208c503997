import type { LogRecord, Snapshot, StopSign } from './log-record.js';

/** One item of the decided log, as a consumer folds it. `idx` is the index of a record. */
export type DecidedItem<E, S> =
  | { readonly kind: 'entry'; readonly idx: number; readonly entry: E }
  | { readonly kind: 'stopSign'; readonly idx: number; readonly stopSign: StopSign }
  /** Replaces all records below `snapshot.compactedIdx`, which the log no longer holds. */
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot<S> };

/** The item that a record at `idx` is. */
export function decidedItem<E>(record: LogRecord<E>, idx: number): DecidedItem<E, never> {
  return record.kind === 'entry'
    ? { kind: 'entry', idx, entry: record.entry }
    : { kind: 'stopSign', idx, stopSign: record.stopSign };
}

/** The cursor after this item: the index of the next one. */
export function cursorAfter(item: DecidedItem<unknown, unknown>): number {
  return item.kind === 'snapshot' ? item.snapshot.compactedIdx : item.idx + 1;
}
