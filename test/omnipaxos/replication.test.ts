import { describe, expect, test } from 'vitest';
import { CoreCluster } from './core-cluster.js';

describe('replication', () => {
  test.each([1, 2, 3, 5])(
    'a cluster of %i: a leader is elected and an entry is decided everywhere',
    (size) => {
      const cluster = new CoreCluster(size);
      const leader = cluster.electLeader();
      expect(cluster.core(leader).append('a', { forward: false })).toMatchObject({
        ok: true,
        outcome: 'appended',
        idx: 0,
      });
      cluster.settle();
      for (const pid of cluster.nodes.keys()) expect(cluster.decided(pid)).toEqual(['a']);
    },
  );

  test('a follower forwards to the leader; without forwarding it refuses', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const follower = leader === 1 ? 2 : 1;
    expect(cluster.core(follower).append('a', { forward: false })).toEqual({
      ok: false,
      reason: 'notLeader',
    });
    expect(cluster.core(follower).append('b', { forward: true })).toEqual({
      ok: true,
      outcome: 'forwarded',
      to: leader,
    });
    cluster.settle();
    expect(cluster.decided(follower)).toEqual(['b']);
  });
});
