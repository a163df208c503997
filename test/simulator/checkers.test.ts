import { describe, expect, test } from 'vitest';
import { EPOCH_ZERO, type LeaderState, toEpoch } from '../../src/consensus/index.js';
import type { HighWaterCommand, HighWaterSnapshot } from '../../src/high-water/index.js';
import type {
  Ballot,
  DecidedItem,
  LogRecord,
  Message,
  MessageBody,
  StableState,
} from '../../src/omnipaxos/index.js';
import { BALLOT_ZERO } from '../../src/omnipaxos/index.js';
import { withResolvers } from '../../src/runtime/index.js';
import { Advances } from '../../src/testing/simulator/checkers/advances.js';
import { requireWithinBounds } from '../../src/testing/simulator/checkers/bounds.js';
import { requireOnWriteQuorum } from '../../src/testing/simulator/checkers/disk-quorum.js';
import { requireIndexOrder } from '../../src/testing/simulator/checkers/index-order.js';
import { LeaderLogs } from '../../src/testing/simulator/checkers/leader-logs.js';
import { LeadershipOrder } from '../../src/testing/simulator/checkers/leadership-order.js';
import { Leaderships } from '../../src/testing/simulator/checkers/leaderships.js';
import { HeldLeases, requireOneLease } from '../../src/testing/simulator/checkers/leases.js';
import { requireNoPart } from '../../src/testing/simulator/checkers/lost-directories.js';
import { NodeWatch } from '../../src/testing/simulator/checkers/node-watch.js';
import { OpenCalls } from '../../src/testing/simulator/checkers/open-calls.js';
import { Proposals } from '../../src/testing/simulator/checkers/proposals.js';
import { describeRecord, ReferenceLog } from '../../src/testing/simulator/checkers/reference-log.js';
import { checkStableClaim } from '../../src/testing/simulator/checkers/stable-claims.js';
import { requireNoStepBack } from '../../src/testing/simulator/checkers/stable-order.js';
import { TimestampHistory } from '../../src/testing/simulator/checkers/timestamp-history.js';
import { Windows } from '../../src/testing/simulator/checkers/windows.js';
import { InvariantViolation } from '../../src/testing/simulator/violation.js';

type Disk = StableState<HighWaterCommand, HighWaterSnapshot>;
type Item = DecidedItem<HighWaterCommand, HighWaterSnapshot>;

const config = { configId: 1, nodes: [1, 2, 3], leaseMs: 250, maxClockDrift: 0.01 };
const LIFE = { directoryId: 'aaaaaaaaaaaaaaaa', incarnation: 1 };
const EPOCH_1 = toEpoch(1n);
const EPOCH_2 = toEpoch(2n);
const EMPTY: Disk = {
  config,
  promise: BALLOT_ZERO,
  acceptedRound: BALLOT_ZERO,
  decidedIdx: 0,
  records: [],
};

function ballot(n: number, pid = 1): Ballot {
  return { configId: 1, n, priority: 0, pid };
}

function advance(atLeast: number, seq: number, epoch = EPOCH_1): LogRecord<HighWaterCommand> {
  return { kind: 'entry', entry: { kind: 'advance', atLeast, epoch, id: { ...LIFE, seq } } };
}

function at(idx: number, record: LogRecord<HighWaterCommand>): Item {
  return record.kind === 'entry'
    ? { kind: 'entry', idx, entry: record.entry }
    : { kind: 'stopSign', idx, stopSign: record.stopSign };
}

/** A reference log in which callers have asked for advances to 10, 20 and 30 at epochs 1 and 2. */
function reference(...decided: readonly LogRecord<HighWaterCommand>[]): ReferenceLog {
  const proposals = new Proposals();
  proposals.lifeBegan(LIFE);
  for (const epoch of [EPOCH_1, EPOCH_2]) for (const atLeast of [10, 20, 30]) proposals.asked(atLeast, epoch);
  const log = new ReferenceLog(config, proposals);
  for (const [idx, record] of decided.entries()) log.see(1, at(idx, record));
  return log;
}

function snapshotAt(compactedIdx: number, value: number, epoch = EPOCH_1): Item {
  return { kind: 'snapshot', snapshot: { compactedIdx, config, value: { value, epoch, ledger: [] } } };
}

function broken(check: () => void, invariant: RegExp): void {
  expect(check).toThrow(InvariantViolation);
  expect(check).toThrow(invariant);
}

