import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { StandaloneHost } from '../../src/host/index.js';
import { initDataDirectory, inspectDataDirectory } from '../../src/storage/index.js';
import { freePorts } from '../support/free-ports.js';
import { HostCluster } from './host-cluster.js';

async function bytesIn(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function epochOf(host: StandaloneHost) {
  for await (const state of host.driver.leadershipEvents()) if (state.role === 'leader') return state.epoch;
  throw new Error('it never leads');
}

// A06
test('a hundred thousand advances with the default policy: the directory stays as large as it was, memory holds the last of them only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-growth-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'node');
  await initDataDirectory({
    dataDir,
    clusterId: 'growth',
    nodeId: 1,
    config: { configId: 1, nodes: [1], leaseMs: 250, maxClockDrift: 0.01 },
    peerAddresses: new Map(),
  });
  await using host = await StandaloneHost.open({ dataDir, peerListen: '127.0.0.1:0' });
  const epoch = await epochOf(host);
  const before = await bytesIn(dataDir);
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < 100_000) await host.driver.persistHighWater(++next, epoch);
  };
  await Promise.all(Array.from({ length: 512 }, loop));
  expect(await bytesIn(dataDir)).toBe(before);
  const { acceptedIdx, compactedIdx } = host.status().node.core;
  expect(acceptedIdx).toBeGreaterThanOrEqual(100_000);
  expect(acceptedIdx - compactedIdx).toBeLessThan(4 * 1_024);
});

// P01, A05
test('a follower that was away for longer than the log reaches back: it comes back through a snapshot', async () => {
  await using cluster = new HostCluster([1, 2, 3]);
  await cluster.start();
  const { nodeId: leader, host, epoch } = await cluster.leader();
  const away = leader === 3 ? 2 : 3;
  await cluster.crash(away);
  for (let i = 1; i <= 3_000; i += 100) {
    const advances = Array.from({ length: 100 }, (_, k) => host.driver.persistHighWater(i + k, epoch));
    await cluster.drive(Promise.all(advances));
  }
  expect(host.status().node.core.compactedIdx).toBeGreaterThan(2_000);
  await cluster.start([away]);
  await cluster.until(() => (cluster.host(away).status().highWater === 3_000 ? true : undefined));
  expect(cluster.host(away).status().node.core.compactedIdx).toBeGreaterThan(2_000);
});

// P01
test('the same on real disks and sockets: its journal is cut to the snapshot that it was given, and outlives another restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-away-'));
  const nodes = [1, 2, 3];
  const ports = await freePorts(nodes.length);
  const addresses = new Map(nodes.map((nodeId) => [nodeId, `127.0.0.1:${ports[nodeId - 1] ?? 0}`]));
  const hosts = new Map<number, StandaloneHost>();
  const dataDirOf = (nodeId: number): string => join(folder, `node-${nodeId}`);
  const open = async (nodeId: number): Promise<void> => {
    const peerListen = addresses.get(nodeId) ?? '';
    hosts.set(nodeId, await StandaloneHost.open({ dataDir: dataDirOf(nodeId), peerListen }));
  };
  onTestFinished(async () => {
    await Promise.all([...hosts.values()].map((host) => host.close()));
    await rm(folder, { recursive: true, force: true });
  });
  const config = { configId: 1, nodes, leaseMs: 250, maxClockDrift: 0.01 };
  for (const nodeId of nodes) {
    await initDataDirectory({
      dataDir: dataDirOf(nodeId),
      clusterId: 'away',
      nodeId,
      config,
      peerAddresses: addresses,
    });
    await open(nodeId);
  }
  /** One advance, by whoever leads; the leadership may pass on at any time. */
  const advance = async (highWaterMs: number): Promise<void> => {
    const attempt = async (): Promise<boolean> => {
      for (const host of hosts.values()) {
        const { leadership } = host.status();
        if (leadership.role !== 'leader') continue;
        return host.driver.persistHighWater(highWaterMs, leadership.epoch).then(
          () => true,
          () => false,
        );
      }
      return false;
    };
    await expect.poll(attempt, { timeout: 20_000, interval: 1 }).toBe(true);
  };
  await advance(1);
  const away = nodes.find((nodeId) => hosts.get(nodeId)?.status().leadership.role !== 'leader') ?? 0;
  await hosts.get(away)?.close();
  hosts.delete(away);
  for (let from = 2; from <= 3_000; from += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => advance(Math.min(from + i, 3_000))));
  }
  // Nobody has what it misses as records any more.
  const before = await inspectDataDirectory(dataDirOf(away));
  for (const host of hosts.values())
    expect(host.status().node.core.compactedIdx).toBeGreaterThan(before.acceptedIdx + 1_000);
  for (let life = 0; life < 2; life++) {
    await open(away);
    const back = hosts.get(away);
    await expect.poll(() => back?.status().highWater, { timeout: 20_000, interval: 10 }).toBe(3_000);
    expect(back?.status().node.core.compactedIdx).toBeGreaterThan(1_000);
    await back?.close();
    hosts.delete(away);
    const { compactedIdx, snapshotBytes } = await inspectDataDirectory(dataDirOf(away));
    expect(compactedIdx).toBeGreaterThan(1_000);
    expect(snapshotBytes).toBeGreaterThan(0);
  }
});
