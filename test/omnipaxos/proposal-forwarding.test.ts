import { describe, expect, test } from 'vitest';
import type { AppendResult, NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster, type TestMessage } from './core-cluster.js';

const LEADER = 1;
const FOLLOWER = 2;
const THIRD = 3;
const ALL: readonly NodeId[] = [LEADER, FOLLOWER, THIRD];

const BUFFERED: AppendResult = { ok: true, outcome: 'buffered' };
const NOT_LEADER: AppendResult = { ok: false, reason: 'notLeader' };
const FORWARDED: AppendResult = { ok: true, outcome: 'forwarded', to: LEADER };

function lead(cluster: CoreCluster, pid: NodeId): void {
  cluster.core(pid).tryBecomeLeader();
  cluster.settle();
  expect(cluster.core(pid).leadership().role).toBe('leader');
}

function serving(): CoreCluster {
  const cluster = new CoreCluster(3);
  lead(cluster, LEADER);
  return cluster;
}

function forward(cluster: CoreCluster, pid: NodeId, ...entries: string[]): AppendResult[] {
  return entries.map((entry) => cluster.core(pid).append(entry, { forward: true }));
}

function expectAll(cluster: CoreCluster, entries: readonly string[], pids = ALL): void {
  for (const pid of pids) {
    expect({ pid, decided: cluster.decided(pid), acceptedIdx: cluster.core(pid).acceptedIdx }).toEqual({
      pid,
      decided: entries,
      acceptedIdx: entries.length,
    });
  }
}

/** Keeps a copy of every ProposalForward; all of them go on. */
function recordForwards(cluster: CoreCluster): TestMessage[] {
  const forwards: TestMessage[] = [];
  cluster.filter = (message) => {
    if (message.body.kind === 'proposalForward') forwards.push(message);
    return true;
  };
  return forwards;
}

/** A node that does not lead, and knows nobody to forward to. */
const WITHOUT_LEADER = [
  { name: 'has heard of nobody', make: () => new CoreCluster(3) },
  {
    name: 'has promised, and waits for its AcceptSync',
    make: () => {
      const cluster = new CoreCluster(3);
      cluster.filter = ({ to, body }) => to !== FOLLOWER || body.kind !== 'acceptSync';
      lead(cluster, LEADER);
      expect(cluster.core(FOLLOWER).status().phase).toBe('prepare');
      return cluster;
    },
  },
  {
    name: 'has lost its session, and asks for a Prepare',
    make: () => {
      const cluster = serving();
      cluster.filter = ({ from, body }) => from !== FOLLOWER || body.kind !== 'prepareReq';
      cluster.core(FOLLOWER).reconnected(LEADER);
      cluster.settle();
      expect(cluster.core(FOLLOWER).status().phase).toBe('recover');
      return cluster;
    },
  },
  {
    name: 'has restarted',
    make: () => {
      const cluster = serving();
      cluster.crash(FOLLOWER);
      cluster.filter = ({ from, body }) => from !== FOLLOWER || body.kind !== 'prepareReq';
      cluster.restart(FOLLOWER);
      cluster.settle();
      expect(cluster.core(FOLLOWER).status().phase).toBe('recover');
      return cluster;
    },
  },
  {
    name: 'is a candidate whose Promises are lost',
    make: () => {
      const cluster = serving();
      cluster.filter = ({ to, body }) => to !== FOLLOWER || body.kind !== 'promise';
      cluster.core(FOLLOWER).tryBecomeLeader();
      cluster.settle();
      expect(cluster.core(FOLLOWER).status()).toMatchObject({ role: 'leader', phase: 'prepare' });
      return cluster;
    },
  },
] as const;