describe('decided log', () => {
  test('1: another value at an index, or a snapshot that is not the fold, is a violation', () => {
    const log = reference(advance(10, 1), advance(20, 2));
    log.see(2, at(0, advance(10, 1)));
    log.see(2, snapshotAt(2, 20));
    broken(() => log.see(3, at(1, advance(30, 2))), /one value is decided per index/);
    broken(() => log.see(3, snapshotAt(2, 10)), /a snapshot is the fold/);
    broken(() => log.see(3, snapshotAt(3, 20)), /only decided records are folded/);
  });

  test('1: a hole in what is decided is a violation', () => {
    broken(() => reference().see(1, at(3, advance(10, 1))), /one value is decided per index/);
  });

  test('2: what nobody asked for, or a proposal that is decided twice, is a violation', () => {
    broken(() => reference(advance(11, 1)), /what is decided was asked for/);
    const stranger = advance(10, 1);
    if (stranger.kind !== 'entry') throw new Error('an advance is an entry');
    const id = { ...stranger.entry.id, incarnation: 2 };
    broken(() => reference({ kind: 'entry', entry: { ...stranger.entry, id } }), /was asked for/);
    broken(() => reference(advance(10, 1), advance(10, 1)), /a proposal is decided once/);
  });

  test('17: two lives under one name are a violation', () => {
    const proposals = new Proposals();
    proposals.lifeBegan(LIFE);
    proposals.lifeBegan({ ...LIFE, incarnation: 2 });
    broken(() => proposals.lifeBegan(LIFE), /no two lives propose under one name/);
  });

  test('a stop sign that skips a configuration is a violation; the next one decides from the index after it', () => {
    const next = { ...config, configId: 2, nodes: [4] };
    const log = reference(advance(10, 1), { kind: 'stopSign', stopSign: { nextConfig: next } });
    expect([log.configAt(1), log.configAt(2)]).toEqual([config, next]);
    const later = { ...next, configId: 4 };
    broken(
      () => log.see(1, at(2, { kind: 'stopSign', stopSign: { nextConfig: later } })),
      /the configuration after/,
    );
  });
});

describe('one node', () => {
  /** A node that shows these. */
  function shows(log: ReferenceLog, decidedIdx: number, appliedIdx: number, highWater: number) {
    const items = Array.from({ length: decidedIdx }, (_, idx) => at(idx, advance(10 * (idx + 1), idx + 1)));
    const host = { log: { decidedIdx, read: (fromIdx: number) => items.slice(fromIdx) } };
    const status = { apply: { appliedIdx }, highWater, foldedEpoch: log.foldAt(appliedIdx).epoch };
    // The watch reads no more of a host than this.
    return [host, status] as unknown as Parameters<NodeWatch['check']>;
  }

  test('3, 9: decidedIdx, appliedIdx or high-water that fall are violations', () => {
    const log = reference(advance(10, 1), advance(20, 2));
    const watch = new NodeWatch(1, log);
    watch.check(...shows(log, 2, 2, 20));
    broken(() => watch.check(...shows(log, 1, 1, 10)), /decidedIdx of node 1 fell/);
    broken(() => watch.check(...shows(log, 2, 1, 20)), /appliedIdx of node 1 fell/);
    broken(() => watch.check(...shows(log, 2, 2, 10)), /the high-water of node 1 fell/);
  });

  test('18: an applied state that is not the fold is a violation', () => {
    const log = reference(advance(10, 1), advance(20, 2));
    broken(() => new NodeWatch(1, log).check(...shows(log, 2, 1, 20)), /the fold of the decided log/);
  });

  test('4: indexes out of order are a violation; a snapshot that is not applied yet is none', () => {
    const inOrder = { compactedIdx: 1, decidedIdx: 3, acceptedIdx: 4 };
    requireIndexOrder(1, inOrder, 2);
    requireIndexOrder(1, { ...inOrder, compactedIdx: 3 }, 2);
    for (const wrong of [{ compactedIdx: 4 }, { decidedIdx: 5 }])
      broken(() => requireIndexOrder(1, { ...inOrder, ...wrong }, 2), /in order/);
    broken(() => requireIndexOrder(1, inOrder, 4), /in order/);
  });

  test('20: an amount above its bound is a violation', () => {
    requireWithinBounds(1, 'calls', 3, 3);
    broken(() => requireWithinBounds(1, 'calls', 4, 3), /calls of node 1: 4/);
  });

  test('21: a node on a directory that its peers do not remember, and that is connected or leads, is a violation', () => {
    requireNoPart(1, { connectedPeers: [], role: 'unknown' });
    broken(() => requireNoPart(1, { connectedPeers: [2], role: 'follower' }), /takes no part/);
    broken(() => requireNoPart(1, { connectedPeers: [], role: 'leader' }), /takes no part/);
  });

  test('19: which of the first calls are still open, is known', async () => {
    const calls = new OpenCalls(1);
    const first = withResolvers<void>();
    const second = withResolvers<void>();
    const ends = [calls.watch('a load', 1, first.promise), calls.watch('a load', 1, second.promise)];
    expect([calls.begun, calls.hasOneOf(0), calls.hasOneOf(1)]).toEqual([2, false, true]);
    first.resolve();
    await ends[0];
    expect([calls.hasOneOf(1), calls.hasOneOf(2)]).toEqual([false, true]);
    second.resolve();
    await ends[1];
    expect(calls.hasOneOf(2)).toBe(false);
  });

  test('19: a call that outlives its deadline or the leadership is a violation', async () => {
    const calls = new OpenCalls(1);
    const { promise, resolve } = withResolvers<void>();
    const call = calls.watch('a load', 100, promise);
    const process = { nowMs: 100, frozenUntilMs: 0, leads: true };
    calls.check(process);
    calls.check({ ...process, nowMs: 500, frozenUntilMs: 500 });
    broken(() => calls.check({ ...process, nowMs: 102 }), /every call ends/);
    broken(() => calls.check({ ...process, leads: false }), /every call ends/);
    resolve();
    await call;
    calls.check({ ...process, nowMs: 102 });
    expect(calls.count).toBe(0);
  });
});

