// How long clients wait when the leader's process is killed, and when it is stopped on purpose, with and
// without leases. Run it: npm run bench:failover
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { arch, cpus, loadavg, platform, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { parseStatusLine } from '../../src/cli/serve/status-line.js';
import { TsoClient } from '../../src/client/index.js';
import { initDataDirectory } from '../../src/index.js';
import { freePorts } from '../support/free-ports.js';

const MAIN = join(import.meta.dirname, '../../dist/cli/main.js');
const NODES = [1, 2, 3];
const LEASES_MS = [0, 250];
const SIGNALS = ['SIGKILL', 'SIGTERM'] as const;
const SERVING_WITHIN_MS = 30_000;

interface Place {
  readonly nodeId: number;
  readonly dataDir: string;
  readonly peerListen: string;
  readonly clientEndpoint: string;
}

interface RunningNode {
  readonly place: Place;
  readonly process: ChildProcess;
  role: string;
}

/** Three processes of the command line that was built, and a client that asks all the time. */
class BenchCluster {
  readonly leaseMs: number;
  readonly #nodes = new Map<number, RunningNode>();
  readonly #client: TsoClient;
  #grants = 0;
  #ended = false;
  readonly #asking: Promise<void>;

  static async start(folder: string, leaseMs: number): Promise<BenchCluster> {
    const ports = await freePorts(2 * NODES.length);
    const portOf = (index: number): string => `127.0.0.1:${ports[index] ?? 0}`;
    const places = NODES.map((nodeId, index) => ({
      nodeId,
      dataDir: join(folder, `lease-${leaseMs}-node-${nodeId}`),
      peerListen: portOf(index),
      clientEndpoint: portOf(NODES.length + index),
    }));
    const peerAddresses = new Map(places.map(({ nodeId, peerListen }) => [nodeId, peerListen]));
    const config = { configId: 1, nodes: NODES, leaseMs, maxClockDrift: 0.01 };
    for (const { nodeId, dataDir } of places)
      await initDataDirectory({ dataDir, clusterId: 'bench', nodeId, config, peerAddresses });
    const cluster = new BenchCluster(leaseMs, places);
    await cluster.#granted();
    return cluster;
  }

  private constructor(leaseMs: number, places: readonly Place[]) {
    this.leaseMs = leaseMs;
    for (const place of places) this.#serve(place);
    this.#client = new TsoClient({ endpoints: places.map(({ clientEndpoint }) => clientEndpoint) });
    this.#asking = this.#ask();
  }

  /** Ends the leader by `signal`, and returns how long it took until the next timestamp arrived, in ms. The node is up again then. */
  async gap(signal: (typeof SIGNALS)[number]): Promise<number> {
    await until(() =>
      [...this.#nodes.values()].every(({ role }) => role === 'leader' || role === 'follower'),
    );
    const leader = [...this.#nodes.values()].find(({ role }) => role === 'leader');
    if (leader === undefined) return this.gap(signal);
    const exited = once(leader.process, 'exit');
    const beganMs = performance.now();
    leader.process.kill(signal);
    // A planned stop grants on until it has handed over: what counts is the longest time without a timestamp.
    let longestMs = 0;
    let lastMs = beganMs;
    let hasExited = false;
    void exited.then(() => {
      hasExited = true;
    });
    while (!hasExited || performance.now() - beganMs < 100) {
      await this.#granted();
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    }
    this.#serve(leader.place);
    await this.#granted();
    return longestMs;
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#asking;
    await this.#client.close();
    for (const { process } of this.#nodes.values()) {
      const exited = once(process, 'exit');
      process.kill('SIGKILL');
      await exited;
    }
  }

  #serve(place: Place): void {
    const { nodeId, dataDir, peerListen, clientEndpoint } = place;
    const args = ['serve', 'paxos', '--data-dir', dataDir, '--peer-listen', peerListen];
    args.push(
      '--listen',
      clientEndpoint,
      '--advertise',
      clientEndpoint,
      '--status-json',
      '--log-level',
      'error',
    );
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const node: RunningNode = { place, process: child, role: 'starting' };
    this.#nodes.set(nodeId, node);
    createInterface({ input: child.stdout }).on('line', (line) => {
      node.role = parseStatusLine(line)?.role ?? node.role;
    });
  }

  /** The next timestamp that arrives. */
  async #granted(): Promise<void> {
    const before = this.#grants;
    await until(() => this.#grants > before);
  }

  async #ask(): Promise<void> {
    while (!this.#ended) {
      try {
        await this.#client.getTimestamp();
        this.#grants += 1;
      } catch {
        // Nobody serves at this moment: the time without a timestamp is what is measured.
      }
    }
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + SERVING_WITHIN_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`nothing has come within ${SERVING_WITHIN_MS} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, json: { type: 'boolean', default: false } },
});
const rounds = Number(values.rounds);
const folder = await mkdtemp(join(tmpdir(), 'tsoracle-failover-'));
const clusters: BenchCluster[] = [];
const gaps = new Map<string, number[]>();
try {
  for (const leaseMs of LEASES_MS) clusters.push(await BenchCluster.start(folder, leaseMs));
  // In turns, so that what else the machine does falls on both.
  for (let round = 0; round < rounds; round++) {
    for (const signal of SIGNALS) {
      for (const cluster of clusters) {
        const key = `${signal}, lease ${cluster.leaseMs} ms`;
        const gapMs = await cluster.gap(signal);
        gaps.set(key, [...(gaps.get(key) ?? []), gapMs]);
        if (process.stderr.isTTY) process.stderr.write(`\r${key}: ${Math.round(gapMs)} ms   `);
      }
    }
  }
} finally {
  for (const cluster of clusters) await cluster.stop();
  await rm(folder, { recursive: true, force: true });
}

const results = [...gaps].map(([what, unsorted]) => {
  const sorted = unsorted.toSorted((a, b) => a - b);
  return {
    what,
    rounds,
    p50Ms: percentile(sorted, 0.5),
    p90Ms: percentile(sorted, 0.9),
    maxMs: percentile(sorted, 1),
  };
});
const p50Of = (signal: string, leaseMs: number): number =>
  results.find(({ what }) => what === `${signal}, lease ${leaseMs} ms`)?.p50Ms ?? 0;
/** What the lease costs: both were measured in turns, in this run. */
const costs = SIGNALS.map((signal) => {
  const [without, with250] = LEASES_MS.map((leaseMs) => p50Of(signal, leaseMs));
  const ms = (with250 ?? 0) - (without ?? 0);
  return { signal, ms, ratio: Math.round((100 * (with250 ?? 0)) / (without || 1)) / 100 };
});
const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${platform()} ${release()} ${arch()}, Node ${process.version}`;
// Above the number of cores, the figures tell more of the machine than of the cluster.
const loadAverage = Math.round(10 * (loadavg()[0] ?? 0)) / 10;
if (values.json) process.stdout.write(`${JSON.stringify({ machine, loadAverage, results, costs })}\n`);
else {
  process.stdout.write(
    `the longest time without a timestamp when the leader is killed, or stopped on purpose; ${machine}, load ${loadAverage}\n`,
  );
  for (const { what, p50Ms, p90Ms, maxMs } of results)
    process.stdout.write(`${what.padEnd(24)} p50 ${p50Ms} ms  p90 ${p90Ms} ms  max ${maxMs} ms\n`);
  for (const { signal, ms, ratio } of costs)
    process.stdout.write(`${signal}: the lease costs ${ms} ms at the median, ${ratio} times as long\n`);
}