// P11
describe.each(WITHOUT_LEADER)('proposals at a node that $name', ({ make }) => {
  test('not to be forwarded: refused, and never heard of again', () => {
    const cluster = make();
    const { promise } = cluster.core(FOLLOWER).status();
    expect(cluster.core(FOLLOWER).append('a', { forward: false })).toEqual(NOT_LEADER);
    expect(cluster.core(FOLLOWER).append('b', { forward: false, ballot: promise })).toEqual(NOT_LEADER);
    expect(cluster.core(FOLLOWER).append('c', { forward: true, ballot: promise })).toEqual(NOT_LEADER);
    expect(cluster.core(FOLLOWER).status().bufferedProposals).toBe(0);
    cluster.filter = () => true;
    lead(cluster, LEADER);
    expectAll(cluster, []);
  });

  test.each([1, 2, 10])(
    '%i to be forwarded: buffered, then forwarded once, in order, in one message',
    (count) => {
      const cluster = make();
      const entries = Array.from({ length: count }, (_, i) => `entry ${i}`);
      expect(forward(cluster, FOLLOWER, ...entries)).toEqual(entries.map(() => BUFFERED));
      expect(cluster.core(FOLLOWER).status().bufferedProposals).toBe(count);
      const forwards = recordForwards(cluster);
      lead(cluster, LEADER);
      expect(forwards.map(({ from, to, body }) => ({ from, to, body }))).toEqual([
        { from: FOLLOWER, to: LEADER, body: { kind: 'proposalForward', entries } },
      ]);
      expect(cluster.core(FOLLOWER).status().bufferedProposals).toBe(0);
      expectAll(cluster, entries);
      // A further session forwards nothing again.
      cluster.core(FOLLOWER).reconnected(LEADER);
      cluster.settle();
      cluster.ticks(60);
      expect(forwards).toHaveLength(1);
      expectAll(cluster, entries);
    },
  );

  test('to be forwarded, then it leads itself: appended in order, none is forwarded', () => {
    const cluster = make();
    expect(forward(cluster, FOLLOWER, 'a', 'b')).toEqual([BUFFERED, BUFFERED]);
    const forwards = recordForwards(cluster);
    lead(cluster, FOLLOWER);
    expect(forwards).toEqual([]);
    expectAll(cluster, ['a', 'b']);
  });

  test('to be forwarded, then it crashes: they are gone', () => {
    const cluster = make();
    expect(forward(cluster, FOLLOWER, 'a')).toEqual([BUFFERED]);
    cluster.crash(FOLLOWER);
    cluster.filter = () => true;
    cluster.restart(FOLLOWER);
    cluster.settle();
    lead(cluster, LEADER);
    expect(cluster.core(FOLLOWER).status().bufferedProposals).toBe(0);
    expectAll(cluster, []);
  });
});