describe('disks', () => {
  const snapshot = { compactedIdx: 2, config, value: { value: 0, epoch: EPOCH_ZERO, ledger: [] } };
  const full: Disk = { ...EMPTY, promise: ballot(2), acceptedRound: ballot(2), decidedIdx: 2, snapshot };

  test.each([
    ['promise', { promise: ballot(1) }],
    ['acceptedRound', { acceptedRound: ballot(1) }],
    ['decidedIdx', { decidedIdx: 1 }],
    ['compactedIdx', { snapshot: { ...snapshot, compactedIdx: 1 } }],
  ])('3: %s that goes back is a violation', (field, change) => {
    requireNoStepBack(1, full, full);
    broken(() => requireNoStepBack(1, full, { ...full, ...change }), new RegExp(`${field} of node 1 was`));
  });

  function message(body: MessageBody<HighWaterCommand, HighWaterSnapshot>) {
    // The checker reads no more of a message than this.
    return { from: 1, to: 2, configId: 1, body } as Message<HighWaterCommand, HighWaterSnapshot>;
  }

  test.each([
    ['prepare', ballot(3), /a promise is durable before it is claimed/],
    ['accepted', ballot(2), /accepted records are durable before they are claimed/],
  ] as const)('5: a %s that claims more than the disk holds is a violation', (kind, n, invariant) => {
    const claim = (acceptedIdx: number, of: Ballot) =>
      // The checker reads no more of a body than this.
      message({ kind, n: of, acceptedIdx } as unknown as MessageBody<HighWaterCommand, HighWaterSnapshot>);
    checkStableClaim(claim(2, ballot(2)), full);
    broken(() => checkStableClaim(claim(3, n), full), invariant);
  });

  test('7: a decided entry on fewer disks than a write quorum is a violation', () => {
    const record = advance(10, 1);
    const holding: Disk = { ...EMPTY, records: [record] };
    const check = (disks: readonly Disk[], quorumed = config) =>
      requireOnWriteQuorum(0, describeRecord(record), quorumed, (nodeId) => disks[nodeId - 1] ?? EMPTY);
    check([holding, EMPTY, holding]);
    check([holding, full, EMPTY]);
    broken(() => check([holding, EMPTY, EMPTY]), /on the disks of a write quorum/);
    broken(() => check([holding, { ...EMPTY, records: [advance(20, 1)] }, EMPTY]), /write quorum/);
    const flexible = {
      ...config,
      nodes: [1, 2, 3, 4, 5],
      flexibleQuorum: { readQuorumSize: 4, writeQuorumSize: 2 },
    };
    check([holding, holding], flexible);
    broken(() => check([holding], flexible), /2 are needed/);
  });

  test('8: a newest leader that misses a decided entry is a violation, an older one may', () => {
    const first = advance(10, 1);
    const logs = new LeaderLogs(reference(first));
    const leader = (n: number, records: readonly LogRecord<HighWaterCommand>[]) => ({
      nodeId: 1,
      ballot: ballot(n),
      acceptedIdx: records.length,
      written: () => ({ ...EMPTY, acceptedRound: ballot(n), records }),
    });
    logs.see(leader(2, [first, advance(20, 2)]));
    logs.see(leader(1, []));
    broken(() => logs.see(leader(3, [])), /every later leader holds what was decided/);
    broken(() => logs.see(leader(4, [advance(20, 2)])), /every later leader holds what was decided/);
  });
});

