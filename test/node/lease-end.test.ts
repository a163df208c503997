import { describe, expect, test } from 'vitest';
import { NodeCluster } from './node-cluster.js';

const LEASED = { leaseMs: 250, maxClockDrift: 0.02 };

async function started(leaseMs: number) {
  const cluster = await NodeCluster.started({ config: { ...LEASED, leaseMs } });
  const leader = await cluster.electLeader();
  await cluster.until(() => leader.isValid(), 'a valid lease');
  const [other = 0] = cluster.config.nodes.filter((nodeId) => nodeId !== leader.nodeId);
  return { cluster, leader, other };
}

describe('the end of a lease', () => {
  // O01
  test.each([0, 250])(
    'lease %i ms, another node takes over: the lease is void in the turn in which the leader learns of it',
    async (leaseMs) => {
      const { cluster, leader, other } = await started(leaseMs);
      const told: boolean[] = [];
      leader.node.events.on('leadership', () => told.push(leader.isValid()));
      cluster.node(other).tryBecomeLeader();
      const deposed = (): boolean => leader.node.leadership().role !== 'leader';
      // Renewed some ms ago, so that its time alone would let it serve on.
      await cluster.until(deposed, 'the leader is deposed', 20);
      expect(leader.isValid()).toBe(false);
      await cluster.pass(20);
      expect(told).not.toContain(true);
    },
  );

  // O01, O02
  test.each([0, 250])(
    'lease %i ms, the leadership is handed over: the lease is void when the call returns',
    async (leaseMs) => {
      const { leader, other } = await started(leaseMs);
      expect(leader.node.transferLeadership(other)).toEqual({ ok: true });
      expect(leader.isValid()).toBe(false);
      expect(leader.node.leadership()).toEqual({ role: 'unknown' });
    },
  );

  // O01
  test('a new leader waits for an older lease: it is told as unknown until that has run out', async () => {
    const { cluster, leader, other } = await started(250);
    cluster.network.isolate(leader.nodeId, true);
    const next = cluster.node(other);
    next.tryBecomeLeader();
    await cluster.until(() => next.status().leaseWaitMs > 0, 'a leader that waits', 20);
    const told: string[] = [];
    next.events.on('leadership', ({ role }) => told.push(`${role}, wait ${next.status().leaseWaitMs}`));
    while (next.status().leaseWaitMs > 0) {
      expect(next.leadership()).toEqual({ role: 'unknown' });
      expect(next.status().core.leadership.role).toBe('leader');
      await cluster.pass(1);
    }
    await cluster.pass(1);
    expect(next.leadership().role).toBe('leader');
    expect(told).toEqual(['leader, wait 0']);
    expect(leader.isValid()).toBe(false);
  });
});
