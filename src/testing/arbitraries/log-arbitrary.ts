import fc from 'fast-check';
import type { LogRecord, LogSync, Snapshot, StopSign } from '../../omnipaxos/index.js';
import { clusterConfigArbitrary } from './cluster-config-arbitrary.js';
import { logIndexArbitrary } from './index-arbitrary.js';

/** The arbitraries of a host's two types of values. */
export interface ValueArbitraries<E, S> {
  readonly entry: fc.Arbitrary<E>;
  readonly snapshot: fc.Arbitrary<S>;
}

/** Any stop sign, with and without metadata. */
export function stopSignArbitrary(): fc.Arbitrary<StopSign> {
  return fc.record(
    { nextConfig: clusterConfigArbitrary(), metadata: fc.uint8Array({ maxLength: 16 }) },
    { requiredKeys: ['nextConfig'] },
  );
}

/** Any record: mostly entries. */
export function logRecordArbitrary<E>(entry: fc.Arbitrary<E>): fc.Arbitrary<LogRecord<E>> {
  return fc.oneof(
    { weight: 9, arbitrary: entry.map((value): LogRecord<E> => ({ kind: 'entry', entry: value })) },
    {
      weight: 1,
      arbitrary: stopSignArbitrary().map((stopSign): LogRecord<E> => ({ kind: 'stopSign', stopSign })),
    },
  );
}

/** Any snapshot that covers `compactedIdx` records. */
export function snapshotArbitrary<S>(
  snapshot: fc.Arbitrary<S>,
  compactedIdx: fc.Arbitrary<number> = logIndexArbitrary(),
): fc.Arbitrary<Snapshot<S>> {
  return fc.record({ value: snapshot, compactedIdx, config: clusterConfigArbitrary() });
}

/** Any sync that keeps its rules, with and without a snapshot. */
export function logSyncArbitrary<E, S>(values: ValueArbitraries<E, S>): fc.Arbitrary<LogSync<E, S>> {
  const suffix = fc.array(logRecordArbitrary(values.entry), { maxLength: 5 });
  const withoutSnapshot = fc.record({ suffix, syncIdx: logIndexArbitrary() });
  const withSnapshot = fc
    .record({ suffix, snapshot: snapshotArbitrary(values.snapshot) })
    .map(({ suffix, snapshot }) => ({ snapshot, suffix, syncIdx: snapshot.compactedIdx }));
  return fc.oneof<fc.Arbitrary<LogSync<E, S>>[]>(withoutSnapshot, withSnapshot);
}
