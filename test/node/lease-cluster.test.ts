import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/runtime/index.js';
import { NodeCluster, type NodeClusterOptions } from './node-cluster.js';

const LEASED = { leaseMs: 250, maxClockDrift: 0.02 };

/** The nodes whose lease is valid right now; a frozen process cannot ask. */
function holders(cluster: NodeCluster): number[] {
  return cluster
    .leaders()
    .filter(({ nodeId, isValid }) => cluster.machine(nodeId).frozenForMs() === 0 && isValid())
    .map(({ nodeId }) => nodeId);
}

async function startedWithLeader(options: NodeClusterOptions = {}) {
  const cluster = await NodeCluster.started({ ...options, config: { ...LEASED, ...options.config } });
  const leader = await cluster.electLeader();
  await cluster.until(() => leader.isValid(), 'a valid lease');
  return { cluster, leader };
}

describe('leases in a cluster', () => {
  test('in peace: the leader holds its lease all the time', async () => {
    const { cluster, leader } = await startedWithLeader();
    for (let ms = 0; ms < 3_000; ms++) {
      await cluster.pass(1);
      expect(holders(cluster)).toEqual([leader.nodeId]);
    }
  });

  // O01
  test('the leader is cut off from its peers but not from clients: it stops serving before its successor begins', async () => {
    const { cluster, leader } = await startedWithLeader();
    cluster.network.isolate(leader.nodeId, true);
    const seen: string[] = [];
    for (let ms = 0; ms < 2_000; ms++) {
      await cluster.pass(1);
      const held = holders(cluster).join();
      if (seen.at(-1) !== held) seen.push(held);
      expect(holders(cluster).length).toBeLessThanOrEqual(1);
    }
    // The old one, nobody, the new one.
    expect(seen).toHaveLength(3);
    expect([seen[0], seen[1]]).toEqual([String(leader.nodeId), '']);
    expect(seen[2]).not.toBe(String(leader.nodeId));
    // It has not heard of its successor: only the lease keeps it from serving.
    expect(leader.node.leadership()).toMatchObject({ role: 'leader', ballot: leader.ballot });
  });

  // O01
  test('as before, and the successor is elected at once, while the old lease is fresh: it waits', async () => {
    const { cluster, leader } = await startedWithLeader();
    cluster.network.isolate(leader.nodeId, true);
    await cluster.until(
      () => [...cluster.nodes.values()].find((node) => node.status().leaseWaitMs > 0),
      'a successor that waits',
      1_000,
    );
    const successor = await cluster.electLeader([leader.nodeId]);
    expect(leader.isValid()).toBe(false);
    expect(successor.ballot.n).toBeGreaterThan(leader.ballot.n);
  });

  // O03, N01
  for (const fault of ['freeze', 'suspend'] as const) {
    test(`the leader's machine stands still for ten leases (${fault}): when it goes on, its lease is not valid`, async () => {
      const { cluster, leader } = await startedWithLeader();
      cluster.machine(leader.nodeId)[fault](2_500);
      await cluster.pass(2_499);
      expect(cluster.leaders().map(({ nodeId }) => nodeId)).toContain(leader.nodeId);
      expect(leader.isValid()).toBe(false);
      for (let ms = 0; ms < 1_000; ms++) {
        await cluster.pass(1);
        expect(holders(cluster).length).toBeLessThanOrEqual(1);
      }
    });
  }

  test('the leader loses power, and enough time passes before the next one is elected: hardly any wait', async () => {
    const { cluster, leader } = await startedWithLeader();
    await cluster.crash(leader.nodeId);
    const crashedMs = cluster.clock.monotonicMs();
    const next = await cluster.electLeader();
    await cluster.until(() => next.isValid(), 'a valid lease');
    // Two or three rounds until the election; its first heartbeat goes out at once.
    expect(cluster.clock.monotonicMs() - crashedMs).toBeLessThan(320);
  });

  test('one node alone holds its lease from the beginning', async () => {
    const cluster = await NodeCluster.started({ size: 1, config: LEASED });
    expect(holders(cluster)).toEqual([1]);
  });
});

describe('leases under random faults', () => {
  const SEEDS = Array.from({ length: 12 }, (_, seed) => seed + 1);
  for (const seed of SEEDS) {
    // O01, O03, N01
    test(`seed ${seed}: at no instant two leases are valid, and in the end one is`, async () => {
      const random = new SeededRandom(seed);
      const size = random.pick([3, 3, 5]);
      // Any two clocks run apart by less than maxClockDrift.
      const rates = Object.fromEntries(
        Array.from({ length: size }, (_, at) => [at + 1, random.between(0.991, 1.009)]),
      );
      const cluster = await NodeCluster.started({ size, rates, config: LEASED });
      const nodes = cluster.config.nodes;
      const delays = { min: 0, max: random.pick([2, 40, 120]) };
      const loss = random.pick([0, 0.02, 0.2]);
      cluster.route = () => (random.chance(loss) ? [] : [random.between(delays.min, delays.max)]);
      let held = 0;
      for (let ms = 0; ms < 6_000; ms++) {
        if (random.chance(0.01)) await disturb(cluster, random);
        await cluster.pass(1);
        const now = holders(cluster);
        held += now.length;
        expect([seed, ms, now.length <= 1 ? [] : now]).toEqual([seed, ms, []]);
      }
      expect(held).toBeGreaterThan(0);
      cluster.route = () => [1];
      cluster.network.heal();
      for (const nodeId of nodes) if (!cluster.nodes.has(nodeId)) await cluster.start(nodeId);
      await cluster.until(() => holders(cluster).length === 1, `seed ${seed}: one valid lease`);
    });
  }
});

async function disturb(cluster: NodeCluster, random: SeededRandom): Promise<void> {
  const nodeId = random.pick(cluster.config.nodes);
  const machine = cluster.machine(nodeId);
  switch (random.below(8)) {
    case 0:
      cluster.network.isolate(nodeId, true);
      return;
    case 1:
    case 2:
      cluster.network.heal();
      return;
    case 3:
      cluster.network.setLink(nodeId, random.pick(cluster.config.nodes), false);
      return;
    case 4:
      machine.freeze(random.between(10, 800));
      return;
    case 5:
      if (machine.frozenForMs() === 0) machine.suspend(random.between(10, 800));
      return;
    case 6:
      machine.stepWall(random.between(-2_000, 2_000));
      return;
    default:
      if (cluster.nodes.has(nodeId)) await cluster.crash(nodeId);
      else await cluster.start(nodeId);
  }
}
