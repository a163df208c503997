import { describe, expect, test } from 'vitest';
import type { MessageKind, NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster, type TestMessage } from './core-cluster.js';

/** Drops the first message of a kind that comes by; `dropped` tells whether one came. */
function dropOnce(
  cluster: CoreCluster,
  kind: MessageKind,
  matches: (message: TestMessage) => boolean = () => true,
) {
  const state = { dropped: false };
  cluster.filter = (message) => {
    if (state.dropped || message.body.kind !== kind || !matches(message)) return true;
    state.dropped = true;
    return false;
  };
  return state;
}

function allDecided(cluster: CoreCluster, idx: number): boolean {
  return [...cluster.nodes.values()].every((node) => node.core.decidedIdx === idx);
}

describe('lost messages', () => {
  // P04, R02: nothing but the repair would notice.
  test.each(['acceptDecide', 'accepted', 'decide'] as const)(
    'the last %s is lost on a healthy network: repaired in quiet',
    (kind) => {
      const cluster = new CoreCluster(3);
      const leader = cluster.electLeader();
      cluster.ticks(20);
      const lost = dropOnce(cluster, kind);
      cluster.core(leader).append('a', { forward: false });
      cluster.settle();
      expect(lost.dropped).toBe(true);
      cluster.until(() => allDecided(cluster, 1), 'the entry is decided everywhere', 200);
    },
  );

  // P04: both Accepted are lost, so that nothing is decided at all.
  test('every Accepted of an entry is lost: it is decided all the same', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    cluster.ticks(20);
    cluster.filter = (message) => message.body.kind !== 'accepted';
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    expect(cluster.core(leader).decidedIdx).toBe(0);
    cluster.filter = () => true;
    cluster.until(() => allDecided(cluster, 1), 'the entry is decided everywhere', 200);
  });

  // P20
  test.each(['prepare', 'promise', 'acceptSync', 'accepted'] as const)(
    'the first %s of an election is lost: everybody follows all the same',
    (kind) => {
      for (const loser of [1, 2, 3]) {
        const cluster = new CoreCluster(3);
        const lost = dropOnce(cluster, kind, ({ from, to }) => from === loser || to === loser);
        cluster.until(() => cluster.leaders().length === 1, 'a leader', 200);
        const leader = cluster.electLeader();
        cluster.core(leader).append('a', { forward: false });
        cluster.until(() => allDecided(cluster, 1), 'the entry is decided everywhere', 200);
        expect(lost.dropped).toBe(true);
      }
    },
  );

  // P20
  test('the PrepareReq of a follower that has missed something is lost: it asks again', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const follower = leader === 1 ? 2 : 1;
    cluster.ticks(20);
    const dropped: MessageKind[] = [];
    cluster.filter = ({ from, to, body }) => {
      const isGap = body.kind === 'acceptDecide' && to === follower && !dropped.includes('acceptDecide');
      if (isGap || (body.kind === 'prepareReq' && from === follower)) {
        dropped.push(body.kind);
        return false;
      }
      return true;
    };
    cluster.core(leader).append('a', { forward: false });
    cluster.core(leader).append('b', { forward: false });
    cluster.settle();
    expect(dropped).toEqual(['acceptDecide', 'prepareReq', 'prepareReq']);
    cluster.filter = () => true;
    expect(cluster.core(follower).status().phase).toBe('recover');
    cluster.until(() => allDecided(cluster, 2), 'both entries are decided everywhere', 200);
  });

  // R01: an equal Prepare must be answered in phase accept, or the follower is cast out for ever.
  test('a late copy of a PrepareReq, the third node down: the follower is prepared again and entries go on', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [follower, third] = [1, 2, 3].filter((pid) => pid !== leader) as [NodeId, NodeId];
    cluster.ticks(20);
    const copies: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.body.kind === 'prepareReq' && message.to === leader) copies.push(message);
      return true;
    };
    cluster.core(follower).reconnected(leader);
    cluster.settle();
    cluster.crash(third);
    const copy = copies[0];
    if (copy === undefined) throw new Error('no PrepareReq was sent');
    expect(cluster.core(follower).status().phase).toBe('accept');
    cluster.deliver(copy);
    cluster.settle();
    cluster.core(leader).append('a', { forward: false });
    cluster.until(() => cluster.core(follower).decidedIdx === 1, 'the entry is decided', 200);
  });

  // R05
  test('a Promise that comes twice, on a link slower than the resend period: one session only', () => {
    const cluster = new CoreCluster(3);
    const syncs: TestMessage[] = [];
    const promises: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.body.kind === 'acceptSync') syncs.push(message);
      if (message.body.kind === 'promise') promises.push(message);
      return true;
    };
    const leader = cluster.electLeader();
    const promise = promises.find(({ to }) => to === leader);
    if (promise === undefined) throw new Error('no Promise was sent');
    const sessionOf = (message: TestMessage) =>
      message.to === promise.from && message.body.kind === 'acceptSync' ? [message.body.seqNum] : [];
    const before = syncs.flatMap(sessionOf);
    cluster.deliver(promise);
    cluster.deliver(promise);
    cluster.settle();
    const sessions = syncs.flatMap(sessionOf);
    expect(sessions).toHaveLength(before.length + 2);
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(1);
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    expect(allDecided(cluster, 1)).toBe(true);
  });

  // P20, R05: another Promise would make the AcceptSync under way worthless, again and again on a slow link.
  test('a Prepare that comes again while the AcceptSync is awaited: the identical Promise is sent again', () => {
    const cluster = new CoreCluster(3);
    const prepares: TestMessage[] = [];
    const promises: TestMessage[] = [];
    const syncs: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.body.kind === 'prepare') prepares.push(message);
      if (message.body.kind === 'promise') promises.push(message);
      if (message.body.kind === 'acceptSync') syncs.push(message);
      return message.body.kind !== 'acceptSync';
    };
    const leader = cluster.electLeader();
    const prepare = prepares.find(({ from }) => from === leader);
    if (prepare === undefined) throw new Error('no Prepare was sent');
    const follower = prepare.to;
    const ofFollower = promises.filter(({ from, to }) => from === follower && to === leader);
    promises.length = 0;
    cluster.deliver(prepare);
    cluster.deliver(prepare);
    cluster.settle();
    const [first] = ofFollower;
    expect(promises).toEqual([first, first]);
    // The answer to the first one is still good.
    const answer = syncs.find(({ to }) => to === follower);
    if (answer === undefined) throw new Error('no AcceptSync was sent');
    cluster.deliver(answer);
    expect(cluster.core(follower).status().phase).toBe('accept');
  });

  // P04: who is only slow is not disturbed.
  test('a follower that is behind at each resend period, but moves: nothing is repaired, and it is never prepared again', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const follower = leader === 1 ? 2 : 1;
    cluster.ticks(20);
    const slow: TestMessage[] = [];
    const others: MessageKind[] = [];
    cluster.filter = (message) => {
      if (message.to === follower && ['acceptDecide', 'decide'].includes(message.body.kind)) {
        slow.push(message);
        return false;
      }
      if (['prepare', 'prepareReq'].includes(message.body.kind)) others.push(message.body.kind);
      return true;
    };
    const entries = ['a', 'b', 'c', 'd', 'e'];
    for (const entry of entries) {
      cluster.core(leader).append(entry, { forward: false });
      cluster.settle();
    }
    expect(slow).toHaveLength(2 * entries.length);
    const sent = [...slow];
    for (const idx of entries.keys()) {
      cluster.ticks(10);
      for (const message of slow.splice(0, 2)) cluster.deliver(message);
      cluster.ticks(10);
      expect(cluster.core(follower).decidedIdx).toBe(idx + 1);
    }
    expect(slow).toEqual([]);
    expect(others).toEqual([]);
    expect(sent.filter(({ body }) => body.kind === 'acceptDecide' && body.records.length === 0)).toEqual([]);
    expect(cluster.decided(follower)).toEqual(entries);
  });

  // P20
  test('a late copy of an older Promise of the same ballot: the leader ignores it', () => {
    const cluster = new CoreCluster(3);
    const promises: TestMessage[] = [];
    let syncs = 0;
    cluster.filter = (message) => {
      if (message.body.kind === 'promise') promises.push(message);
      if (message.body.kind === 'acceptSync') syncs += 1;
      return true;
    };
    const leader = cluster.electLeader();
    const old = promises.find(({ to }) => to === leader);
    if (old === undefined) throw new Error('no Promise was sent');
    cluster.core(old.from).reconnected(leader);
    cluster.settle();
    const before = syncs;
    cluster.deliver(old);
    cluster.settle();
    expect(syncs).toBe(before);
  });

  test('an AcceptDecide of a gap, then what was missing: nothing is appended out of order', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const follower = leader === 1 ? 2 : 1;
    cluster.ticks(20);
    const held: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.to !== follower || !['acceptDecide', 'decide'].includes(message.body.kind)) return true;
      if (message.body.kind === 'acceptDecide') held.push(message);
      return false;
    };
    for (const entry of ['a', 'b']) {
      cluster.core(leader).append(entry, { forward: false });
      cluster.settle();
    }
    const [first, second] = held;
    if (first === undefined || second === undefined) throw new Error('two messages were expected');
    cluster.deliver(second);
    expect(cluster.core(follower).acceptedIdx).toBe(0);
    expect(cluster.core(follower).status().phase).toBe('recover');
    cluster.deliver(first);
    expect(cluster.core(follower).acceptedIdx).toBe(0);
    cluster.filter = () => true;
    cluster.until(() => allDecided(cluster, 2), 'both are decided everywhere', 200);
    expect(cluster.decided(follower)).toEqual(['a', 'b']);
  });

  test('a duplicated AcceptDecide: appended once', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    cluster.filter = (message) => {
      if (message.body.kind === 'acceptDecide') cluster.deliver(message);
      return true;
    };
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    for (const pid of cluster.nodes.keys()) expect(cluster.core(pid).acceptedIdx).toBe(1);
    for (const pid of cluster.nodes.keys()) expect(cluster.decided(pid)).toEqual(['a']);
  });

  // P11
  test('proposals without a leader: buffered up to the limit, refused beyond, proposed once one is known', () => {
    const limits = { proposalBufferLimit: 2 };
    const cluster = new CoreCluster(3, {}, { 1: limits, 2: limits, 3: limits });
    const results = ['a', 'b', 'c'].map((entry) => cluster.core(1).append(entry, { forward: true }));
    expect(results).toEqual([
      { ok: true, outcome: 'buffered' },
      { ok: true, outcome: 'buffered' },
      { ok: false, reason: 'bufferFull', limit: 2 },
    ]);
    cluster.until(() => allDecided(cluster, 2), 'the buffered entries are decided everywhere', 200);
    expect(cluster.decided(1)).toEqual(['a', 'b']);
  });

  // P11
  test('a forwarded proposal at a node that does not lead: dropped, never forwarded again', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const [a, b] = [1, 2, 3].filter((pid) => pid !== leader) as [NodeId, NodeId];
    cluster.deliver({
      from: a,
      to: b,
      configId: 1,
      configHash: cluster.core(a).configHash,
      body: { kind: 'proposalForward', entries: ['stray'] },
    });
    cluster.settle();
    cluster.ticks(60);
    expect(cluster.core(leader).acceptedIdx).toBe(0);
  });
});
