import { describe, expect, test } from 'vitest';
import type { MessageBody, MessageKind, NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster, entryRecord } from './core-cluster.js';

const LEADER = 1;
const FOLLOWERS: readonly NodeId[] = [2, 3];

function serving(size = 3): CoreCluster {
  const cluster = new CoreCluster(size);
  cluster.core(LEADER).tryBecomeLeader();
  cluster.settle();
  return cluster;
}

function entries(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `entry ${i}`);
}

function append(cluster: CoreCluster, all: readonly string[]): void {
  for (const entry of all)
    expect(cluster.core(LEADER).append(entry, { forward: false })).toMatchObject({ ok: true });
}

/** What a node has sent to another of one kind, in order, as of now; everything goes on. */
function recordSent<K extends MessageKind>(
  cluster: CoreCluster,
  kind: K,
): { from: NodeId; to: NodeId; body: Extract<MessageBody<string, string>, { kind: K }> }[] {
  const sent: { from: NodeId; to: NodeId; body: Extract<MessageBody<string, string>, { kind: K }> }[] = [];
  const isOfKind = (
    body: MessageBody<string, string>,
  ): body is Extract<MessageBody<string, string>, { kind: K }> => body.kind === kind;
  const before = cluster.filter;
  cluster.filter = (message) => {
    if (isOfKind(message.body)) sent.push({ from: message.from, to: message.to, body: message.body });
    return before(message);
  };
  return sent;
}

const SIZES = [1, 2, 3, 10, 1_000];

describe('batching', () => {
  test.each(SIZES)(
    '%i entries between two batches: one AcceptDecide, one write, one Accepted, one Decide each',
    (count) => {
      const cluster = serving();
      const acceptDecides = recordSent(cluster, 'acceptDecide');
      const accepted = recordSent(cluster, 'accepted');
      const decides = recordSent(cluster, 'decide');
      cluster.node(LEADER).slowDisk = true;
      append(cluster, entries(count));
      cluster.collect();
      const writes = cluster.node(LEADER).held.flatMap((batch) => batch.writes);
      expect(writes).toEqual([{ kind: 'append', fromIdx: 0, records: entries(count).map(entryRecord) }]);
      cluster.node(LEADER).slowDisk = false;
      cluster.settle();

      expect(acceptDecides.map(({ to }) => to)).toEqual(FOLLOWERS);
      for (const { body } of acceptDecides) expect(body.records).toEqual(entries(count).map(entryRecord));
      expect(accepted.map(({ from, to, body }) => [from, to, body.acceptedIdx])).toEqual(
        FOLLOWERS.map((pid) => [pid, LEADER, count]),
      );
      expect(decides.map(({ to, body }) => [to, body.decidedIdx])).toEqual(
        FOLLOWERS.map((pid) => [pid, count]),
      );
      for (const pid of [LEADER, ...FOLLOWERS]) expect(cluster.decided(pid)).toEqual(entries(count));
    },
  );

  test.each(SIZES)('%i batches of one entry each: each follower gets them in order, numbered on', (count) => {
    const cluster = serving();
    const acceptDecides = recordSent(cluster, 'acceptDecide');
    // Nothing is decided in between, so that no Decide takes a number.
    for (const entry of entries(count)) {
      append(cluster, [entry]);
      cluster.collect();
    }
    cluster.settle();
    for (const follower of FOLLOWERS) {
      const got = acceptDecides.filter(({ to }) => to === follower).map(({ body }) => body);
      expect(got.map(({ records }) => records)).toEqual(entries(count).map((entry) => [entryRecord(entry)]));
      expect(got.map(({ seqNum }) => seqNum.counter)).toEqual(entries(count).map((_, i) => i + 1));
      expect(new Set(got.map(({ seqNum }) => seqNum.session)).size).toBe(1);
      expect(cluster.decided(follower)).toEqual(entries(count));
    }
  });

  test('several AcceptDecides are taken before a batch of the follower: one write, one Accepted for all', () => {
    const cluster = serving();
    const [follower = 0] = FOLLOWERS;
    const accepted = recordSent(cluster, 'accepted');
    cluster.node(follower).slowDisk = true;
    for (const entry of ['a', 'b', 'c']) {
      append(cluster, [entry]);
      cluster.collect();
    }
    const toFollower = cluster.queued('acceptDecide').filter(({ to }) => to === follower);
    cluster.queue = [];
    for (const message of toFollower) cluster.core(follower).handleIncoming(message);
    cluster.collect();
    const writes = cluster.node(follower).held.flatMap((batch) => batch.writes);
    expect(writes).toEqual([{ kind: 'append', fromIdx: 0, records: ['a', 'b', 'c'].map(entryRecord) }]);
    cluster.sync(follower);
    cluster.settle();
    const own = accepted.filter(({ from }) => from === follower);
    expect(own.map(({ body }) => body.acceptedIdx)).toEqual([3]);
  });

  test('decided and appended in one batch: the AcceptDecide tells both, no Decide is sent', () => {
    const cluster = serving();
    const [follower = 0] = FOLLOWERS;
    append(cluster, ['a']);
    cluster.collect();
    const toFollower = cluster.queued('acceptDecide').filter(({ to }) => to === follower);
    cluster.queue = [];
    for (const message of toFollower) cluster.deliver(message);
    const [accepted] = cluster.queued('accepted');
    if (accepted === undefined) throw new Error('no Accepted was sent');
    cluster.queue = [];
    cluster.core(LEADER).handleIncoming(accepted);
    append(cluster, ['b']);
    cluster.collect();
    expect(cluster.queued('decide')).toEqual([]);
    expect(cluster.queued('acceptDecide').map(({ to, body }) => [to, body])).toMatchObject(
      FOLLOWERS.map((pid) => [pid, { decidedIdx: 1, records: [entryRecord('b')] }]),
    );
    for (const message of cluster.queued('acceptDecide'))
      if (message.to === follower) cluster.deliver(message);
    expect(cluster.decided(follower)).toEqual(['a']);
    expect(cluster.core(follower).acceptedIdx).toBe(2);
  });

  // N04
  test('a batch that was taken, and its messages: whatever comes later changes nothing of them', () => {
    const cluster = serving();
    const { core } = cluster.node(LEADER);
    append(cluster, ['a', 'b']);
    const taken = [core.takeOutput()];
    const copies = structuredClone(taken);
    append(cluster, ['c']);
    for (const from of FOLLOWERS) {
      const { promise: n } = core.status();
      const body = { kind: 'accepted', n, acceptedIdx: 2 } as const;
      core.handleIncoming({ from, to: LEADER, configId: 1, configHash: core.configHash, body });
    }
    core.persisted(taken[0]?.writeToken ?? 0);
    core.snapshot(1, 'a');
    taken.push(core.takeOutput());
    copies.push(structuredClone(taken[1]));
    append(cluster, ['d']);
    core.takeOutput();
    expect(taken).toEqual(copies);
    expect(taken.map((batch) => batch?.writes.filter(({ kind }) => kind === 'append'))).toEqual([
      [{ kind: 'append', fromIdx: 0, records: ['a', 'b'].map(entryRecord) }],
      [{ kind: 'append', fromIdx: 2, records: [entryRecord('c')] }],
    ]);
  });

  // P07
  test('batches gather while a sync is under way: each counts only once its own sync has ended', () => {
    const cluster = serving();
    cluster.node(LEADER).slowDisk = true;
    for (const pid of FOLLOWERS) cluster.isolate(pid);
    for (const entry of ['a', 'b', 'c']) {
      append(cluster, [entry]);
      cluster.collect();
    }
    const { held } = cluster.node(LEADER);
    expect(held.map(({ writes }) => writes)).toEqual(
      ['a', 'b', 'c'].map((entry, fromIdx) => [{ kind: 'append', fromIdx, records: [entryRecord(entry)] }]),
    );
    const counted = held.map(({ writeToken }) => {
      cluster.core(LEADER).persisted(writeToken);
      return cluster.core(LEADER).status().ownAcceptedIdx;
    });
    expect(counted).toEqual([1, 2, 3]);
    expect(cluster.core(LEADER).decidedIdx).toBe(0);
  });

  test('a follower joins late: the AcceptSync brings all entries at once, and nothing is sent twice', () => {
    const cluster = new CoreCluster(3);
    cluster.isolate(3);
    cluster.core(LEADER).tryBecomeLeader();
    cluster.settle();
    append(cluster, entries(100));
    cluster.settle();
    cluster.heal();
    const syncs = recordSent(cluster, 'acceptSync');
    const acceptDecides = recordSent(cluster, 'acceptDecide');
    cluster.core(3).reconnected(LEADER);
    cluster.settle();
    expect(syncs.map(({ to, body }) => [to, body.decidedIdx, body.logSync])).toEqual([
      [3, 100, { suffix: entries(100).map(entryRecord), syncIdx: 0 }],
    ]);
    expect(acceptDecides).toEqual([]);
    expect(cluster.decided(3)).toEqual(entries(100));
  });
});

