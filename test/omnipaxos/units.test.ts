import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError, parseInput } from '../../src/errors/index.js';
import {
  type Ballot,
  ballotsEqual,
  type ClusterConfig,
  clusterConfigSchema,
  compareBallots,
  hashClusterConfig,
  isDurableWrite,
  LogRangeError,
  maxBallot,
  OmniPaxos,
  quorumIndex,
  quorumSizes,
  type StableWrite,
} from '../../src/omnipaxos/index.js';
import { ReplicatedLog } from '../../src/omnipaxos/replicated-log.js';
import { entryRecord } from './core-cluster.js';

const BASE: ClusterConfig = { configId: 1, nodes: [1, 2, 3, 4, 5], leaseMs: 0, maxClockDrift: 0.01 };

const ballotArbitrary: fc.Arbitrary<Ballot> = fc.record({
  configId: fc.nat(3),
  n: fc.nat(3),
  priority: fc.nat(2),
  pid: fc.nat(3),
});

describe('ballots', () => {
  test('order: total, by configId, n, priority, pid', () => {
    const key = ({ configId, n, priority, pid }: Ballot): string => [configId, n, priority, pid].join('.');
    fc.assert(
      fc.property(ballotArbitrary, ballotArbitrary, (a, b) => {
        const expected = key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
        expect(Math.sign(compareBallots(a, b))).toBe(expected);
        expect(ballotsEqual(a, b)).toBe(expected === 0);
        expect(maxBallot(a, b)).toEqual(expected < 0 ? b : a);
      }),
    );
  });
});

describe('quorums', () => {
  test('majorities of every size intersect', () => {
    for (let size = 1; size <= 64; size++) {
      const { read, write } = quorumSizes({ ...BASE, nodes: Array.from({ length: size }, (_, i) => i + 1) });
      expect(read + write).toBeGreaterThan(size);
      expect(read).toBeLessThanOrEqual(size);
    }
  });

  test('quorumIndex: the highest index that a quorum has reached, as a naive count finds it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(6), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        (indexes, size) => {
          let naive = 0;
          for (let idx = 0; idx <= 6; idx++)
            if (indexes.filter((reached) => reached >= idx).length >= size) naive = idx;
          expect(quorumIndex(indexes, size)).toBe(naive);
        },
      ),
    );
  });
});

describe('stable writes', () => {
  // P06: what a message may claim, or a node relies on in its next life, is fsynced; what others tell again,
  // or the log still holds, is not.
  test('which of them are durable before anything that claims them', () => {
    const promise = { configId: 2, n: 1, priority: 0, pid: 1 };
    const logSync = { suffix: [entryRecord('a')], syncIdx: 0 };
    const snapshot = { value: 's', compactedIdx: 1, config: BASE };
    const writes: StableWrite<string, string>[] = [
      { kind: 'promise', promise },
      { kind: 'append', fromIdx: 0, records: [entryRecord('a')] },
      { kind: 'sync', acceptedRound: promise, logSync, decidedIdx: 0 },
      { kind: 'enterConfig', config: BASE, logSync, decidedIdx: 1 },
      { kind: 'decided', decidedIdx: 1 },
      { kind: 'snapshot', snapshot },
    ];
    expect(writes.filter(isDurableWrite).map(({ kind }) => kind)).toEqual([
      'promise',
      'append',
      'sync',
      'enterConfig',
    ]);
  });
});

describe('cluster config', () => {
  // P13, P15
  test.each([
    ['nodes', { nodes: [1, 1, 2] }],
    ['nodes', { nodes: [] }],
    ['nodes.1', { nodes: [1, 0] }],
    ['nodes.0', { nodes: [2 ** 48] }],
    ['configId', { configId: 0 }],
    ['configId', { configId: 2 ** 32 }],
    ['leaseMs', { leaseMs: -1 }],
    ['maxClockDrift', { maxClockDrift: Number.NaN }],
    ['flexibleQuorum', { flexibleQuorum: { readQuorumSize: 3, writeQuorumSize: 2 } }],
    ['flexibleQuorum.readQuorumSize', { flexibleQuorum: { readQuorumSize: 6, writeQuorumSize: 2 } }],
    ['flexibleQuorum.readQuorumSize', { flexibleQuorum: { readQuorumSize: 3, writeQuorumSize: 4 } }],
    ['flexibleQuorum.writeQuorumSize', { flexibleQuorum: { readQuorumSize: 5, writeQuorumSize: 1 } }],
  ])('refused by the name of the field: %s', (field, change) => {
    const parse = (): unknown => parseInput(clusterConfigSchema, { ...BASE, ...change }, 'config');
    expect(parse).toThrow(InvalidInputError);
    expect(parse).toThrow(`config.${field}: `);
  });

  test('hash: the same for any order of members, another for any other field', () => {
    const hash = hashClusterConfig(BASE);
    expect(hashClusterConfig({ ...BASE, nodes: [5, 4, 3, 2, 1] })).toBe(hash);
    const changes: Partial<ClusterConfig>[] = [
      { configId: 2 },
      { nodes: [1, 2, 3, 4, 6] },
      { leaseMs: 250 },
      { maxClockDrift: 0.02 },
      { flexibleQuorum: { readQuorumSize: 4, writeQuorumSize: 2 } },
      { previousLease: { leaseMs: 250, maxClockDrift: 0.01 } },
      { previousLease: { leaseMs: 250, maxClockDrift: 0.02 } },
    ];
    const hashes = changes.map((change) => hashClusterConfig({ ...BASE, ...change }));
    expect(new Set([hash, ...hashes]).size).toBe(changes.length + 1);
    expect(hash).toBeLessThan(2 ** 48);
  });
});

