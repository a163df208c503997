import { describe, expect, test } from 'vitest';
import { SnapshotPolicy } from '../../src/apply/index.js';
import { type ConsensusDriver, ConsensusError, type Epoch } from '../../src/consensus/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { watch } from '../driver/settlement.js';
import { HostCluster } from './host-cluster.js';

/** Asks whoever leads, again after each change of leadership, until one answers. */
async function answered(
  cluster: HostCluster,
  call: (driver: ConsensusDriver, epoch: Epoch) => Promise<number>,
): Promise<{ readonly value: number; readonly nodeId: number }> {
  for (;;) {
    const { nodeId, host, epoch } = await cluster.leader();
    try {
      return { nodeId, value: await cluster.drive(call(host.driver, epoch)) };
    } catch (error) {
      if (!ConsensusError.is(error) || error.code === 'permanent') throw error;
      await cluster.pass(10);
    }
  }
}

describe('standalone host: one node', () => {
  test('started on a new directory, elects itself, advances and loads', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start();
    const { driver } = cluster.host(1);
    const { epoch } = await cluster.untilLeads(driver);
    expect(await cluster.drive(driver.loadHighWater())).toBe(0);
    expect(await cluster.drive(driver.persistHighWater(500, epoch))).toBe(500);
    expect(await cluster.drive(driver.persistHighWater(400, epoch))).toBe(500);
    expect(await cluster.drive(driver.loadHighWater())).toBe(500);
    expect(cluster.host(1).status()).toMatchObject({ highWater: 500, health: { state: 'healthy' } });
  });

  // A02, A06
  test('closed and started again, keeps the high-water, leads at a higher epoch, replays no more than it must', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start();
    const first = await cluster.untilLeads(cluster.host(1).driver);
    for (let i = 1; i <= 20; i++) {
      await cluster.drive(cluster.host(1).driver.persistHighWater(i * 10, first.epoch));
    }
    await cluster.close(1);
    await cluster.start([1], { snapshotPolicy: SnapshotPolicy.every(15) });
    const host = cluster.host(1);
    // Recovery has folded, before anything else, and a policy that was rebased makes no snapshot of what it
    // recovered.
    expect(host.status()).toMatchObject({ highWater: 200, apply: { snapshots: { taken: 0 } } });
    const second = await cluster.untilLeads(host.driver);
    expect(second.epoch > first.epoch).toBe(true);
    expect(await cluster.drive(host.driver.loadHighWater())).toBe(200);
    expect(host.status()).toMatchObject({
      apply: { snapshots: { taken: 0 } },
      node: { incarnation: 2 },
    });
  });

  // A06
  test('started on a compacted log, folds the snapshot and what is above it, not the whole history', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start([1], { snapshotPolicy: SnapshotPolicy.every(10) });
    const { epoch } = await cluster.untilLeads(cluster.host(1).driver);
    for (let i = 1; i <= 25; i++) {
      await cluster.drive(cluster.host(1).driver.persistHighWater(i, epoch));
    }
    expect(cluster.host(1).status().apply.snapshots.taken).toBe(2);
    await cluster.close(1);
    await cluster.start([1]);
    const { apply, highWater } = cluster.host(1).status();
    expect(highWater).toBe(25);
    expect(apply.foldedItems).toBeLessThanOrEqual(6);
  });

  test('power fails, what was answered is there after the restart', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start();
    const { epoch } = await cluster.untilLeads(cluster.host(1).driver);
    await cluster.drive(cluster.host(1).driver.persistHighWater(700, epoch));
    await cluster.crash(1);
    await cluster.start([1]);
    await cluster.untilLeads(cluster.host(1).driver);
    expect(await cluster.drive(cluster.host(1).driver.loadHighWater())).toBe(700);
  });
});

