import { describe, expect, test } from 'vitest';
import { DrainError, SnapshotPolicy } from '../../src/apply/index.js';
import { type Lease, toEpoch } from '../../src/consensus/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import {
  ballotFromEpoch,
  type HighWaterCommand,
  type HighWaterSnapshot,
} from '../../src/high-water/index.js';
import { type HostHealth, StandaloneHost } from '../../src/host/index.js';
import { PaxosNode } from '../../src/node/index.js';
import { type MemoryStorageOptions, openMemoryStorage } from '../../src/storage/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { recordingLogger } from '../driver/recording-logger.js';
import { type Settlement, watch } from '../driver/settlement.js';
import { HostCluster } from './host-cluster.js';

/** What no node of this version proposes, and none can fold. */
const POISON: HighWaterCommand = {
  kind: 'advance',
  atLeast: -1,
  epoch: toEpoch(1n),
  id: { directoryId: '00000000000000ee', incarnation: 1, seq: 1 },
};

/** A node of the cluster that runs no host, and so folds nothing. */
async function bareNode(
  cluster: HostCluster,
  nodeId: number,
  storage: MemoryStorageOptions = {},
): Promise<PaxosNode<HighWaterCommand, HighWaterSnapshot>> {
  const node = new PaxosNode<HighWaterCommand, HighWaterSnapshot>({
    storage: openMemoryStorage(cluster.disk(nodeId), storage),
    transport: cluster.network.transport(nodeId),
    clock: cluster.clock,
    nextTurn: cluster.nextTurn,
  });
  await node.start();
  await cluster.until(() => (node.leadership().role === 'leader' ? true : undefined));
  return node;
}

describe('standalone host: apply path fails', () => {
  // A09
  test('leader cannot fold a decided entry, waiting calls are permanent, the host ends and the reason is told', async () => {
    await using cluster = new HostCluster([1]);
    let stalled = false;
    const completeLater = (done: () => void): void => void (stalled || queueMicrotask(done));
    const node = await bareNode(cluster, 1, { completeLater });
    stalled = true;
    node.append(POISON, { forward: false });
    await settleMicrotasks();
    // The power fails when the entry is on the disk but not decided: the next life will decide it.
    cluster.network.kill(1);
    cluster.disk(1).crash({ keepUnsynced: Number.POSITIVE_INFINITY });
    void node.stop();

    await cluster.start([1]);
    const host = cluster.host(1);
    const { driver } = host;
    const health: HostHealth[] = [];
    host.events.on('health', (state) => health.push(state));
    const calls: Settlement[] = [];
    let lease: Lease | undefined;
    host.events.on('leadership', (state) => {
      if (state.role !== 'leader') return;
      ({ lease } = state);
      calls.push(watch(driver.persistHighWater(200, state.epoch)), watch(driver.loadHighWater()));
      expect(lease.isValid()).toBe(true);
    });
    expect(await cluster.drive(host.stopped)).toMatchObject({ kind: 'applyFailed' });
    await settleMicrotasks();
    expect(calls.map((call) => call.outcome)).toEqual(['permanent', 'permanent']);
    expect(lease?.isValid()).toBe(false);
    expect(health).toMatchObject([{ state: 'stopped', reason: { kind: 'applyFailed' } }]);
    expect(host.status()).toMatchObject({ health: { state: 'stopped' }, leadership: { role: 'unknown' } });
    const late = watch(driver.loadHighWater());
    await late.ended;
    expect(late.outcome).toBe('permanent');
  });

  // A09
  test('entry that cannot be folded is in the log at the start, the start rejects and gives everything back', async () => {
    await using cluster = new HostCluster([1]);
    const node = await bareNode(cluster, 1);
    node.append(POISON, { forward: false });
    await cluster.until(() => (node.log.decidedIdx > 0 ? true : undefined));
    await cluster.drive(node.stop());
    await expect(cluster.drive(cluster.start([1]))).rejects.toThrow(DrainError);
    expect(cluster.clock.armedTimers).toBe(0);
    await cluster.drive(openMemoryStorage(cluster.disk(1)).close());
  });
});

