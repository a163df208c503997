import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster, type TestMessage } from './core-cluster.js';

function decide(cluster: CoreCluster, leader: NodeId, ...entries: string[]): void {
  for (const entry of entries) {
    expect(cluster.core(leader).append(entry, { forward: false })).toMatchObject({ ok: true });
    cluster.settle();
  }
}

function others(cluster: CoreCluster, ...pids: NodeId[]): NodeId[] {
  return [...cluster.nodes.keys()].filter((pid) => !pids.includes(pid));
}

describe('acceptor safety', () => {
  // P01
  test('a follower that was away past a compaction: it gets the complete snapshot, which holds what it had missed', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [away] = others(cluster, leader) as [NodeId];
    decide(cluster, leader, 'advance 100');
    cluster.isolate(away);
    decide(cluster, leader, 'barrier 1', 'barrier 2');
    cluster.core(leader).snapshot(3, 'advance 100, barrier 1, barrier 2');
    decide(cluster, leader, 'barrier 3');
    cluster.heal();
    cluster.until(() => cluster.core(away).decidedIdx === 4, 'the follower has caught up');
    expect(cluster.decided(away)).toEqual(['<advance 100, barrier 1, barrier 2>', 'barrier 3']);
    cluster.crash(away);
    cluster.restart(away);
    expect(cluster.decided(away)[0]).toBe('<advance 100, barrier 1, barrier 2>');
  });

  // P02: the copy answers an older Promise of the same ballot, and would cut what was acknowledged since.
  test('a late copy of an older AcceptSync of the same ballot: ignored, so that no acknowledged record is cut', () => {
    const cluster = new CoreCluster(3);
    const copies: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.body.kind === 'acceptSync') copies.push(message);
      return true;
    };
    const leader = cluster.electLeader();
    const [follower, third] = others(cluster, leader) as [NodeId, NodeId];
    const copy = copies.find((message) => message.to === follower);
    expect(copy).toBeDefined();
    cluster.isolate(third);
    cluster.filter = ({ to, body }) =>
      !(to === follower && (body.kind === 'decide' || body.kind === 'acceptSync'));
    for (const entry of ['a', 'b', 'c']) cluster.core(leader).append(entry, { forward: false });
    cluster.settle();
    expect(cluster.core(leader).decidedIdx).toBe(3);
    cluster.core(follower).reconnected(leader);
    cluster.settle();
    expect(cluster.core(follower).status().phase).toBe('prepare');
    if (copy !== undefined) cluster.deliver(copy);
    expect(cluster.core(follower).status().phase).toBe('prepare');
    expect(cluster.core(follower).acceptedIdx).toBe(3);
    cluster.filter = () => true;
    cluster.crash(leader);
    cluster.heal();
    cluster.until(
      () => cluster.leaders().length === 1 && cluster.core(third).decidedIdx === 3,
      'a new leader with all three',
    );
    expect(cluster.decided(third)).toEqual(['a', 'b', 'c']);
  });

  // P03
  test('a new leader that knows less is decided: decidedIdx of the follower that knows more does not fall', () => {
    const cluster = new CoreCluster(5);
    const leader = cluster.electLeader();
    const [ahead, ...rest] = others(cluster, leader) as [NodeId, ...NodeId[]];
    cluster.filter = ({ to, body }) => to === ahead || (body.kind !== 'decide' && body.kind !== 'acceptSync');
    cluster.core(leader).append('a', { forward: false });
    cluster.core(leader).append('b', { forward: false });
    cluster.settle();
    expect(cluster.core(ahead).decidedIdx).toBe(2);
    for (const pid of rest) expect(cluster.core(pid).decidedIdx).toBe(0);
    cluster.core(ahead).snapshot(2, 'a,b');
    cluster.filter = () => true;
    cluster.isolate(leader);
    cluster.isolate(ahead);
    cluster.until(
      () => rest.some((pid) => cluster.core(pid).leadership().role === 'leader'),
      'one of the three leads',
    );
    const next = rest.find((pid) => cluster.core(pid).leadership().role === 'leader');
    if (next === undefined) throw new Error('unreachable');
    for (const pid of rest) if (pid !== next) cluster.isolate(pid);
    cluster.link(next, ahead, true);
    cluster.ticks(60, [next, ahead]);
    expect(cluster.core(ahead).decidedIdx).toBe(2);
    expect(cluster.core(ahead).compactedIdx).toBe(2);
    cluster.heal();
    cluster.until(
      () => [...cluster.nodes.keys()].every((pid) => cluster.core(pid).decidedIdx === 2),
      'all know both',
    );
    for (const pid of cluster.nodes.keys()) expect(cluster.facts(pid, 'violation')).toEqual([]);
  });

  // P03: what the rule itself refuses, handed in directly.
  test.each(['without', 'with'] as const)(
    'an AcceptSync below decidedIdx, %s a snapshot: dropped and told as a violation',
    (kind) => {
      const cluster = new CoreCluster(3);
      const leader = cluster.electLeader();
      const [follower] = others(cluster, leader) as [NodeId];
      decide(cluster, leader, 'a', 'b', 'c');
      const syncs: TestMessage[] = [];
      cluster.filter = (message) => {
        if (message.body.kind !== 'acceptSync') return true;
        syncs.push(message);
        return false;
      };
      cluster.core(follower).reconnected(leader);
      cluster.settle();
      const sync = syncs[0];
      if (sync?.body.kind !== 'acceptSync') throw new Error('no AcceptSync was sent');
      const snapshot =
        kind === 'with' ? { snapshot: { value: 'a', compactedIdx: 1, config: cluster.config } } : {};
      cluster.deliver({ ...sync, body: { ...sync.body, logSync: { ...snapshot, suffix: [], syncIdx: 1 } } });
      expect(cluster.core(follower).decidedIdx).toBe(3);
      expect(cluster.core(follower).acceptedIdx).toBe(3);
      expect(cluster.facts(follower, 'violation')).toHaveLength(1);
    },
  );

  // P06
  test('a promise that is not yet durable: neither Prepare nor Promise has left, and after a crash nobody is owed anything', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [follower, candidate] = others(cluster, leader) as [NodeId, NodeId];
    cluster.isolate(leader);
    cluster.node(follower).slowDisk = true;
    const sent: TestMessage[] = [];
    cluster.filter = (message) => {
      sent.push(message);
      return true;
    };
    const before = cluster.core(follower).status().promise;
    cluster.until(
      () => cluster.node(follower).held.some((batch) => batch.writes.some((w) => w.kind === 'promise')),
      'a promise waits for its fsync',
    );
    cluster.ticks(5);
    const claims = sent.filter(
      ({ from, body }) =>
        from === follower && (body.kind === 'promise' || body.kind === 'prepare' || body.kind === 'accepted'),
    );
    expect(claims).toEqual([]);
    cluster.crash(follower);
    cluster.node(follower).slowDisk = false;
    cluster.restart(follower);
    expect(cluster.core(follower).status().promise).toEqual(before);
    cluster.until(() => cluster.leaders().length >= 1, 'a leader');
    expect(cluster.core(candidate).status().promise.n).toBeGreaterThan(before.n);
  });

  // P06
  test('a restarted leader: it never leads a ballot of its earlier life again', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const ballot = cluster.core(leader).status().promise;
    decide(cluster, leader, 'a');
    cluster.crash(leader);
    cluster.restart(leader);
    const [a, b] = others(cluster, leader) as [NodeId, NodeId];
    cluster.crash(a);
    cluster.restart(a);
    cluster.crash(b);
    cluster.restart(b);
    const next = cluster.electLeader();
    expect(cluster.core(next).status().promise.n).toBeGreaterThan(ballot.n);
    for (const pid of cluster.nodes.keys()) expect(cluster.decided(pid)).toEqual(['a']);
  });

  // P07
  test('a leader whose own fsync is under way: one follower does not make its entry decided', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [follower, third] = others(cluster, leader) as [NodeId, NodeId];
    cluster.isolate(third);
    cluster.node(leader).slowDisk = true;
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    expect(cluster.core(follower).acceptedIdx).toBe(1);
    expect(cluster.core(leader).decidedIdx).toBe(0);
    cluster.sync(leader);
    expect(cluster.core(leader).decidedIdx).toBe(1);
  });

  // P07
  test('a follower whose fsync is under way: it claims nothing, so nothing is decided', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [follower, third] = others(cluster, leader) as [NodeId, NodeId];
    cluster.isolate(third);
    cluster.node(follower).slowDisk = true;
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    cluster.ticks(50);
    expect(cluster.core(follower).acceptedIdx).toBe(1);
    expect(cluster.core(leader).decidedIdx).toBe(0);
    cluster.sync(follower);
    cluster.settle();
    expect(cluster.core(leader).decidedIdx).toBe(1);
  });

  // S16: the fsync of records that were replaced meanwhile must not count for what stands at their index now.
  test('an fsync that ends two leader changes later: it counts for nothing in the new ballot', () => {
    const cluster = new CoreCluster(3, {}, { 1: { priority: 1 } });
    expect(cluster.electLeader()).toBe(1);
    cluster.isolate(1);
    cluster.node(1).slowDisk = true;
    cluster.core(1).append('lost', { forward: false });
    cluster.settle();
    const token = cluster.node(1).held.at(-1)?.writeToken ?? 0;
    cluster.until(() => cluster.leaders().some((pid) => pid !== 1), 'another leader');
    const second = cluster.leaders().find((pid) => pid !== 1);
    if (second === undefined) throw new Error('unreachable');
    cluster.heal();
    cluster.until(
      () => cluster.core(1).status().promise.pid === second,
      'the old leader has promised the new one',
    );
    // Lead again, with the whole history of node 1 still unsynced.
    cluster.isolate(second);
    cluster.until(() => cluster.core(1).status().role === 'leader', 'node 1 leads again');
    cluster.core(1).persisted(token);
    cluster.settle();
    expect(cluster.core(1).status().ownAcceptedIdx).toBe(0);
    cluster.node(1).slowDisk = false;
    cluster.sync(1);
    cluster.heal();
    cluster.until(() => cluster.leaders().length === 1, 'one leader');
  });

  // P10
  test('messages of another configuration or another cluster shape: dropped and counted, whatever they are', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [follower] = others(cluster, leader) as [NodeId];
    const status = cluster.core(follower).status();
    const n = { configId: 2, n: 9, priority: 0, pid: leader };
    const body = { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 } as const;
    const envelope = { from: leader, to: follower, configHash: cluster.core(leader).configHash };
    cluster.deliver({ ...envelope, configId: 2, body });
    cluster.deliver({ ...envelope, configId: 1, configHash: 12345, body });
    cluster.deliver({ ...envelope, configId: 1, body });
    expect(cluster.core(follower).status().promise).toEqual(status.promise);
    expect(cluster.facts(follower, 'foreignConfig')).toHaveLength(2);
    expect(cluster.facts(follower, 'violation')).toHaveLength(1);
  });

  // P20: whoever leads above our promise must prepare us first.
  test.each(['acceptSync', 'acceptDecide', 'decide'] as const)(
    'an %s of a ballot above the promise: nothing of it is taken, and its leader is asked for a Prepare',
    (kind) => {
      const cluster = new CoreCluster(3);
      const leader = cluster.electLeader();
      const [follower, other] = others(cluster, leader) as [NodeId, NodeId];
      const { promise } = cluster.core(follower).status();
      const n = { ...promise, n: promise.n + 1, pid: other };
      const told = { n, seqNum: { session: 1, counter: 0 }, decidedIdx: 1 };
      const bodies = {
        acceptSync: {
          kind: 'acceptSync',
          ...told,
          syncToken: { incarnation: 1, counter: 1 },
          logSync: { suffix: [{ kind: 'entry', entry: 'x' }], syncIdx: 0 },
        },
        acceptDecide: { kind: 'acceptDecide', ...told, records: [{ kind: 'entry', entry: 'x' }] },
        decide: { kind: 'decide', ...told },
      } as const;
      const { configHash } = cluster.core(other);
      cluster.deliver({ from: other, to: follower, configId: 1, configHash, body: bodies[kind] });
      expect(cluster.queued('prepareReq')).toMatchObject([
        { from: follower, to: other, body: { kind: 'prepareReq', n: promise } },
      ]);
      expect(cluster.core(follower).status()).toMatchObject({ promise, acceptedIdx: 0, decidedIdx: 0 });
    },
  );

  // P20, R04
  test('messages of a ballot below the promise: NotAccepted answers those that ask for a promise or an acceptance, and no other', () => {
    const cluster = new CoreCluster(3);
    const deposed = cluster.electLeader();
    const [follower, next] = others(cluster, deposed) as [NodeId, NodeId];
    const { promise: n } = cluster.core(deposed).status();
    cluster.core(next).tryBecomeLeader();
    cluster.settle();
    const { promise } = cluster.core(follower).status();
    expect(promise.pid).toBe(next);
    const seqNum = { session: 9, counter: 0 };
    const bodies: [TestMessage['body'], boolean][] = [
      [{ kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 }, true],
      [
        {
          kind: 'acceptSync',
          n,
          syncToken: { incarnation: 1, counter: 1 },
          seqNum,
          decidedIdx: 0,
          logSync: { suffix: [], syncIdx: 0 },
        },
        true,
      ],
      [{ kind: 'acceptDecide', n, seqNum, decidedIdx: 0, records: [] }, true],
      [{ kind: 'decide', n, seqNum, decidedIdx: 0 }, true],
      [{ kind: 'accepted', n, acceptedIdx: 0 }, false],
      [{ kind: 'prepareReq', n }, false],
      [{ kind: 'notAccepted', n }, false],
      [{ kind: 'proposalForward', entries: ['x'] }, false],
      [{ kind: 'takeLeadership', n }, false],
    ];
    for (const [body, isRefused] of bodies) {
      const { configHash } = cluster.core(deposed);
      cluster.deliver({ from: deposed, to: follower, configId: 1, configHash, body });
      const told = isRefused
        ? [{ from: follower, to: deposed, body: { kind: 'notAccepted', n: promise } }]
        : [];
      expect(cluster.queue, body.kind).toMatchObject(told);
      expect(cluster.queue, body.kind).toHaveLength(told.length);
      cluster.queue = [];
    }
    expect(cluster.core(follower).status()).toMatchObject({ promise, phase: 'accept', acceptedIdx: 0 });
  });

  test('an Accepted beyond what was sent: dropped and told, it decides nothing', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [follower] = others(cluster, leader) as [NodeId];
    const { promise: n } = cluster.core(leader).status();
    const { configHash } = cluster.core(follower);
    const body = { kind: 'accepted', n, acceptedIdx: 1 } as const;
    cluster.deliver({ from: follower, to: leader, configId: 1, configHash, body });
    expect(cluster.facts(leader, 'violation')).toHaveLength(1);
    // It must not count for the record that comes to that index later.
    cluster.filter = (message) => message.body.kind !== 'acceptDecide';
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    expect(cluster.core(leader).decidedIdx).toBe(0);
  });

  test("a Prepare sent in another node's name: dropped and told", () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [follower, other] = others(cluster, leader) as [NodeId, NodeId];
    const n = { configId: 1, n: 99, priority: 0, pid: leader };
    cluster.deliver({
      from: other,
      to: follower,
      configId: 1,
      configHash: cluster.core(other).configHash,
      body: { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 },
    });
    expect(cluster.core(follower).status().promise.n).toBeLessThan(99);
    expect(cluster.facts(follower, 'violation')).toHaveLength(1);
  });
});

// P07, S16
test('an fsync of earlier records ends: later ones, accepted meanwhile, do not count yet', () => {
  const cluster = new CoreCluster(1);
  cluster.electLeader();
  const node = cluster.node(1);
  node.slowDisk = true;
  for (const entry of ['a', 'b']) {
    node.core.append(entry, { forward: false });
    cluster.collect();
  }
  const [first, second] = node.held;
  if (first === undefined || second === undefined) throw new Error('two batches were expected');
  node.core.persisted(first.writeToken);
  expect(node.core.decidedIdx).toBe(1);
  node.core.persisted(second.writeToken);
  expect(node.core.decidedIdx).toBe(2);
});
