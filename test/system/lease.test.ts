import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { Load } from '../../src/cli/load/load.js';
import { isOrderViolation, nameOfError } from '../../src/cli/load/name-of-error.js';
import { TsoClient } from '../../src/client/index.js';
import { silentLogger, systemClock, systemRandom } from '../../src/runtime/index.js';
import { CliProcesses } from './cli-process.js';
import { LinkedCluster, type LinkedNode } from './linked-cluster.js';

const LEASE_MS = 250;
/** How many clients know one node only, for each node. */
const PINNED_CLIENTS = 4;
/** So short that calls to a node that stands still begin anew all the time, also after others were granted more. */
const PINNED_TIMEOUT_MS = 200;

const processes = new CliProcesses();
const ports = new ClusterPorts(systemRandom);
let directory: string;
let cluster: LinkedCluster;
let load: Load;
/** What the test has started, to be ended in reverse order. */
const started: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tsoracle-system-'));
});

afterEach(async () => {
  for (const end of started.splice(0).reverse()) await end();
  await processes.destroyAll();
  await rm(directory, { recursive: true, force: true });
});

afterAll(() => ports[Symbol.asyncDispose]());

/** Clients that find the leader, and clients that ask one node for ever: all are judged together. */
async function startUnderLoad(leaseMs: number): Promise<void> {
  cluster = await LinkedCluster.start({ directory, leaseMs, ports, processes });
  started.push(() => cluster.closeLinks());
  const free = Array.from({ length: 2 }, () => new TsoClient({ endpoints: cluster.endpoints }));
  const pinned = cluster.endpoints.flatMap((endpoint) =>
    Array.from({ length: PINNED_CLIENTS }, () => pinnedTo(endpoint)),
  );
  load = new Load({
    clients: [...free, ...pinned],
    nameOfError,
    isViolation: isOrderViolation,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    onFailover: () => {},
  });
  started.push(() => load.stop());
  await granted(100);
}

function pinnedTo(endpoint: string): TsoClient {
  return new TsoClient({
    endpoints: [endpoint],
    maxHintedEndpoints: 0,
    timeoutMs: PINNED_TIMEOUT_MS,
    attemptTimeoutMs: PINNED_TIMEOUT_MS,
  });
}

/** Waits until the clients have been granted `count` more. */
async function granted(count: number): Promise<void> {
  const enough = load.totals().timestamps + count;
  await expect.poll(() => load.totals().timestamps >= enough, { timeout: 20_000, interval: 10 }).toBe(true);
}

/** Lets `old` be replaced while `fault` lasts, and serves the clients for a while before and after its end. */
async function replaced(old: LinkedNode, fault: { begin(): void; end(): void }): Promise<void> {
  fault.begin();
  await cluster.leaderOtherThan(old);
  await granted(100);
  fault.end();
  await granted(100);
  await cluster.follows(old);
}

describe('a leader that is replaced while its clients still reach it', () => {
  test('stopped with SIGSTOP, going on when another one serves: nobody receives a lower timestamp', async () => {
    await startUnderLoad(LEASE_MS);
    for (let round = 0; round < 5; round++) {
      const old = await cluster.leaderOtherThan(undefined);
      await replaced(old, {
        begin: () => old.process.signal('SIGSTOP'),
        end: () => old.process.signal('SIGCONT'),
      });
      expect(load.totals()).toMatchObject({ violations: 0 });
    }
  });

  test('stopped and cut off from its peers, going on without news of them: nobody receives a lower timestamp', async () => {
    await startUnderLoad(LEASE_MS);
    for (let round = 0; round < 3; round++) {
      const old = await cluster.leaderOtherThan(undefined);
      cluster.cutOff(old);
      old.process.signal('SIGSTOP');
      await cluster.leaderOtherThan(old);
      await granted(100);
      old.process.signal('SIGCONT');
      await granted(100);
      cluster.heal(old);
      await cluster.follows(old);
      expect(load.totals()).toMatchObject({ violations: 0 });
    }
  });

  test('cut off from its peers only: nobody receives a lower timestamp', async () => {
    await startUnderLoad(LEASE_MS);
    for (let round = 0; round < 3; round++) {
      const old = await cluster.leaderOtherThan(undefined);
      await replaced(old, { begin: () => cluster.cutOff(old), end: () => cluster.heal(old) });
      expect(load.totals()).toMatchObject({ violations: 0 });
    }
  });

  test('cut off from its peers in a cluster without leases: lower timestamps are granted, and seen', async () => {
    await startUnderLoad(0);
    const old = await cluster.leaderOtherThan(undefined);
    cluster.cutOff(old);
    await expect.poll(() => load.totals().violations, { timeout: 20_000, interval: 10 }).toBeGreaterThan(0);
  });
});
