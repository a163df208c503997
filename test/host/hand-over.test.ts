import { expect, test } from 'vitest';
import { HostCluster } from './host-cluster.js';

/** The node whose driver leads. */
function leaderOf(cluster: HostCluster): number | undefined {
  const leaders = [...cluster.hosts].filter(([, host]) => host.status().leadership.role === 'leader');
  return leaders.length === 1 ? leaders[0]?.[0] : undefined;
}

async function started(nodes: readonly number[]): Promise<{ cluster: HostCluster; leader: number }> {
  const cluster = new HostCluster(nodes);
  await cluster.start();
  for (let i = 0; i < 2_000 && leaderOf(cluster) === undefined; i++) await cluster.pass(1);
  return { cluster, leader: leaderOf(cluster) ?? 0 };
}

test('hand-over before a stop: another node serves within milliseconds, and knows every advance', async () => {
  const { cluster, leader } = await started([1, 2, 3]);
  await using _cluster = cluster;
  const state = cluster.host(leader).status().leadership;
  if (state.role !== 'leader') throw new Error('nobody leads');
  await cluster.drive(cluster.host(leader).driver.persistHighWater(5_000, state.epoch));
  const beganMs = cluster.clock.monotonicMs();
  expect(await cluster.drive(cluster.host(leader).handOver())).toBe(true);
  const next = leaderOf(cluster);
  expect(next).not.toBe(leader);
  expect(cluster.clock.monotonicMs() - beganMs).toBeLessThan(20);
  expect(await cluster.drive(cluster.host(next ?? 0).driver.loadHighWater())).toBe(5_000);
});

test('hand-over by a node that does not lead, or has nobody to hand over to: false, and nothing changes', async () => {
  const { cluster, leader } = await started([1, 2, 3]);
  await using _cluster = cluster;
  const follower = leader === 1 ? 2 : 1;
  expect(await cluster.drive(cluster.host(follower).handOver())).toBe(false);
  expect(leaderOf(cluster)).toBe(leader);
  const { cluster: single } = await started([1]);
  await using _single = single;
  expect(await single.drive(single.host(1).handOver())).toBe(false);
  expect(leaderOf(single)).toBe(1);
});

test('nobody answers: false after two election timeouts, no timer or listener left', async () => {
  const { cluster, leader } = await started([1, 2, 3]);
  await using _cluster = cluster;
  cluster.network.isolate(leader, true);
  const beganMs = cluster.clock.monotonicMs();
  expect(await cluster.drive(cluster.host(leader).handOver())).toBe(false);
  expect(cluster.clock.monotonicMs() - beganMs).toBe(200);
});

test('the host is closed meanwhile: false', async () => {
  const { cluster, leader } = await started([1, 2, 3]);
  await using _cluster = cluster;
  cluster.network.isolate(leader, true);
  const handOver = cluster.host(leader).handOver();
  await cluster.close(leader);
  expect(await handOver).toBe(false);
});