describe('standalone host: three nodes', () => {
  test('one leads, the others follow it with its epoch and its client endpoint, and refuse calls', async () => {
    await using cluster = new HostCluster([1, 2, 3]);
    await cluster.start();
    const { nodeId, host, epoch } = await cluster.leader();
    expect(await cluster.drive(host.driver.persistHighWater(500, epoch))).toBe(500);
    const followers = [...cluster.hosts].filter(([id]) => id !== nodeId).map(([, follower]) => follower);
    for (const follower of followers) {
      await cluster.until(() => (follower.status().leadership.role === 'follower' ? true : undefined));
      expect(follower.status().leadership).toEqual({
        role: 'follower',
        leader: { epoch, endpoint: `client-${nodeId}:50551` },
      });
      await expect(follower.driver.loadHighWater()).rejects.toMatchObject({ code: 'not_leader' });
      await expect(follower.driver.persistHighWater(9, epoch)).rejects.toMatchObject({ code: 'not_leader' });
      await cluster.until(() => (follower.status().highWater === 500 ? true : undefined));
    }
  });

  // A01, P12
  test('leader is cut off while it advances, its successor never shows that value, the call is fenced when it learns', async () => {
    await using cluster = new HostCluster([1, 2, 3]);
    await cluster.start();
    const old = await cluster.leader();
    await cluster.drive(old.host.driver.persistHighWater(500, old.epoch));
    cluster.network.isolate(old.nodeId, true);
    const call = watch(old.host.driver.persistHighWater(900, old.epoch, { timeoutMs: 60_000 }));
    const successor = await cluster.leader([old.nodeId]);
    expect(successor.epoch > old.epoch).toBe(true);
    expect(await cluster.drive(successor.host.driver.loadHighWater())).toBe(500);
    expect(call.outcome).toBeUndefined();
    cluster.network.isolate(old.nodeId, false);
    await cluster.drive(call.ended);
    expect(call.outcome).toMatch(/^(fenced by|not_leader)/);
    expect(await cluster.drive(successor.host.driver.persistHighWater(600, successor.epoch))).toBe(600);
    await cluster.until(() => (old.host.status().highWater === 600 ? true : undefined));
  });

  // D01
  test('leader is cut off and stays so, its call ends at the deadline', async () => {
    await using cluster = new HostCluster([1, 2, 3]);
    await cluster.start();
    const { nodeId, host, epoch } = await cluster.leader();
    cluster.network.isolate(nodeId, true);
    const call = watch(host.driver.persistHighWater(900, epoch, { timeoutMs: 150 }));
    await cluster.pass(150);
    await call.ended;
    expect(call.outcome).toBe('transient');
    expect(host.status().driver.pendingCalls).toBe(0);
  });

  test('all are closed and started again, the high-water is there', async () => {
    await using cluster = new HostCluster([1, 2, 3]);
    await cluster.start();
    const first = await cluster.leader();
    await cluster.drive(first.host.driver.persistHighWater(500, first.epoch));
    for (const nodeId of [1, 2, 3]) await cluster.close(nodeId);
    await cluster.start();
    const second = await cluster.leader();
    expect(second.epoch > first.epoch).toBe(true);
    expect(await cluster.drive(second.host.driver.loadHighWater())).toBe(500);
  });

  test('leader loses its power after each answer, nothing that was answered is lost', async () => {
    await using cluster = new HostCluster([1, 2, 3]);
    await cluster.start();
    let highWater = 0;
    for (let round = 1; round <= 4; round++) {
      const { value, nodeId } = await answered(cluster, (driver) => driver.loadHighWater());
      expect(value).toBe(highWater);
      const advance = await answered(cluster, (driver, epoch) => driver.persistHighWater(round * 100, epoch));
      highWater = advance.value;
      await cluster.crash(advance.nodeId);
      await cluster.leader([nodeId]);
      await cluster.start([advance.nodeId]);
    }
  });

  // A05, A06
  test('follower was down while the log was compacted, catches up by snapshot', async () => {
    await using cluster = new HostCluster([1, 2, 3]);
    for (const nodeId of [1, 2, 3]) {
      await cluster.start([nodeId], { snapshotPolicy: SnapshotPolicy.every(8) });
    }
    const { nodeId, host, epoch } = await cluster.leader();
    const follower = nodeId === 3 ? 2 : 3;
    await cluster.close(follower);
    for (let i = 1; i <= 40; i++) await cluster.drive(host.driver.persistHighWater(i, epoch));
    await cluster.start([follower]);
    await cluster.until(() => (cluster.host(follower).status().highWater === 40 ? true : undefined));
    const { apply, node } = cluster.host(follower).status();
    expect(node.core.compactedIdx).toBeGreaterThan(0);
    expect(apply.foldedItems).toBeLessThan(20);
    expect(apply.failure).toBeUndefined();
  });
});

describe('standalone host: the stream', () => {
  // D06, D07
  test('leader changes three times, no follower is told an epoch that falls', async () => {
    await using cluster = new HostCluster([1, 2, 3]);
    await cluster.start();
    const told = new Map<number, bigint[]>();
    for (const [nodeId, { driver }] of cluster.hosts) {
      const epochs: bigint[] = [];
      told.set(nodeId, epochs);
      void (async () => {
        for await (const state of driver.leadershipEvents()) {
          if (state.role === 'leader') epochs.push(state.epoch);
          if (state.role === 'follower') epochs.push(state.leader.epoch);
        }
      })();
    }
    for (let change = 0; change < 3; change++) {
      const { nodeId } = await cluster.leader();
      cluster.network.isolate(nodeId, true);
      await cluster.leader([nodeId]);
      cluster.network.isolate(nodeId, false);
      await cluster.until(() =>
        cluster.host(nodeId).status().leadership.role === 'follower' ? true : undefined,
      );
    }
    await settleMicrotasks();
    for (const epochs of told.values()) {
      expect(epochs.length).toBeGreaterThan(1);
      expect(epochs).toEqual([...epochs].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    }
  });
});
