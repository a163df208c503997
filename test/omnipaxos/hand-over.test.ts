import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import { compareBallots, type NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster, type TestMessage } from './core-cluster.js';

function serving(): { cluster: CoreCluster; leader: NodeId; target: NodeId; third: NodeId } {
  const cluster = new CoreCluster(3);
  const leader = cluster.electLeader();
  cluster.core(leader).append('a', { forward: false });
  cluster.ticks(1);
  const [target = 0, third = 0] = [1, 2, 3].filter((pid) => pid !== leader);
  return { cluster, leader, target, third };
}

function readQuorumsOf(cluster: CoreCluster, pid: NodeId) {
  return cluster.facts(pid, 'readQuorum').map(({ ballot, handedOver }) => ({ n: ballot.n, handedOver }));
}

describe('hand-over of the leadership', () => {
  test('the target takes over at once, with the whole log, and tells that it was handed over', () => {
    const { cluster, leader, target } = serving();
    expect(cluster.core(leader).transferLeadership(target)).toEqual({ ok: true });
    expect(cluster.core(leader).leadership()).toEqual({ role: 'unknown' });
    expect(cluster.core(leader).status().handOverTarget).toBe(target);
    cluster.settle();
    expect(cluster.leaders()).toEqual([target]);
    expect(readQuorumsOf(cluster, target).at(-1)).toMatchObject({ handedOver: true });
    expect(cluster.core(leader).status()).toMatchObject({ role: 'follower', handOverTarget: undefined });
    cluster.ticks(100);
    expect(cluster.leaders()).toEqual([target]);
  });

  test('the target has not accepted the whole log: it is asked only when it has', () => {
    const { cluster, leader, target } = serving();
    cluster.filter = ({ body, from }) => body.kind !== 'accepted' || from !== target;
    cluster.core(leader).append('b', { forward: false });
    cluster.settle();
    cluster.core(leader).transferLeadership(target);
    cluster.settle();
    expect(cluster.leaders()).toEqual([]);
    const [accepted] = cluster.filtered;
    if (accepted === undefined) throw new Error('nothing was accepted');
    cluster.deliver(accepted);
    cluster.settle();
    expect(cluster.leaders()).toEqual([target]);
    cluster.ticks(1);
    expect(cluster.decided(target)).toEqual(['a', 'b']);
  });

  test('what is proposed meanwhile: refused, or buffered and forwarded to the new leader', () => {
    const { cluster, leader, target } = serving();
    cluster.core(leader).transferLeadership(target);
    expect(cluster.core(leader).append('b', { forward: false })).toEqual({ ok: false, reason: 'notLeader' });
    expect(cluster.core(leader).append('c', { forward: true })).toEqual({ ok: true, outcome: 'buffered' });
    cluster.settle();
    cluster.ticks(1);
    expect(cluster.decided(target)).toEqual(['a', 'c']);
  });

  // O02
  test('nobody takes over for an election timeout: the old leader leads again, under a higher ballot only', () => {
    const { cluster, leader, target } = serving();
    const { promise } = cluster.core(leader).status();
    cluster.filter = ({ body }) => body.kind !== 'takeLeadership';
    cluster.core(leader).transferLeadership(target);
    cluster.until(() => cluster.leaders().includes(leader), 'the old leader leads again', 8);
    expect(compareBallots(cluster.core(leader).status().promise, promise)).toBeGreaterThan(0);
    expect(readQuorumsOf(cluster, leader).at(-1)).toMatchObject({ handedOver: false });
  });

  // O02
  test('a TakeLeadership that arrives after the old leader has resumed: not taken', () => {
    const { cluster, leader, target } = serving();
    cluster.filter = ({ body }) => body.kind !== 'takeLeadership';
    cluster.core(leader).transferLeadership(target);
    cluster.until(() => cluster.leaders().includes(leader), 'the old leader leads again', 8);
    cluster.ticks(1);
    const [late] = cluster.filtered;
    if (late === undefined) throw new Error('no TakeLeadership was sent');
    cluster.deliver(late);
    cluster.settle();
    expect(cluster.leaders()).toEqual([leader]);
  });

  // O02
  test("it arrives before the resumed leader's Prepare: taken over, but not as handed over", () => {
    const { cluster, leader, target, third } = serving();
    const held: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.to !== target) return true;
      if (message.body.kind === 'takeLeadership') held.push(message);
      return message.body.kind === 'heartbeatRequest' || message.body.kind === 'heartbeatReply';
    };
    cluster.core(leader).transferLeadership(target);
    cluster.until(() => cluster.leaders().includes(leader), 'the old leader leads again, followed by one', 8);
    expect(cluster.core(third).status().promise.n).toBeGreaterThan(cluster.core(target).status().promise.n);
    cluster.isolate(leader);
    cluster.filter = () => true;
    const [late] = held;
    if (late === undefined) throw new Error('no TakeLeadership was sent');
    // Its ballot is above that of the resumed leader, by its priority.
    cluster.core(target).setPriority(5);
    cluster.deliver(late);
    cluster.settle();
    expect(cluster.leaders()).toContain(target);
    expect(readQuorumsOf(cluster, target).at(-1)).toMatchObject({ handedOver: false });
  });

  // R12
  test('a member of the new quorum has promised somebody in between: not as handed over', () => {
    const { cluster, leader, target, third } = serving();
    cluster.core(leader).transferLeadership(target);
    cluster.collect();
    const asked = cluster.queued('takeLeadership');
    cluster.queue = [];
    // A candidate that nobody else has heard of is promised by the third node.
    const { promise } = cluster.core(leader).status();
    const n = { ...promise, n: promise.n + 1 };
    const { configHash } = cluster.core(leader);
    cluster.isolate(leader);
    cluster.deliver({
      from: leader,
      to: third,
      configId: 1,
      configHash,
      body: { kind: 'prepare', n, decidedIdx: 1, acceptedIdx: 1, nAccepted: promise },
    });
    cluster.core(target).setPriority(5);
    for (const message of asked) cluster.deliver(message);
    cluster.settle();
    expect(cluster.leaders()).toContain(target);
    expect(readQuorumsOf(cluster, target).at(-1)).toMatchObject({ handedOver: false });
  });

  // O02: it may lack what the leader has appended since, and the leader has not heard it accept.
  test('the session of the target is over when it is asked: it does not take over', () => {
    for (const phase of ['recover', 'prepare'] as const) {
      const { cluster, leader, target } = serving();
      cluster.filter = ({ body }) =>
        body.kind !== 'takeLeadership' && body.kind !== (phase === 'recover' ? 'prepareReq' : 'acceptSync');
      cluster.core(leader).transferLeadership(target);
      cluster.settle();
      const [asked] = cluster.filtered.filter(({ body }) => body.kind === 'takeLeadership');
      if (asked === undefined) throw new Error('no TakeLeadership was sent');
      const { promise } = cluster.core(target).status();
      cluster.core(target).reconnected(leader);
      cluster.settle();
      expect(cluster.core(target).status().phase).toBe(phase);
      cluster.deliver(asked);
      cluster.settle();
      expect(cluster.core(target).status()).toMatchObject({ promise, role: 'follower' });
    }
  });

  test('who may be asked, and by whom', () => {
    const { cluster, leader, target, third } = serving();
    expect(cluster.core(target).transferLeadership(leader)).toEqual({ ok: false, reason: 'notLeader' });
    expect(cluster.core(leader).transferLeadership(9)).toEqual({ ok: false, reason: 'targetNotReady' });
    expect(cluster.core(leader).transferLeadership(leader)).toEqual({ ok: false, reason: 'targetNotReady' });
    expect(cluster.core(leader).transferLeadership(target)).toEqual({ ok: true });
    expect(cluster.core(leader).transferLeadership(third)).toEqual({ ok: false, reason: 'handOverUnderWay' });
  });

  test('a TakeLeadership from somebody who does not lead that ballot: ignored', () => {
    const { cluster, leader, target, third } = serving();
    const { promise: n } = cluster.core(leader).status();
    const { configHash } = cluster.core(leader);
    const asked = { to: target, configId: 1, configHash, body: { kind: 'takeLeadership', n } } as const;
    cluster.deliver({ ...asked, from: third });
    cluster.settle();
    expect(cluster.leaders()).toEqual([leader]);
    cluster.deliver({ ...asked, from: leader });
    cluster.settle();
    expect(cluster.leaders()).toEqual([target]);
  });
});