describe('standalone host: its node stops', () => {
  // A09, D09
  test('disk fails while calls wait, they are permanent at once and the reason is told', async () => {
    await using cluster = new HostCluster([1]);
    const error = new Error('EIO');
    let fails = false;
    const inject = () => (fails ? { error, stage: 'sync' as const } : undefined);
    await cluster.start([1], { storage: { inject } });
    const host = cluster.host(1);
    const { epoch } = await cluster.untilLeads(host.driver);
    fails = true;
    const calls = [watch(host.driver.persistHighWater(200, epoch)), watch(host.driver.loadHighWater())];
    await settleMicrotasks();
    expect(calls.map((call) => call.outcome)).toEqual(['permanent', 'permanent']);
    expect(await cluster.drive(host.stopped)).toMatchObject({
      kind: 'nodeStopped',
      reason: { kind: 'storageFailed', error },
    });
    expect(host.health()).toMatchObject({ state: 'stopped', reason: { kind: 'nodeStopped' } });
    await cluster.close(1);
    expect(host.health()).toMatchObject({ state: 'stopped', reason: { kind: 'nodeStopped' } });
    expect(cluster.clock.armedTimers).toBe(0);
  });

  test('disk fails before anybody has led, the reason is told', async () => {
    await using cluster = new HostCluster([1, 2]);
    const error = new Error('EIO');
    let fails = false;
    await cluster.start([1, 2], {
      storage: { inject: () => (fails ? { error, stage: 'write' } : undefined) },
    });
    fails = true;
    const host = cluster.host(1);
    expect(await cluster.drive(host.stopped)).toMatchObject({
      kind: 'nodeStopped',
      reason: { kind: 'storageFailed', error },
    });
    expect(host.health().state).toBe('stopped');
  });

  test('transport cannot be started, the start rejects with its error and gives everything back', async () => {
    await using cluster = new HostCluster([1]);
    const error = new Error('EADDRINUSE');
    const transport = { ...cluster.network.transport(1), start: () => Promise.reject(error) };
    const storage = openMemoryStorage(cluster.disk(1));
    const { clock, nextTurn } = cluster;
    await expect(StandaloneHost.start({ storage, transport, clock, nextTurn })).rejects.toBe(error);
    expect(clock.armedTimers).toBe(0);
    await cluster.start([1]);
  });
});

describe('standalone host: closing', () => {
  test('closed twice at once and again, calls end with closed, nothing is left', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start();
    const host = cluster.host(1);
    const { epoch } = await cluster.untilLeads(host.driver);
    const call = watch(host.driver.persistHighWater(200, epoch));
    const stream = host.driver.leadershipEvents();
    await stream.next();
    const next = stream.next();
    await cluster.drive(Promise.all([host.close(), host.close()]));
    await host.close();
    await host[Symbol.asyncDispose]();
    expect(call.outcome).toBe('closed');
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await host.stopped).toEqual({ kind: 'closed' });
    expect(host.health()).toEqual({ state: 'stopped', reason: { kind: 'closed' } });
    expect(cluster.clock.armedTimers).toBe(0);
    await cluster.drive(openMemoryStorage(cluster.disk(1)).close());
  });

  test('closed as soon as it has started, ends', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start();
    await cluster.close(1);
    expect(cluster.clock.armedTimers).toBe(0);
  });

  test('closed while it drains, folds no more and ends', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start([1], { applyChunkItems: 1 });
    const host = cluster.host(1);
    const { epoch } = await cluster.untilLeads(host.driver);
    const calls = Array.from({ length: 50 }, (_, i) => watch(host.driver.persistHighWater(i + 1, epoch)));
    await settleMicrotasks();
    const { lag } = host.status().apply;
    expect(lag).toBeGreaterThan(10);
    await cluster.close(1);
    await Promise.all(calls.map((call) => call.ended));
    expect(host.status().apply.lag).toBeGreaterThanOrEqual(lag - 2);
    expect(calls.filter((call) => call.outcome === 'closed').length).toBeGreaterThan(10);
    expect(calls.map((call) => call.ends)).toEqual(calls.map(() => 1));
    expect(cluster.clock.armedTimers).toBe(0);
  });

  test('disk is open elsewhere, it is not disturbed by a second host that cannot open it', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start();
    await expect(cluster.start([1])).rejects.toMatchObject({ code: 'storage_locked' });
    const { driver } = cluster.host(1);
    const { epoch } = await cluster.untilLeads(driver);
    expect(await cluster.drive(driver.persistHighWater(5, epoch))).toBe(5);
  });
});