/** Every valid pair of quorum sizes of every cluster up to this size. */
const QUORUMS = [3, 4, 5, 6, 7].flatMap((size) =>
  Array.from({ length: size - 1 }, (_, i) => i + 2).flatMap((write) =>
    Array.from({ length: size - 1 }, (_, i) => i + 2)
      .filter((read) => read >= write && read + write > size)
      .map((read) => ({ size, read, write })),
  ),
);

describe('flexible quorums', () => {
  test.each(QUORUMS)('$size nodes, read $read, write $write: exactly so many are needed', (quorums) => {
    const { size, read, write } = quorums;
    const cluster = new CoreCluster(size, {
      flexibleQuorum: { readQuorumSize: read, writeQuorumSize: write },
    });
    const others = Array.from({ length: size - 1 }, (_, i) => i + 2);
    const reach = (count: number): void => {
      cluster.heal();
      for (const pid of others.slice(count - 1)) cluster.isolate(pid);
    };
    // One node too few promises, then enough do.
    reach(read - 1);
    cluster.core(LEADER).tryBecomeLeader();
    cluster.settle();
    expect(cluster.core(LEADER).leadership()).toEqual({ role: 'unknown' });
    reach(read);
    const [last = 0] = others.slice(read - 2);
    cluster.core(last).reconnected(LEADER);
    cluster.settle();
    expect(cluster.core(LEADER).leadership().role).toBe('leader');

    // One node too few accepts, then enough do.
    reach(write - 1);
    append(cluster, ['a']);
    cluster.settle();
    expect(cluster.core(LEADER).decidedIdx).toBe(0);
    reach(write);
    const [decider = 0] = others.slice(write - 2);
    cluster.core(decider).reconnected(LEADER);
    cluster.settle();
    expect(cluster.decided(LEADER)).toEqual(['a']);
    expect(cluster.decided(decider)).toEqual(['a']);

    // Any read quorum, here of those that came last, holds what the smallest write quorum has decided.
    cluster.heal();
    const members = others.slice(-read);
    for (const pid of [LEADER, ...others]) if (!members.includes(pid)) cluster.crash(pid);
    // Where everybody must be read, nobody leads without the one that has crashed.
    if (read === size) return;
    const [next = 0] = members.slice(-1);
    cluster.core(next).tryBecomeLeader();
    cluster.settle();
    expect(cluster.core(next).leadership().role).toBe('leader');
    expect(cluster.decided(next)).toEqual(['a']);
  });
});