describe('takeover by hand', () => {
  // P21
  test('a follower takes over: election and log agree on it, and it stays', () => {
    const { cluster, leader, target } = serving();
    cluster.core(target).tryBecomeLeader();
    cluster.settle();
    expect(cluster.leaders()).toEqual([target]);
    const { election, promise } = cluster.core(target).status();
    expect(election.leader).toEqual(promise);
    cluster.ticks(100);
    expect(cluster.leaders()).toEqual([target]);
    expect(cluster.core(leader).status().election.leader).toEqual(promise);
  });

  // P21
  test('without a quorum: it leads nobody, the others go on, and all agree once they meet again', () => {
    const { cluster, leader, target } = serving();
    cluster.isolate(target);
    for (let i = 0; i < 3; i++) cluster.core(target).tryBecomeLeader();
    cluster.ticks(50);
    expect(cluster.leaders()).toEqual([leader]);
    cluster.heal();
    cluster.ticks(60);
    expect(cluster.leaders()).toHaveLength(1);
    const [now = 0] = cluster.leaders();
    cluster.core(now).append('b', { forward: false });
    cluster.ticks(20);
    for (const pid of [1, 2, 3]) expect(cluster.decided(pid)).toEqual(['a', 'b']);
  });

  test('above every promise that was seen, not only the own one', () => {
    const { cluster, target, third } = serving();
    cluster.isolate(third);
    for (let i = 0; i < 5; i++) cluster.core(third).tryBecomeLeader();
    cluster.settle();
    cluster.heal();
    cluster.ticks(6, [target]);
    const seen = cluster.core(third).status().promise;
    cluster.core(target).tryBecomeLeader();
    expect(compareBallots(cluster.core(target).status().promise, seen)).toBeGreaterThan(0);
  });
});