describe('replicated log', () => {
  const log = (): ReplicatedLog<string, string> =>
    new ReplicatedLog(undefined, ['a', 'b', 'c', 'd'].map(entryRecord), 3);
  const snapshot = (compactedIdx: number) => ({ value: 's', compactedIdx, config: BASE });

  test('a snapshot that comes with a sync: all that it covers is decided, whatever was before', () => {
    for (const decidedIdx of [0, 3]) {
      const subject = new ReplicatedLog<string, string>(
        undefined,
        ['a', 'b', 'c', 'd'].map(entryRecord),
        decidedIdx,
      );
      subject.applySync({ snapshot: snapshot(5), suffix: [entryRecord('f')], syncIdx: 5 });
      const { acceptedIdx, compactedIdx } = subject;
      expect({ acceptedIdx, compactedIdx, decidedIdx: subject.decidedIdx }).toEqual({
        acceptedIdx: 6,
        compactedIdx: 5,
        decidedIdx: 5,
      });
    }
  });

  // S18: a range that cannot be given in full is an error, never a shorter list.
  test('reads out of range: an error, never a shorter list', () => {
    const subject = log();
    subject.compact(snapshot(2));
    expect(() => subject.records(1)).toThrow(LogRangeError);
    expect(() => subject.records(2, 5)).toThrow(LogRangeError);
    expect(() => subject.records(5)).toThrow(LogRangeError);
    expect(() => subject.readDecided(4)).toThrow(LogRangeError);
    expect(() => subject.readDecided(-1)).toThrow(LogRangeError);
    expect(() => subject.readDecided(0.5)).toThrow(LogRangeError);
    expect(() => subject.readDecided(2, 0)).toThrow(LogRangeError);
  });

  test('decided items: in order, the snapshot first, no more than the limit, nothing undecided', () => {
    const subject = log();
    expect(subject.readDecided(0)).toHaveLength(3);
    expect(subject.readDecided(3)).toEqual([]);
    subject.compact(snapshot(2));
    expect(subject.readDecided(0)).toEqual([
      { kind: 'snapshot', snapshot: snapshot(2) },
      { kind: 'entry', idx: 2, entry: 'c' },
    ]);
    expect(subject.readDecided(1, 1)).toEqual([{ kind: 'snapshot', snapshot: snapshot(2) }]);
    expect(subject.readDecided(2, 1)).toEqual([{ kind: 'entry', idx: 2, entry: 'c' }]);
  });

  // P17, P18
  test.each([0, 2, 2.5, 4, Number.NaN])(
    'compaction up to %i, with 2 compacted and 3 decided: refused, and nothing changes',
    (upToIdx) => {
      const subject = log();
      subject.compact(snapshot(2));
      expect(() => subject.compact(snapshot(upToIdx))).toThrow(LogRangeError);
      expect(subject.compactedIdx).toBe(2);
      expect(subject.acceptedIdx).toBe(4);
    },
  );

  test('decide: never down, never beyond the log', () => {
    const subject = log();
    expect(subject.decide(2)).toBe(false);
    expect(subject.decidedIdx).toBe(3);
    expect(() => subject.decide(5)).toThrow(LogRangeError);
    expect(subject.decide(4)).toBe(true);
  });
});

describe('core options', () => {
  test.each([
    ['pid', { pid: 0 }],
    ['incarnation', { incarnation: 0 }],
    ['priority', { priority: 65_536 }],
    ['electionTickTimeout', { electionTickTimeout: 0 }],
    ['proposalBufferLimit', { proposalBufferLimit: 1.5 }],
  ])('%s out of range: refused by name', (field, change) => {
    const zero = { configId: 0, n: 0, priority: 0, pid: 0 };
    const state = { config: BASE, promise: zero, acceptedRound: zero, decidedIdx: 0, records: [] };
    expect(() => new OmniPaxos({ pid: 1, incarnation: 1, ...change }, state)).toThrow(
      `OmniPaxos options.${field}: `,
    );
  });
});
