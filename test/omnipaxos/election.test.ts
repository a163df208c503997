import { describe, expect, test } from 'vitest';
import {
  BALLOT_NUMBER_MAX,
  BALLOT_ZERO,
  BallotExhaustedError,
  type NodeId,
  OmniPaxos,
} from '../../src/omnipaxos/index.js';
import { CoreCluster, type TestMessage } from './core-cluster.js';

const ROUND_TICKS = 5;

function ballots(cluster: CoreCluster, pids: readonly NodeId[]) {
  return pids.map((pid) => cluster.core(pid).status().election.currentBallot);
}

describe('election', () => {
  test('a fresh cluster: the highest node leads after two rounds, and stays', () => {
    const cluster = new CoreCluster(5);
    cluster.ticks(2 * ROUND_TICKS);
    expect(cluster.leaders()).toEqual([5]);
    const ballot = cluster.core(5).status().promise;
    cluster.ticks(100);
    expect(cluster.leaders()).toEqual([5]);
    expect(cluster.core(5).status().promise).toEqual(ballot);
  });

  test('priorities: the preferred node leads although its number is lower', () => {
    const cluster = new CoreCluster(3, {}, { 1: { priority: 7 } });
    expect(cluster.electLeader()).toBe(1);
  });

  // P05
  test('a minority pair whose replies come four times each: it raises no ballot, and deposes nobody on return', () => {
    const cluster = new CoreCluster(5);
    const leader = cluster.electLeader();
    const pair = [...cluster.nodes.keys()].filter((pid) => pid !== leader).slice(0, 2) as [NodeId, NodeId];
    for (const pid of pair)
      for (const other of cluster.nodes.keys()) if (!pair.includes(other)) cluster.link(pid, other, false);
    const before = ballots(cluster, pair);
    cluster.filter = (message) => {
      if (message.body.kind === 'heartbeatReply') for (let i = 0; i < 3; i++) cluster.deliver(message);
      return true;
    };
    cluster.ticks(20 * ROUND_TICKS);
    expect(ballots(cluster, pair)).toEqual(before);
    cluster.heal();
    cluster.ticks(20 * ROUND_TICKS);
    expect(cluster.leaders()).toEqual([leader]);
  });

  // P08
  test('a restarted node that had promised itself: it is no leader, and knows none, before it has synchronised', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    cluster.crash(leader);
    cluster.isolate(leader);
    cluster.restart(leader);
    expect(cluster.core(leader).status()).toMatchObject({
      role: 'follower',
      phase: 'recover',
      promise: { pid: leader },
    });
    expect(cluster.core(leader).leadership()).toEqual({ role: 'unknown' });
    cluster.ticks(100, [leader]);
    expect(cluster.core(leader).leadership()).toEqual({ role: 'unknown' });
  });

  // P08
  test("a leader in phase prepare: it is nobody's leader yet", () => {
    const cluster = new CoreCluster(3);
    cluster.filter = (message) => message.body.kind !== 'promise';
    cluster.ticks(4 * ROUND_TICKS);
    expect(cluster.core(3).status()).toMatchObject({ role: 'leader', phase: 'prepare' });
    expect(cluster.core(3).leadership()).toEqual({ role: 'unknown' });
    expect(cluster.core(3).append('a', { forward: false })).toEqual({ ok: false, reason: 'notLeader' });
  });

  test('the leader dies: another one leads within four rounds', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    cluster.crash(leader);
    cluster.until(() => cluster.leaders().length === 1, 'a new leader', 4 * ROUND_TICKS);
  });

  // P22: the three scenarios of the OmniPaxos paper, section 2.
  describe('partial connectivity', () => {
    test('quorum loss: everybody hears only one node, which is not the leader: that one takes over', () => {
      const cluster = new CoreCluster(5);
      const leader = cluster.electLeader();
      const hub = leader === 1 ? 2 : 1;
      cluster.connectStar(hub);
      cluster.until(() => cluster.core(hub).leadership().role === 'leader', 'the hub leads', 4 * ROUND_TICKS);
      cluster.core(hub).append('a', { forward: false });
      cluster.settle();
      expect(cluster.core(hub).decidedIdx).toBe(1);
    });

    test('constrained election: the leader is gone and the only connected node has the shorter log: it leads with all that was decided', () => {
      const cluster = new CoreCluster(5);
      const leader = cluster.electLeader();
      const hub = leader === 1 ? 2 : 1;
      cluster.isolate(hub);
      cluster.core(leader).append('a', { forward: false });
      cluster.settle();
      cluster.connectStar(hub);
      cluster.isolate(leader);
      cluster.until(() => cluster.core(hub).leadership().role === 'leader', 'the hub leads', 4 * ROUND_TICKS);
      expect(cluster.decided(hub)).toEqual(['a']);
    });

    test('chained: 1 - 2 - 3 with the ends cut: one leader, which stays for a hundred rounds', () => {
      const cluster = new CoreCluster(3);
      cluster.electLeader();
      cluster.link(1, 3, false);
      cluster.ticks(6 * ROUND_TICKS);
      const ballot = cluster.core(2).status().promise;
      cluster.ticks(100 * ROUND_TICKS);
      expect(cluster.core(2).status().promise).toEqual(ballot);
      const middle = cluster.core(2).leadership();
      expect(middle.role).not.toBe('unknown');
    });
  });

  // P22, R03: each of both sees its followers promised to the other, whom it does not hear.
  test('the leader is gone, and of two that take over in one round each hears the same two followers only: one of them leads, and stays', () => {
    const cluster = new CoreCluster(5);
    expect(cluster.electLeader()).toBe(5);
    cluster.connectOnly([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ]);
    cluster.ticks(4 * ROUND_TICKS);
    const [promise] = [1, 2].map((pid) => cluster.core(pid).status().promise);
    cluster.ticks(100 * ROUND_TICKS);
    for (const pid of [1, 2, 4]) expect(cluster.core(pid).status().promise).toEqual(promise);
    cluster.core(4).append('a', { forward: false });
    cluster.ticks(1);
    for (const pid of [1, 2, 4]) expect(cluster.decided(pid)).toEqual(['a']);
  });

  // P22: while it leads, a leader needs a write quorum only.
  test('a flexible quorum, and a leader that hears a write quorum but no read quorum: it stays, and goes on deciding', () => {
    const cluster = new CoreCluster(5, { flexibleQuorum: { readQuorumSize: 4, writeQuorumSize: 2 } });
    const leader = cluster.electLeader();
    const [hub, ...rest] = [1, 2, 3, 4, 5].filter((pid) => pid !== leader) as [NodeId, ...NodeId[]];
    const { promise } = cluster.core(leader).status();
    // The hub hears everybody, and would be elected if it were unhappy.
    for (const pid of rest) cluster.link(leader, pid, false);
    cluster.ticks(50 * ROUND_TICKS);
    expect(cluster.leaders()).toEqual([leader]);
    expect(cluster.core(leader).status()).toMatchObject({ promise, election: { happy: true } });
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    expect(cluster.decided(hub)).toEqual(['a']);
  });

  // R03: rule 4b.
  test("a node whose durable promise is above the happy leader's ballot: the leader outbids it, and it comes back", () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [stray] = [1, 2, 3].filter((pid) => pid !== leader) as [NodeId];
    const ballot = cluster.core(leader).status().promise;
    cluster
      .node(stray)
      .disk.write([{ kind: 'promise', promise: { ...ballot, n: ballot.n + 5, pid: stray } }]);
    cluster.node(stray).disk.sync();
    cluster.crash(stray);
    cluster.restart(stray);
    cluster.until(
      () => cluster.leaders().length === 1 && cluster.core(stray).leadership().role === 'follower',
      'it follows',
      10 * ROUND_TICKS,
    );
    const next = cluster.electLeader();
    cluster.core(next).append('a', { forward: false });
    cluster.settle();
    expect(cluster.decided(stray)).toEqual(['a']);
  });

  // R04
  test('a NotAccepted at a happy leader: it strikes the sender off, but does not step down', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [refuser] = [1, 2, 3].filter((pid) => pid !== leader) as [NodeId];
    const ballot = cluster.core(leader).status().promise;
    cluster.deliver({
      from: refuser,
      to: leader,
      configId: 1,
      configHash: cluster.core(refuser).configHash,
      body: { kind: 'notAccepted', n: { ...ballot, n: ballot.n + 1, pid: refuser } },
    });
    expect(cluster.core(leader).leadership().role).toBe('leader');
    expect(
      cluster
        .core(leader)
        .status()
        .followers.find(({ nodeId }) => nodeId === refuser)?.standing,
    ).toBe('struck');
    cluster.ticks(100);
    expect(cluster.leaders()).toEqual([leader]);
    // One round alone has shown the higher promise: that is not outbid.
    expect(cluster.core(leader).status().promise).toEqual(ballot);
  });

  // R03: the owner of the higher promise is there, so it is followed, not outbid.
  test('a promise above the ballot of the leader, whose owner answers: no ballot is raised above it', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [owner] = [1, 2, 3].filter((pid) => pid !== leader) as [NodeId];
    cluster.filter = ({ body }) => body.kind !== 'prepare';
    cluster.core(owner).tryBecomeLeader();
    const { promise } = cluster.core(owner).status();
    cluster.ticks(10 * ROUND_TICKS);
    for (const pid of cluster.nodes.keys()) {
      expect(cluster.core(pid).status().election.leader).toEqual(promise);
    }
    cluster.filter = () => true;
    cluster.until(() => cluster.core(owner).leadership().role === 'leader', 'it leads');
    expect(cluster.core(owner).status().promise).toEqual(promise);
  });

  // R20
  test('a tick that is late by more than a round: the open round is not judged', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const follower = leader === 1 ? 2 : 1;
    cluster.ticks(ROUND_TICKS);
    const ballot = cluster.core(follower).status().election.currentBallot;
    const core = cluster.core(follower);
    for (let i = 0; i < 4 * ROUND_TICKS; i++) core.tick({ late: true });
    expect(core.status().election.happy).toBe(true);
    expect(core.status().election.currentBallot).toEqual(ballot);
    cluster.settle();
    cluster.ticks(10 * ROUND_TICKS);
    expect(cluster.leaders()).toEqual([leader]);
  });

  test('a heartbeat reply meant for an earlier life: ignored', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const follower = leader === 1 ? 2 : 1;
    const replies: (typeof cluster.queue)[number][] = [];
    cluster.filter = (message) => {
      if (message.body.kind === 'heartbeatReply' && message.to === follower) replies.push(message);
      return true;
    };
    cluster.ticks(ROUND_TICKS);
    cluster.isolate(follower);
    cluster.crash(follower);
    cluster.restart(follower);
    cluster.node(follower).facts = [];
    for (const reply of replies) cluster.deliver(reply);
    expect(replies.length).toBeGreaterThan(0);
    expect(cluster.facts(follower, 'heartbeatReply')).toEqual([]);
  });

  test("a heartbeat of a peer's earlier life: not answered, once a later life was heard", () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const follower = leader === 1 ? 2 : 1;
    const requests: (typeof cluster.queue)[number][] = [];
    cluster.filter = (message) => {
      if (message.body.kind === 'heartbeatRequest' && message.from === follower && message.to === leader)
        requests.push(message);
      return true;
    };
    cluster.ticks(ROUND_TICKS);
    const [early] = requests;
    if (early === undefined) throw new Error('no request was sent');
    cluster.crash(follower);
    cluster.restart(follower);
    cluster.ticks(ROUND_TICKS);
    cluster.core(leader).handleIncoming(early);
    cluster.collect();
    expect(cluster.queued('heartbeatReply')).toEqual([]);
  });

  // P22
  test('two nodes that were each told of an earlier life of the other, by late copies: they hear each other again', () => {
    const early: TestMessage[] = [];
    const cluster = new CoreCluster(2);
    cluster.filter = (message) => {
      early.push(message);
      return false;
    };
    cluster.settle();
    for (const pid of [1, 2]) cluster.crash(pid);
    for (const pid of [1, 2]) cluster.restart(pid);
    cluster.settle();
    cluster.filter = () => true;
    const ofFirstLife = early.filter(
      ({ body }) => body.kind === 'heartbeatRequest' && body.incarnation === 1,
    );
    expect(ofFirstLife.map(({ from }) => from).sort()).toEqual([1, 2]);
    for (const message of ofFirstLife) cluster.deliver(message);
    cluster.ticks(2 * ROUND_TICKS);
    expect([1, 2].map((pid) => cluster.core(pid).status().election.lastHeard)).toEqual([[2], [1]]);
  });

  // P22
  test('a node without a promise beside two that have recovered one far above its ballot: somebody leads within four rounds', () => {
    const cluster = new CoreCluster(3);
    const { config } = cluster;
    const promise = { configId: 1, n: 50, priority: 0, pid: 2 };
    for (const pid of [2, 3]) {
      cluster.crash(pid);
      const state = { config, promise, acceptedRound: BALLOT_ZERO, decidedIdx: 0, records: [] };
      cluster.node(pid).disk.replace(state);
      cluster.restart(pid);
    }
    cluster.ticks(4 * ROUND_TICKS);
    expect(cluster.leaders()).toHaveLength(1);
  });

  // P24
  test('a ballot number at its end: a typed error, never a wrap', () => {
    const config = { configId: 1, nodes: [1], leaseMs: 0, maxClockDrift: 0 };
    const promise = { configId: 1, n: BALLOT_NUMBER_MAX, priority: 0, pid: 1 };
    const core = new OmniPaxos<string, string>(
      { pid: 1, incarnation: 2, electionTickTimeout: 1 },
      { config, promise, acceptedRound: promise, decidedIdx: 0, records: [] },
    );
    expect(() => {
      for (let i = 0; i < 4; i++) core.tick();
    }).toThrow(BallotExhaustedError);
  });

  // P14
  test('a cluster of one: it elects itself, decides alone, restarts and compacts', () => {
    const cluster = new CoreCluster(1);
    expect(cluster.electLeader()).toBe(1);
    cluster.core(1).append('a', { forward: false });
    cluster.settle();
    expect(cluster.decided(1)).toEqual(['a']);
    cluster.core(1).snapshot(1, 'a');
    cluster.settle();
    cluster.crash(1);
    cluster.restart(1);
    cluster.electLeader();
    cluster.core(1).append('b', { forward: false });
    cluster.settle();
    expect(cluster.decided(1)).toEqual(['<a>', 'b']);
  });

  // P15
  test('huge and sparse node numbers: a cluster like any other', () => {
    const cluster = new CoreCluster(3, { nodes: [6, 2 ** 40, 2 ** 48 - 1] });
    const leader = cluster.electLeader();
    expect(leader).toBe(2 ** 48 - 1);
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    expect(cluster.decided(6)).toEqual(['a']);
  });
});

// P05
test('replies of an older round that come late: they show nothing of this one', () => {
  const cluster = new CoreCluster(3);
  cluster.electLeader();
  const late: TestMessage[] = [];
  cluster.filter = (message) => {
    if (message.to !== 1 || message.body.kind !== 'heartbeatReply') return true;
    late.push(message);
    return false;
  };
  cluster.ticks(2 * ROUND_TICKS + 1);
  const { round } = cluster.core(1).status().election;
  const ofOlderRounds = late.filter(({ body }) => body.kind === 'heartbeatReply' && body.round < round);
  expect(ofOlderRounds).not.toEqual([]);
  for (const message of ofOlderRounds) cluster.deliver(message);
  cluster.until(() => cluster.core(1).status().election.round > round, 'the next round', 10);
  expect(cluster.core(1).status().election.lastHeard).toEqual([]);
});
