import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import type { StopReason } from '../../src/node/index.js';
import type { ClusterConfig } from '../../src/omnipaxos/index.js';
import { NodeCluster, type TestNode } from './node-cluster.js';

const LEASED = { leaseMs: 250, maxClockDrift: 0.02 };

async function startedWithLeader(config: Partial<ClusterConfig> = LEASED) {
  const cluster = await NodeCluster.started({ config });
  const leader = await cluster.electLeader();
  await cluster.until(() => leader.isValid(), 'a valid lease');
  return { cluster, leader };
}

function holders(cluster: NodeCluster): number[] {
  return cluster
    .leaders()
    .filter(({ isValid }) => isValid())
    .map(({ nodeId }) => nodeId);
}

/** Passes time, and checks in each millisecond that at most one lease is valid. */
async function passWithOneHolder(cluster: NodeCluster, ms: number): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < ms; i++) {
    await cluster.pass(1);
    const held = holders(cluster);
    expect(held.length).toBeLessThanOrEqual(1);
    const [holder] = held;
    if (holder !== undefined && seen.at(-1) !== holder) seen.push(holder);
  }
  return seen;
}

describe('membership of running nodes', () => {
  // P23, R09
  test('3 to 5 to 3 nodes under load: new ones catch up, removed ones stop and say why, nothing is lost', async () => {
    const { cluster, leader } = await startedWithLeader();
    await cluster.decide(leader.node, 'a');
    for (const nodeId of [4, 5]) {
      cluster.addMachine(nodeId);
      await cluster.start(nodeId);
    }
    await cluster.reconfigure([1, 2, 3, 4, 5]);
    await cluster.entered(2, [1, 2, 3, 4, 5]);
    await cluster.decide((await cluster.electLeader()).node, 'b');
    const removed: StopReason[] = [];
    for (const nodeId of [1, 2]) void cluster.node(nodeId).stopped.then((reason) => removed.push(reason));
    await cluster.reconfigure([3, 4, 5]);
    await cluster.entered(3, [3, 4, 5]);
    await cluster.until(() => removed.length === 2, 'nodes 1 and 2 have stopped');
    expect(removed).toMatchObject([
      { kind: 'removed', config: { configId: 3, nodes: [3, 4, 5] } },
      { kind: 'removed', config: { configId: 3, nodes: [3, 4, 5] } },
    ]);
    for (const nodeId of [1, 2]) cluster.nodes.delete(nodeId);
    await cluster.decide((await cluster.electLeader()).node, 'c');
    for (const nodeId of [3, 4, 5]) {
      expect(cluster.decided(nodeId)).toEqual(['a', 'stop sign', 'b', 'stop sign', 'c']);
    }
    expect(cluster.errors()).toEqual([]);
  });

  test('the entry is told by an event, and survives a restart', async () => {
    const { cluster } = await startedWithLeader();
    const told: number[] = [];
    cluster.node(2).events.on('configuration', ({ configId }) => told.push(configId));
    await cluster.reconfigure([1, 2, 3]);
    await cluster.entered(2, [1, 2, 3]);
    expect(told).toEqual([2]);
    for (const nodeId of [1, 2, 3]) await cluster.crash(nodeId);
    for (const nodeId of [1, 2, 3]) await cluster.start(nodeId);
    expect(cluster.node(2).status().core.config).toMatchObject({ configId: 2, previousLease: LEASED });
    await cluster.electLeader();
  });

  // N03
  test.each<[string, (node: TestNode) => unknown]>([
    ['append', (node) => node.append('nested', { forward: true })],
    ['tryBecomeLeader', (node) => node.tryBecomeLeader()],
    ['transferLeadership', (node) => node.transferLeadership(1)],
    ['status', (node) => node.status()],
    ['stop', (node) => node.stop()],
  ])(
    'a listener of the entry calls %s: it is served after the step, and the other listeners are told once',
    async (name, call) => {
      const { cluster, leader } = await startedWithLeader();
      const [caller = 0, other = 0] = [1, 2, 3].filter((nodeId) => nodeId !== leader.nodeId);
      const node = cluster.node(caller);
      const told: number[] = [];
      node.events.on('configuration', () => void call(node));
      node.events.on('configuration', ({ configId }) => told.push(configId));
      await cluster.reconfigure([1, 2, 3]);
      await cluster.entered(2, [leader.nodeId, other]);
      await cluster.until(() => told.length > 0, 'the event');
      if (name === 'stop') cluster.nodes.delete(caller);
      await cluster.decide((await cluster.electLeader()).node, 'after');
      expect(told).toEqual([2]);
      expect(node.status().counters.listenerErrors).toBe(0);
      expect(node.status().stopped?.kind).toBe(name === 'stop' ? 'closed' : undefined);
    },
  );

  test('who may reconfigure, and into what', async () => {
    const { cluster, leader } = await startedWithLeader();
    const follower = [...cluster.nodes.values()].find((node) => node !== leader.node);
    const next = { ...cluster.config, configId: 2 };
    expect(follower?.reconfigure(next)).toEqual({ ok: false, reason: 'notLeader' });
    expect(() => leader.node.reconfigure({ ...next, leaseMs: 100 })).toThrow(
      expect.objectContaining({ name: InvalidInputError.name, field: 'cluster config.leaseMs' }),
    );
    expect(() => leader.node.reconfigure({ ...next, configId: 7 })).toThrow(InvalidInputError);
    expect(leader.node.status().life).toBe('running');
    await leader.node.stop();
    expect(leader.node.reconfigure(next)).toEqual({ ok: false, reason: 'stopped' });
  });

  test('a new leader that still waits for older leases: it cannot reconfigure', async () => {
    const { cluster, leader } = await startedWithLeader();
    await cluster.crash(leader.nodeId);
    const waiting = await cluster.until(
      () => [...cluster.nodes.values()].find((node) => node.status().leaseWaitMs > 0),
      'a successor that waits',
    );
    expect(waiting.reconfigure({ ...cluster.config, configId: 2 })).toEqual({
      ok: false,
      reason: 'notLeader',
    });
    expect(waiting.transferLeadership(leader.nodeId)).toEqual({ ok: false, reason: 'notLeader' });
  });
});

