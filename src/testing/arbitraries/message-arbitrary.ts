import fc from 'fast-check';
import type { Message, MessageBody, MessageKind, SequenceNumber, SyncToken } from '../../omnipaxos/index.js';
import { ballotArbitrary, nodeIdArbitrary } from './ballot-arbitrary.js';
import { clusterConfigArbitrary } from './cluster-config-arbitrary.js';
import { indexArbitrary } from './index-arbitrary.js';
import {
  logRecordArbitrary,
  logSyncArbitrary,
  snapshotArbitrary,
  type ValueArbitraries,
} from './log-arbitrary.js';

/** Arbitraries for the body of each kind of message. */
export type MessageBodyArbitraries<E, S> = {
  readonly [Kind in MessageKind]: fc.Arbitrary<Extract<MessageBody<E, S>, { readonly kind: Kind }>>;
};

/** Any well-formed message of any kind. Its fields are independent of each other: no run of the protocol need ever send it. */
export function messageArbitrary<E, S>(values: ValueArbitraries<E, S>): fc.Arbitrary<Message<E, S>> {
  return fc.record({
    from: nodeIdArbitrary(),
    to: nodeIdArbitrary(),
    configId: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffff_ffff })),
    configHash: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    body: messageBodyArbitrary(values),
  });
}

/** Any body, each kind as often as the others. */
export function messageBodyArbitrary<E, S>(values: ValueArbitraries<E, S>): fc.Arbitrary<MessageBody<E, S>> {
  const arbitraries: fc.Arbitrary<MessageBody<E, S>>[] = Object.values(messageBodyArbitraries(values));
  return fc.oneof(...arbitraries);
}

/** One arbitrary for each kind, by name: a new kind does not compile before it has one. */
export function messageBodyArbitraries<E, S>(values: ValueArbitraries<E, S>): MessageBodyArbitraries<E, S> {
  return { ...electionBodies(), ...replicationBodies(values), ...configurationBodies(values) };
}

function electionBodies(): Pick<MessageBodyArbitraries<never, never>, 'heartbeatRequest' | 'heartbeatReply'> {
  const lives = { round: indexArbitrary(), incarnation: indexArbitrary(), peerIncarnation: indexArbitrary() };
  return {
    heartbeatRequest: fc.record({ kind: fc.constant('heartbeatRequest'), ...lives }),
    heartbeatReply: fc.record({
      kind: fc.constant('heartbeatReply'),
      ...lives,
      ballot: ballotArbitrary(),
      leader: ballotArbitrary(),
      happy: fc.boolean(),
      promise: ballotArbitrary(),
      acceptedIdx: indexArbitrary(),
      decidedIdx: indexArbitrary(),
    }),
  };
}

function replicationBodies<E, S>(
  values: ValueArbitraries<E, S>,
): Omit<
  MessageBodyArbitraries<E, S>,
  'heartbeatRequest' | 'heartbeatReply' | 'configAhead' | 'fetchDecided' | 'decidedSync'
> {
  const n = ballotArbitrary();
  const index = indexArbitrary();
  return {
    prepare: fc.record({
      kind: fc.constant('prepare'),
      n,
      decidedIdx: index,
      nAccepted: ballotArbitrary(),
      acceptedIdx: index,
    }),
    promise: fc.record(
      {
        kind: fc.constant('promise'),
        n,
        syncToken: syncTokenArbitrary(),
        nAccepted: ballotArbitrary(),
        decidedIdx: index,
        acceptedIdx: index,
        compactedIdx: index,
        logSync: logSyncArbitrary(values),
        previousPromise: ballotArbitrary(),
        msSinceLowerBallotReply: fc.double({ min: 0, max: 1e9, noNaN: true }),
      },
      {
        requiredKeys: [
          'kind',
          'n',
          'syncToken',
          'nAccepted',
          'decidedIdx',
          'acceptedIdx',
          'compactedIdx',
          'previousPromise',
          'msSinceLowerBallotReply',
        ],
      },
    ),
    acceptSync: fc.record({
      kind: fc.constant('acceptSync'),
      n,
      syncToken: syncTokenArbitrary(),
      seqNum: sequenceNumberArbitrary(),
      decidedIdx: index,
      logSync: logSyncArbitrary(values),
    }),
    acceptDecide: fc.record({
      kind: fc.constant('acceptDecide'),
      n,
      seqNum: sequenceNumberArbitrary(),
      decidedIdx: index,
      records: fc.array(logRecordArbitrary(values.entry), { maxLength: 5 }),
    }),
    accepted: fc.record({ kind: fc.constant('accepted'), n, acceptedIdx: index }),
    decide: fc.record({
      kind: fc.constant('decide'),
      n,
      seqNum: sequenceNumberArbitrary(),
      decidedIdx: index,
    }),
    prepareReq: fc.record({ kind: fc.constant('prepareReq'), n }),
    notAccepted: fc.record({ kind: fc.constant('notAccepted'), n }),
    proposalForward: fc.record({
      kind: fc.constant('proposalForward'),
      entries: fc.array(values.entry, { maxLength: 5 }),
    }),
    takeLeadership: fc.record({ kind: fc.constant('takeLeadership'), n }),
  };
}

function configurationBodies<E, S>(
  values: ValueArbitraries<E, S>,
): Pick<MessageBodyArbitraries<E, S>, 'configAhead' | 'fetchDecided' | 'decidedSync'> {
  const ascendingConfigs = fc
    .uniqueArray(clusterConfigArbitrary(), { maxLength: 3, selector: (config) => config.configId })
    .map((configs) => [...configs].sort((a, b) => a.configId - b.configId));
  return {
    configAhead: fc.record({
      kind: fc.constant('configAhead'),
      configs: ascendingConfigs,
      decidedIdx: indexArbitrary(),
      compactedIdx: indexArbitrary(),
    }),
    fetchDecided: fc.record({ kind: fc.constant('fetchDecided'), fromIdx: indexArbitrary() }),
    decidedSync: fc.record(
      {
        kind: fc.constant('decidedSync'),
        promise: ballotArbitrary(),
        snapshot: snapshotArbitrary(values.snapshot),
        fromIdx: indexArbitrary(),
        records: fc.array(logRecordArbitrary(values.entry), { maxLength: 5 }),
        config: clusterConfigArbitrary(),
      },
      { requiredKeys: ['kind', 'promise', 'fromIdx', 'records', 'config'] },
    ),
  };
}

function syncTokenArbitrary(): fc.Arbitrary<SyncToken> {
  return fc.record({ incarnation: indexArbitrary(), counter: indexArbitrary() });
}

function sequenceNumberArbitrary(): fc.Arbitrary<SequenceNumber> {
  return fc.record({ session: indexArbitrary(), counter: indexArbitrary() });
}