// P11
describe('proposals at a follower', () => {
  test('of both followers and of the leader: each is decided once, those of one node in order', () => {
    const cluster = serving();
    const forwards = recordForwards(cluster);
    expect(forward(cluster, FOLLOWER, 'f1', 'f2')).toEqual([FORWARDED, FORWARDED]);
    expect(forward(cluster, THIRD, 't1', 't2')).toEqual([FORWARDED, FORWARDED]);
    expect(forward(cluster, LEADER, 'l1')).toMatchObject([{ ok: true, outcome: 'appended', idx: 0 }]);
    cluster.settle();
    expect(forwards.every(({ to }) => to === LEADER)).toBe(true);
    expectAll(cluster, ['l1', 'f1', 'f2', 't1', 't2']);
  });

  test.each([
    { name: 'lost', times: 0, decided: ['b'] },
    { name: 'delivered', times: 1, decided: ['a', 'b'] },
    { name: 'delivered twice', times: 2, decided: ['a', 'a', 'b'] },
    { name: 'delivered three times', times: 3, decided: ['a', 'a', 'a', 'b'] },
  ])(
    'the forward is $name: so often is it in the log, nobody repeats it or hides it',
    ({ times, decided }) => {
      const cluster = serving();
      expect(forward(cluster, FOLLOWER, 'a')).toEqual([FORWARDED]);
      cluster.collect();
      const [message] = cluster.queued('proposalForward');
      if (message === undefined) throw new Error('nothing was forwarded');
      cluster.queue = [];
      for (let i = 0; i < times; i++) cluster.deliver(message);
      cluster.settle();
      cluster.ticks(60);
      expect(cluster.core(LEADER).append('b', { forward: false })).toMatchObject({ ok: true });
      cluster.settle();
      expectAll(cluster, decided);
    },
  );

  /** What can become of the leader while a forward is on its way, after which it must not take it. */
  test.each([
    {
      name: 'has been deposed',
      change: (cluster: CoreCluster) => lead(cluster, THIRD),
      decided: [],
    },
    {
      name: 'is a candidate again',
      change: (cluster: CoreCluster) => {
        cluster.filter = ({ body }) => body.kind !== 'promise';
        cluster.core(LEADER).tryBecomeLeader();
        cluster.settle();
      },
      decided: [],
    },
    {
      name: 'has restarted',
      change: (cluster: CoreCluster) => {
        cluster.crash(LEADER);
        cluster.restart(LEADER);
        cluster.settle();
      },
      decided: [],
    },
    {
      name: 'hands its leadership over',
      change: (cluster: CoreCluster) => {
        cluster.filter = ({ body }) => body.kind !== 'takeLeadership';
        expect(cluster.core(LEADER).transferLeadership(THIRD)).toEqual({ ok: true });
        cluster.settle();
      },
      decided: [],
    },
    {
      name: 'has a stop sign at the end of its log',
      change: (cluster: CoreCluster) => {
        cluster.filter = ({ body }) => body.kind !== 'accepted';
        expect(cluster.core(LEADER).reconfigure(cluster.nextConfig(LEADER, ALL))).toMatchObject({ ok: true });
        cluster.settle();
      },
      decided: ['stop sign'],
    },
  ])(
    'the leader $name when the forward arrives: it drops it, and nobody forwards it on',
    ({ change, decided }) => {
      const cluster = serving();
      expect(forward(cluster, FOLLOWER, 'a')).toEqual([FORWARDED]);
      cluster.collect();
      const [message] = cluster.queued('proposalForward');
      if (message === undefined) throw new Error('nothing was forwarded');
      cluster.queue = [];
      change(cluster);
      cluster.deliver(message);
      const forwards = recordForwards(cluster);
      cluster.ticks(100);
      expect(forwards).toEqual([]);
      expectAll(cluster, decided);
    },
  );

  test('buffered in one configuration, and still there in the next: decided in that one', () => {
    const cluster = serving();
    cluster.isolate(FOLLOWER);
    cluster.core(FOLLOWER).reconnected(LEADER);
    cluster.settle();
    expect(forward(cluster, FOLLOWER, 'a', 'b')).toEqual([BUFFERED, BUFFERED]);
    expect(cluster.core(LEADER).reconfigure(cluster.nextConfig(LEADER, ALL))).toMatchObject({ ok: true });
    cluster.settle();
    cluster.heal();
    cluster.entered(2, ALL);
    cluster.until(() => cluster.core(FOLLOWER).status().bufferedProposals === 0, 'they are forwarded');
    cluster.settle();
    expectAll(cluster, ['stop sign', 'a', 'b']);
  });

  test.each([0, 1, 5])(
    'a limit of %i: so many are kept, the next is refused, and there is room again later',
    (limit) => {
      const options = { proposalBufferLimit: limit };
      const cluster = new CoreCluster(3, {}, { [FOLLOWER]: options });
      const entries = Array.from({ length: limit }, (_, i) => `entry ${i}`);
      const full: AppendResult = { ok: false, reason: 'bufferFull', limit };
      expect(forward(cluster, FOLLOWER, ...entries, 'too many')).toEqual([
        ...entries.map(() => BUFFERED),
        full,
      ]);
      lead(cluster, LEADER);
      expectAll(cluster, entries);
      // With a leader the limit plays no part.
      expect(forward(cluster, FOLLOWER, 'forwarded')).toEqual([FORWARDED]);
      cluster.settle();
      expectAll(cluster, [...entries, 'forwarded']);
      cluster.isolate(FOLLOWER);
      cluster.core(FOLLOWER).reconnected(LEADER);
      expect(forward(cluster, FOLLOWER, ...entries, 'too many')).toEqual([
        ...entries.map(() => BUFFERED),
        full,
      ]);
    },
  );

  test('with a ballot: only its own leader takes it', () => {
    const cluster = serving();
    const ballot = cluster.core(LEADER).status().promise;
    for (const n of [ballot.n - 1, ballot.n + 1]) {
      const other = { forward: true, ballot: { ...ballot, n } };
      expect(cluster.core(LEADER).append('other ballot', other)).toEqual(NOT_LEADER);
    }
    expect(cluster.core(FOLLOWER).append('a follower', { forward: true, ballot })).toEqual(NOT_LEADER);
    expect(cluster.core(LEADER).append('a', { forward: false, ballot })).toEqual({
      ok: true,
      outcome: 'appended',
      idx: 0,
      ballot,
    });
    cluster.settle();
    expectAll(cluster, ['a']);
  });
});
