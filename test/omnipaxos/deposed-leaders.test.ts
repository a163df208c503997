import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster } from './core-cluster.js';
import { decidedEntries } from './stored-logs.js';

/**
 * Two leaders of the newest configuration are deposed without knowing it: the first has accepted entries alone, the
 * second still collects promises. A new member enters by a snapshot of what was decided in their place. If it took part
 * in what they do, it would accept the first one's later entries on top of that snapshot, and bring that log to the
 * second.
 */
describe('a snapshot of a higher ballot than those of deposed leaders', () => {
  const decided = ['stop sign', 'y'];

  // R07, P16: seven nodes are the least: the read quorum that deposes both leaders needs neither them nor the new member.
  test.each([
    { size: 7, what: 'majorities' },
    { size: 8, flexibleQuorum: { readQuorumSize: 5, writeQuorumSize: 4 }, what: 'flexible quorums' },
  ])('$what of $size: who has entered by it takes part in nothing of theirs', ({ size, flexibleQuorum }) => {
    const cluster = new CoreCluster(size, flexibleQuorum === undefined ? {} : { flexibleQuorum });
    const all = [...cluster.nodes.keys()];
    const [late, second, first] = [size, size - 1, size - 2];
    const others = all.filter((pid) => pid < first);
    cluster.isolate(late);
    cluster.until(() => cluster.leaders().some((pid) => pid !== late), 'a leader among the others');
    const old = cluster.leaders().find((pid) => pid !== late) ?? 0;
    cluster
      .core(old)
      .reconfigure(cluster.nextConfig(old, all, flexibleQuorum === undefined ? {} : { flexibleQuorum }));
    const early = all.filter((pid) => pid !== late);
    cluster.entered(2, early);
    cluster.until(() => cluster.leaders().length > 0, 'a leader of the next configuration');

    const takeOver = (pid: NodeId): void => {
      cluster.core(pid).tryBecomeLeader();
      cluster.settle();
    };
    /** These two meet, and the follower calls for a Prepare. */
    const meet = (follower: NodeId, leader: NodeId): void => {
      cluster.connectOnly([[follower, leader]]);
      cluster.core(follower).reconnected(leader);
      cluster.settle();
    };
    takeOver(first);
    expect(cluster.core(first).leadership().role).toBe('leader');
    cluster.isolate(first);
    for (const entry of ['x', 'x2']) cluster.core(first).append(entry, { forward: false });
    cluster.settle();
    // The second one lacks one promise.
    const missing = (flexibleQuorum?.readQuorumSize ?? 4) - 1;
    const promisers = others.slice(0, missing - 1);
    cluster.connectOnly(promisers.map((pid) => [pid, second] as const));
    takeOver(second);
    expect(cluster.core(second).status()).toMatchObject({ role: 'leader', phase: 'prepare' });
    cluster.connectOnly(others.slice(1).map((pid) => [1, pid] as const));
    takeOver(1);
    cluster.core(1).append('y', { forward: false });
    cluster.settle();
    expect(cluster.decided(1)).toEqual(decided);
    cluster.core(1).snapshot(2, decided.join(','));
    cluster.collect();
    cluster.connectOnly([[1, late]]);
    cluster.until(() => cluster.core(late).compactedIdx === 2, 'the last node has entered by the snapshot');

    const { promise } = cluster.core(1).status();
    meet(late, first);
    meet(late, second);
    // It promises nobody below those who have decided what it knows.
    expect(cluster.core(late).status()).toMatchObject({ promise, acceptedIdx: 2, decidedIdx: 2 });
    expect(cluster.core(second).status()).toMatchObject({ role: 'leader', phase: 'prepare' });
    meet(first, second);
    expect(cluster.core(first).status()).toMatchObject({ role: 'follower', phase: 'accept' });
    for (const pid of [first, second]) expect(decidedEntries(cluster, pid)).toEqual(['stop sign']);
    expect(decidedEntries(cluster, late)).toEqual(decided);

    cluster.heal();
    cluster.until(() => all.every((pid) => cluster.core(pid).decidedIdx === 2), 'all know it');
    const leader = cluster.electLeader();
    cluster.core(leader).append('z', { forward: false });
    cluster.until(() => all.every((pid) => decidedEntries(cluster, pid).at(-1) === 'z'), 'all go on');
    for (const pid of all) {
      expect(decidedEntries(cluster, pid)).toEqual([...decided, 'z']);
      expect(cluster.facts(pid, 'violation')).toEqual([]);
    }
  });
});