describe('leaderships', () => {
  test('6, 16: two leaders of one epoch, or two lives of one, are a violation', () => {
    const leaderships = new Leaderships();
    const n = { configId: 1, n: 2, priority: 3, pid: 4 };
    const epoch = toEpoch((1n << 96n) | (2n << 64n) | (3n << 48n) | 4n);
    leaderships.see(epoch, n, 1, 1);
    leaderships.see(epoch, { ...n }, 1, 1);
    broken(() => leaderships.see(epoch, n, 2, 1), /a ballot is led by one node/);
    broken(() => leaderships.see(epoch, n, 1, 2), /in one of its lives/);
    expect(leaderships.count).toBe(1);
  });

  test('16: an epoch that is not the image of its ballot, or stands for two, is a violation', () => {
    const n = { configId: 1, n: 2, priority: 3, pid: 4 };
    const leaderships = new Leaderships();
    const lossy = toEpoch((1n << 96n) | (2n << 64n) | 4n);
    broken(() => leaderships.see(lossy, n, 1, 1), /an epoch stands for one ballot/);
    leaderships.see(lossy, { ...n, priority: 0 }, 1, 1);
    broken(() => leaderships.see(lossy, n, 1, 1), /an epoch stands for one ballot/);
  });

  test('15: two valid leases are a violation', () => {
    const held = (valid: boolean): HeldLeases => {
      const leases = new HeldLeases();
      leases.told({ role: 'leader', epoch: EPOCH_1, lease: { isValid: () => valid } });
      return leases;
    };
    requireOneLease([
      [1, held(true)],
      [2, held(false)],
    ]);
    broken(
      () =>
        requireOneLease([
          [1, held(true)],
          [2, held(true)],
        ]),
      /at most one lease/,
    );
  });

  test('16: a stream whose epochs fall, or that tells the same twice, is a violation', () => {
    const following = (epoch: bigint): LeaderState => ({
      role: 'follower',
      leader: { epoch: toEpoch(epoch) },
    });
    const order = new LeadershipOrder(1);
    order.told({ role: 'unknown' });
    order.told(following(2n));
    broken(() => order.told(following(2n)), /tells changes only/);
    broken(() => order.told(following(1n)), /epochs never fall/);
  });
});

describe('callers', () => {
  test('10: a load below an advance that was acknowledged before is a violation', () => {
    const advances = new Advances(reference(advance(10, 1)));
    const before = advances.floor;
    advances.advanced(1, 10, EPOCH_1, 10);
    advances.loaded(2, before, 0);
    broken(() => advances.loaded(2, advances.floor, 9), /a load reflects every advance/);
    broken(() => advances.advanced(1, 20, EPOCH_1, 10), /answers at least what it asked for/);
  });

  test('11: an advance that is acknowledged and took no effect at its epoch is a violation', () => {
    const log = reference(advance(10, 1), advance(20, 2, EPOCH_2), advance(30, 3, EPOCH_1));
    const acknowledging = (atLeast: number, epoch = EPOCH_1): Advances => {
      const advances = new Advances(log);
      advances.advanced(1, atLeast, epoch, atLeast);
      return advances;
    };
    acknowledging(10).check();
    acknowledging(20, EPOCH_2).check();
    // Decided, but behind an entry of a later epoch: fenced.
    broken(() => acknowledging(30).check(), /took effect in the log while its epoch led/);
  });

  test('12: windows of two epochs that touch, or are in the wrong order, are a violation', () => {
    const windows = new Windows();
    windows.granted(EPOCH_1, 10);
    windows.granted(EPOCH_1, 20);
    windows.granted(EPOCH_2, 21);
    windows.granted(EPOCH_1, 15);
    broken(() => windows.granted(EPOCH_2, 15), /windows of different epochs/);
    broken(() => windows.granted(EPOCH_1, 22), /windows of different epochs/);
  });

  test('13, 14: a timestamp that is granted twice, or not above one received before, is a violation', () => {
    const history = new TimestampHistory();
    const early = history.begin();
    history.end(history.begin(), 100n, 10, 'a');
    history.end(early, 50n, 5, 'a');
    expect(history.count).toBe(15);
    for (const [first, count] of [
      [109n, 1],
      [45n, 6],
      [54n, 1],
      [40n, 100],
    ] as const)
      broken(() => history.end(early, first, count, 'b'), /granted twice/);
    broken(() => history.end(history.begin(), 109n, 1, 'b'), /a later call gets a greater timestamp/);
    history.end(early, 55n, 45, 'b');
    expect(history.count).toBe(60);
  });
});
