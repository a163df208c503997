import { describe, expect, test } from 'vitest';
import { CoreCluster } from './core-cluster.js';

describe('flexible quorums', () => {
  const config = { flexibleQuorum: { readQuorumSize: 4, writeQuorumSize: 2 } };

  test('five nodes that write to two and read from four: the leader decides with one follower', () => {
    const cluster = new CoreCluster(5, config);
    const leader = cluster.electLeader();
    cluster.settle();
    const [kept, ...others] = [...cluster.nodes.keys()].filter((pid) => pid !== leader);
    for (const pid of others) cluster.crash(pid);
    cluster.core(leader).append('a', { forward: false });
    cluster.settle();
    expect(cluster.decided(leader)).toEqual(['a']);
    expect(kept).toBeDefined();
  });

  test('three of five, which are no read quorum: nobody leads once the leader is gone', () => {
    const cluster = new CoreCluster(5, config);
    const leader = cluster.electLeader();
    cluster.crash(leader);
    cluster.crash(leader === 1 ? 2 : 1);
    cluster.ticks(100);
    expect(cluster.leaders()).toEqual([]);
  });
});

describe('compaction', () => {
  const entries = ['a', 'b', 'c', 'd', 'e'];

  test.each([1, 2, 3, 4, 5])(
    'at index %i: a node that has missed everything still learns all of it',
    (upToIdx) => {
      const cluster = new CoreCluster(3);
      const leader = cluster.electLeader();
      const behind = leader === 1 ? 2 : 1;
      cluster.crash(behind);
      for (const entry of entries) cluster.core(leader).append(entry, { forward: false });
      cluster.settle();
      cluster.core(leader).snapshot(upToIdx, entries.slice(0, upToIdx).join(''));
      cluster.settle();
      cluster.restart(behind);
      cluster.ticks(50);
      expect(cluster.decided(behind)).toEqual([
        `<${entries.slice(0, upToIdx).join('')}>`,
        ...entries.slice(upToIdx),
      ]);
    },
  );

  // P17: what lies between an older snapshot and the next one must be in that one, or in the log.
  test('at every pair of indexes, one after the other, then a restart: a read from 0 gives everything, once', () => {
    for (let first = 1; first <= entries.length; first++) {
      for (let second = first + 1; second <= entries.length; second++) {
        const cluster = new CoreCluster(1);
        cluster.electLeader();
        for (const entry of entries) cluster.core(1).append(entry, { forward: false });
        cluster.settle();
        for (const upToIdx of [first, second])
          cluster.core(1).snapshot(upToIdx, entries.slice(0, upToIdx).join(''));
        const expected = [`<${entries.slice(0, second).join('')}>`, ...entries.slice(second)];
        expect(cluster.decided(1)).toEqual(expected);
        cluster.collect();
        cluster.crash(1);
        cluster.restart(1);
        cluster.electLeader();
        cluster.core(1).append('next', { forward: false });
        cluster.settle();
        expect(cluster.decided(1)).toEqual([...expected, 'next']);
        expect(cluster.core(1).acceptedIdx).toBe(entries.length + 1);
      }
    }
  });
});
