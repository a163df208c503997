import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { seedSnapshot } from '../../src/cli/seed.js';
import { StandaloneHost } from '../../src/host/index.js';
import { initDataDirectory } from '../../src/storage/index.js';
import { freePorts } from '../support/free-ports.js';

const MEMBERS = [1, 2, 3];

/** Three nodes on real sockets and real disks, and a fourth that is to join them. */
async function startedHosts(firstSnapshot?: Uint8Array): Promise<Map<number, StandaloneHost>> {
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-join-'));
  const ports = await freePorts(4);
  const addressOf = (nodeId: number): string => `127.0.0.1:${ports[nodeId - 1] ?? 0}`;
  const hosts = new Map<number, StandaloneHost>();
  onTestFinished(async () => {
    await Promise.all([...hosts.values()].map((host) => host.close()));
    await rm(folder, { recursive: true, force: true });
  });
  for (const nodeId of [...MEMBERS, 4]) {
    const dataDir = join(folder, `node-${nodeId}`);
    const joins = !MEMBERS.includes(nodeId);
    await initDataDirectory({
      dataDir,
      clusterId: 'join',
      nodeId,
      config: { configId: 1, nodes: MEMBERS, leaseMs: 250, maxClockDrift: 0.01 },
      peerAddresses: new Map(MEMBERS.map((member) => [member, addressOf(member)])),
      ...(joins ? { joins } : {}),
      ...(firstSnapshot === undefined ? {} : { firstSnapshot }),
    });
    hosts.set(nodeId, await StandaloneHost.open({ dataDir, peerListen: addressOf(nodeId) }));
  }
  return hosts;
}

async function leaderAmong(hosts: ReadonlyMap<number, StandaloneHost>): Promise<StandaloneHost> {
  const leaders = (): StandaloneHost[] =>
    [...hosts.values()].filter((host) => host.status().leadership.role === 'leader');
  await expect.poll(() => leaders().length, { timeout: 20_000, interval: 10 }).toBe(1);
  const [leader] = leaders();
  if (leader === undefined) throw new Error('nobody leads any more');
  return leader;
}

/** The leadership may pass to another node at any time: then it is tried again with that one. */
async function persist(hosts: ReadonlyMap<number, StandaloneHost>, highWaterMs: number): Promise<void> {
  const attempt = async (): Promise<boolean> => {
    const leader = await leaderAmong(hosts);
    const { leadership } = leader.status();
    if (leadership.role !== 'leader') return false;
    return await leader.driver.persistHighWater(highWaterMs, leadership.epoch).then(
      () => true,
      () => false,
    );
  };
  await expect.poll(attempt, { timeout: 20_000, interval: 10 }).toBe(true);
}

async function joinAndReplace(hosts: Map<number, StandaloneHost>): Promise<void> {
  await persist(hosts, 1_000);
  const removed = 1;
  const nodes = [2, 3, 4];
  const next = { configId: 2, nodes, leaseMs: 250, maxClockDrift: 0.01 };
  await expect
    .poll(async () => (await leaderAmong(hosts)).reconfigure(next).ok, { timeout: 20_000, interval: 10 })
    .toBe(true);
  await expect
    .poll(() => hosts.get(4)?.status().node.core, { timeout: 20_000, interval: 10 })
    .toMatchObject({ takesPart: true, config: { configId: 2, nodes } });
  expect(await hosts.get(removed)?.stopped).toMatchObject({
    kind: 'nodeStopped',
    reason: { kind: 'removed' },
  });
  hosts.delete(removed);
  await persist(hosts, 2_000);
  await expect.poll(() => hosts.get(4)?.status().highWater, { timeout: 20_000, interval: 10 }).toBe(2_000);
}

// P23, R09
test('a node that no member lists as a peer joins over TCP, takes part, and outlives the member that it replaces', async () => {
  await joinAndReplace(await startedHosts());
});

test('a node joins a cluster with a seed over TCP in the same way', async () => {
  await joinAndReplace(await startedHosts(seedSnapshot(500)));
});