describe('leases across configurations', () => {
  // R11
  test('the leader is cut off with a live lease, and the one that decides its stop sign is alone in the next configuration: it waits', async () => {
    const { cluster, leader } = await startedWithLeader();
    const alone = leader.nodeId === 1 ? 2 : 1;
    cluster.route = ({ body, to }) => (body.kind === 'accepted' && to === leader.nodeId ? [] : [1]);
    await cluster.reconfigure([alone]);
    await cluster.pass(3);
    cluster.network.isolate(leader.nodeId, true);
    // Elected by hand, at once: the old lease is as fresh as can be.
    cluster.node(alone).tryBecomeLeader();
    await cluster.until(
      () => cluster.node(alone).status().core.config.configId === 2,
      'the next configuration',
    );
    expect(holders(cluster)).toEqual([leader.nodeId]);
    expect(await passWithOneHolder(cluster, 1_000)).toEqual([leader.nodeId, alone]);
  });

  // R11
  test('the leader decides its own stop sign: its lease is void in that very turn', async () => {
    const { cluster, leader } = await startedWithLeader();
    await cluster.reconfigure([1, 2, 3]);
    await cluster.until(() => leader.node.status().core.config.configId === 2, 'its entry');
    expect(leader.isValid()).toBe(false);
    expect(leader.node.leadership()).toEqual({ role: 'unknown' });
  });

  // R11
  test('the next configuration has a shorter lease, or none: the longer one of before is waited for', async () => {
    for (const leaseMs of [0, 250]) {
      const { cluster, leader } = await startedWithLeader({ leaseMs: 2_000, maxClockDrift: 0.1 });
      await cluster.reconfigure([1, 2, 3], { leaseMs });
      await cluster.until(() => cluster.node(1).status().core.config.configId === 2, 'its entry');
      await cluster.pass(2_100);
      expect(cluster.leaders()).toEqual([]);
      await cluster.pass(200);
      expect(cluster.leaders()).toHaveLength(1);
      expect(leader.isValid()).toBe(false);
    }
  });

  test('no lease before, and one now: it is waited for as ever, and renewed', async () => {
    const { cluster } = await startedWithLeader({ leaseMs: 0 });
    await cluster.reconfigure([1, 2, 3], { leaseMs: 250 });
    await cluster.entered(2, [1, 2, 3]);
    const first = await cluster.electLeader();
    const seen = await passWithOneHolder(cluster, 1_000);
    expect(seen).toEqual([first.nodeId]);
    cluster.network.isolate(first.nodeId, true);
    const second = first.nodeId === 1 ? 2 : 1;
    cluster.node(second).tryBecomeLeader();
    expect(await passWithOneHolder(cluster, 1_000)).toEqual([first.nodeId, second]);
  });
});

describe('hand-over between running nodes', () => {
  test('the target serves at once, without waiting for older leases; at no time do two', async () => {
    const { cluster, leader } = await startedWithLeader();
    const target = leader.nodeId === 1 ? 2 : 1;
    expect(leader.node.transferLeadership(target)).toEqual({ ok: true });
    expect(leader.isValid()).toBe(false);
    await cluster.until(
      () => cluster.leaders().some(({ nodeId }) => nodeId === target),
      'the target leads',
      20,
    );
    expect(cluster.node(target).status().leaseWaitMs).toBe(0);
    expect(await passWithOneHolder(cluster, 1_000)).toEqual([target]);
  });

  // O02
  test('the request to take over comes after the old leader has resumed: the new lease is waited for', async () => {
    const { cluster, leader } = await startedWithLeader();
    const target = leader.nodeId === 1 ? 2 : 1;
    cluster.route = ({ body }) => (body.kind === 'takeLeadership' ? [400] : [1]);
    leader.node.transferLeadership(target);
    const seen = await passWithOneHolder(cluster, 2_000);
    expect(seen).toHaveLength(1);
    expect(cluster.leaders()).toHaveLength(1);
  });

  // R12
  test('a new leader inside its own wait hands nothing over: an older lease may be valid', async () => {
    const { cluster, leader } = await startedWithLeader();
    cluster.network.isolate(leader.nodeId, true);
    const [second = 0, third = 0] = [1, 2, 3].filter((nodeId) => nodeId !== leader.nodeId);
    cluster.node(second).tryBecomeLeader();
    await cluster.until(() => cluster.node(second).status().leaseWaitMs > 0, 'it waits');
    expect(cluster.node(second).transferLeadership(third)).toEqual({ ok: false, reason: 'notLeader' });
    expect(holders(cluster)).toEqual([leader.nodeId]);
    expect(await passWithOneHolder(cluster, 1_000)).toEqual([leader.nodeId, second]);
  });
});
