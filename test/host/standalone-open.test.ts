import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type ConsensusDriver, ConsensusError, type Epoch } from '../../src/consensus/index.js';
import { StandaloneHost } from '../../src/host/index.js';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { initDataDirectory } from '../../src/storage/index.js';
import { freePorts } from '../support/free-ports.js';

const directories: string[] = [];
const hosts: StandaloneHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

interface Place {
  readonly dataDir: string;
  readonly peerListen: string;
}

/** Data directories of a new cluster, and free ports on loopback. */
async function initCluster(nodes: readonly NodeId[]): Promise<Map<NodeId, Place>> {
  const root = await mkdtemp(join(tmpdir(), 'standalone-host-'));
  directories.push(root);
  const peerAddresses = new Map<NodeId, string>();
  const ports = await freePorts(nodes.length);
  for (const [index, nodeId] of nodes.entries()) peerAddresses.set(nodeId, `127.0.0.1:${ports[index]}`);
  const config = { configId: 1, nodes, leaseMs: 250, maxClockDrift: 0.01 };
  const places = new Map<NodeId, Place>();
  for (const [nodeId, peerListen] of peerAddresses) {
    const dataDir = join(root, `node-${nodeId}`);
    await initDataDirectory({ dataDir, clusterId: 'test', nodeId, config, peerAddresses });
    places.set(nodeId, { dataDir, peerListen });
  }
  return places;
}

async function open(place: Place, nodeId: NodeId): Promise<StandaloneHost> {
  const host = await StandaloneHost.open({ ...place, clientEndpoint: `127.0.0.1:${50_000 + nodeId}` });
  hosts.push(host);
  return host;
}

/** Asks each host in turn until one that leads has answered; at most 20 s. */
async function answered(call: (driver: ConsensusDriver, epoch: Epoch) => Promise<number>): Promise<number> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    for (const host of hosts) {
      const { leadership } = host.status();
      if (leadership.role !== 'leader') continue;
      try {
        return await call(host.driver, leadership.epoch);
      } catch (error) {
        if (!ConsensusError.is(error) || error.code === 'permanent') throw error;
      }
    }
    if (performance.now() > deadlineMs) throw new Error('nobody has led for 20 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('standalone host: on a disk and TCP', () => {
  test('three nodes are opened, closed and opened again, what was answered is there', async () => {
    const places = await initCluster([1, 2, 3]);
    for (const [nodeId, place] of places) await open(place, nodeId);
    expect(await answered((driver, epoch) => driver.persistHighWater(777, epoch))).toBe(777);
    await Promise.all(hosts.splice(0).map((host) => host.close()));
    for (const [nodeId, place] of places) await open(place, nodeId);
    expect(hosts.map((host) => host.status().node.incarnation)).toEqual([2, 2, 2]);
    expect(await answered((driver) => driver.loadHighWater())).toBe(777);
  });

  test('one node, leads alone', async () => {
    const places = await initCluster([7]);
    for (const [nodeId, place] of places) await open(place, nodeId);
    expect(await answered((driver, epoch) => driver.persistHighWater(5, epoch))).toBe(5);
  });

  test.each([
    ['peerListen', { peerListen: 'nowhere' }, 'host options.peerListen'],
    ['a limit of the transport', { transport: { maxFrameBytes: 1 } }, 'host options.transport.maxFrameBytes'],
    ['its tuning', { tickMs: 0 }, 'host options.tickMs'],
    ['a limit of the journal', { journal: { segmentBytes: 1 } }, 'openJournal.segmentBytes'],
  ])('%s is out of range, is refused by name before the directory is opened', async (_, options, field) => {
    const [place] = (await initCluster([1])).values();
    if (place === undefined) throw new Error('no place');
    await expect(StandaloneHost.open({ ...place, ...options })).rejects.toMatchObject({ field });
    expect((await open(place, 1)).status().node.incarnation).toBe(1);
  });

  test('plaintext could leave the machine, is refused and the directory closed again', async () => {
    const [place] = (await initCluster([1])).values();
    if (place === undefined) throw new Error('no place');
    await expect(StandaloneHost.open({ ...place, peerListen: '0.0.0.0:0' })).rejects.toMatchObject({
      code: 'insecure_peer',
    });
    await open(place, 1);
  });

  test('directory has never been made, is refused', async () => {
    const peerListen = '127.0.0.1:0';
    const dataDir = join(tmpdir(), 'standalone-host-that-was-never-made');
    await expect(StandaloneHost.open({ dataDir, peerListen })).rejects.toMatchObject({
      name: 'StorageError',
    });
  });
});
