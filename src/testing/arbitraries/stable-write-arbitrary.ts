import fc from 'fast-check';
import type { StableWrite } from '../../omnipaxos/index.js';
import { ballotArbitrary } from './ballot-arbitrary.js';
import { clusterConfigArbitrary } from './cluster-config-arbitrary.js';
import { indexArbitrary, logIndexArbitrary } from './index-arbitrary.js';
import {
  logRecordArbitrary,
  logSyncArbitrary,
  snapshotArbitrary,
  type ValueArbitraries,
} from './log-arbitrary.js';

/** Any well-formed stable write by itself. For sequences that a storage can carry out see `stableHistoryArbitrary`. */
export function stableWriteArbitrary<E, S>(values: ValueArbitraries<E, S>): fc.Arbitrary<StableWrite<E, S>> {
  return fc.oneof<fc.Arbitrary<StableWrite<E, S>>[]>(
    fc.record({ kind: fc.constant('promise'), promise: ballotArbitrary() }),
    fc.record({
      kind: fc.constant('append'),
      fromIdx: logIndexArbitrary(),
      records: fc.array(logRecordArbitrary(values.entry), { maxLength: 5 }),
    }),
    fc.record({
      kind: fc.constant('sync'),
      acceptedRound: ballotArbitrary(),
      logSync: logSyncArbitrary(values),
      decidedIdx: indexArbitrary(),
    }),
    fc.record({ kind: fc.constant('decided'), decidedIdx: indexArbitrary() }),
    fc.record({ kind: fc.constant('snapshot'), snapshot: snapshotArbitrary(values.snapshot) }),
    fc.record({
      kind: fc.constant('enterConfig'),
      config: clusterConfigArbitrary(),
      logSync: logSyncArbitrary(values),
      decidedIdx: indexArbitrary(),
    }),
  );
}