describe('standalone host: options', () => {
  test.each([
    ['tickMs', 0],
    ['callTimeoutMs', 0],
    ['maxPendingCalls', 0],
    ['applyChunkItems', 1.5],
    ['snapshotPolicy', 'every 5'],
    ['clientEndpoint', 'http://host:1'],
    ['clientEndpoint', 'host'],
    ['clientEndpoint', 'host:65536'],
  ])('%s of %s, is refused by name and gives everything back', async (field, value) => {
    await using cluster = new HostCluster([1]);
    const started = cluster.start([1], { [field]: value });
    await expect(started).rejects.toMatchObject({ field: `host options.${field}`, value });
    await cluster.drive(openMemoryStorage(cluster.disk(1)).close());
  });

  test('option that does not exist, is refused', async () => {
    await using cluster = new HostCluster([1]);
    const options = { tickMs: 10, snapshotpolicy: SnapshotPolicy.disabled() };
    await expect(cluster.start([1], options)).rejects.toThrow(InvalidInputError);
  });

  test.each(['host:1', '10.0.0.1:50551', '[::1]:50551'])(
    'clientEndpoint of %s, is taken',
    async (clientEndpoint) => {
      await using cluster = new HostCluster([1]);
      await cluster.start([1], { clientEndpoint });
    },
  );

  test('snapshots are disabled, a warning is logged', async () => {
    await using cluster = new HostCluster([1]);
    const logger = recordingLogger();
    await cluster.start([1], { logger, snapshotPolicy: SnapshotPolicy.disabled() });
    expect(logger.lines.filter((line) => line.level === 'warn').map((line) => line.message)).toEqual([
      'snapshots are disabled: the log grows for ever, on disk and in memory',
    ]);
  });
});

describe('standalone host: health', () => {
  // A11
  test('snapshots fail, health is degraded and heals with the next that succeeds; listeners that throw harm nobody', async () => {
    await using cluster = new HostCluster([1]);
    let fails = true;
    const snapshotPolicy = SnapshotPolicy.when(() => {
      if (fails) throw new Error('no space');
      return true;
    });
    await cluster.start([1], { snapshotPolicy });
    const host = cluster.host(1);
    const health: HostHealth[] = [];
    host.events.on('health', () => {
      throw new Error('a listener of the test');
    });
    host.events.on('health', (state) => health.push(state));
    const { epoch } = await cluster.untilLeads(host.driver);
    await cluster.drive(host.driver.persistHighWater(1, epoch));
    await cluster.drive(host.driver.persistHighWater(2, epoch));
    expect(host.health().state).toBe('degraded');
    fails = false;
    await cluster.drive(host.driver.persistHighWater(3, epoch));
    await settleMicrotasks();
    expect(health.map((state) => state.state)).toEqual(['degraded', 'healthy']);
    expect(host.health()).toEqual({ state: 'healthy' });
  });

  test('leadership changes, the host tells it as its driver does', async () => {
    await using cluster = new HostCluster([1]);
    await cluster.start();
    const host = cluster.host(1);
    const told: string[] = [];
    host.events.on('leadership', (state) => told.push(state.role));
    const { epoch } = await cluster.untilLeads(host.driver);
    expect(ballotFromEpoch(epoch).pid).toBe(1);
    await cluster.close(1);
    expect(told).toEqual(['leader', 'unknown']);
  });
});