describe('priority', () => {
  // P21, P09
  test('set on a follower: nothing changes before its next ballot, which carries it', () => {
    const { cluster, leader, target } = serving();
    const { currentBallot } = cluster.core(target).status().election;
    cluster.core(target).setPriority(9);
    cluster.ticks(50);
    expect(cluster.leaders()).toEqual([leader]);
    expect(cluster.core(target).status().election.currentBallot).toEqual(currentBallot);
    cluster.core(target).tryBecomeLeader();
    cluster.settle();
    expect(cluster.core(target).status().promise).toMatchObject({ priority: 9, pid: target });
  });

  test('two nodes take over in the same round: the one of the higher priority leads', () => {
    const { cluster, leader, target, third } = serving();
    const [low, high] = [Math.max(target, third), Math.min(target, third)];
    cluster.core(high).setPriority(1);
    cluster.crash(leader);
    cluster.until(() => cluster.leaders().length === 1, 'a leader');
    cluster.ticks(30);
    expect(cluster.leaders()).toEqual([high]);
    expect(cluster.core(low).leadership()).toMatchObject({ role: 'follower' });
  });

  test('out of range: refused', () => {
    const { cluster, target } = serving();
    for (const priority of [-1, 65_536, 0.5, Number.NaN]) {
      expect(() => cluster.core(target).setPriority(priority)).toThrow(InvalidInputError);
    }
  });
});
