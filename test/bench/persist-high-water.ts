// How long `persistHighWater` takes on the leader of three processes, each with its own journal. Run it: npm run bench:persist
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { arch, cpus, platform, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { ConsensusError, type Epoch, initDataDirectory, StandaloneHost } from '../../src/index.js';
import { freePorts } from '../support/free-ports.js';

const WARM_UP_CALLS = 300;
const CALLS = 3_000;
const CONCURRENCIES = [1, 64];

interface Measurement {
  readonly concurrency: number;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** One of the three processes: opens its node, and measures if it leads. */
async function runNode(dataDir: string, peerListen: string): Promise<void> {
  await using host = await StandaloneHost.open({ dataDir, peerListen });
  const ended = new Promise<void>((resolve) => process.once('disconnect', resolve));
  void measureWhenLeading(host);
  await ended;
}

async function measureWhenLeading(host: StandaloneHost): Promise<void> {
  for await (const state of host.driver.leadershipEvents()) {
    if (state.role !== 'leader') continue;
    const results: Measurement[] = [];
    let next = await host.driver.loadHighWater();
    for (const concurrency of CONCURRENCIES) {
      next = (await measure(host, state.epoch, next, WARM_UP_CALLS, concurrency)).next;
      const measured = await measure(host, state.epoch, next, CALLS, concurrency);
      next = measured.next;
      results.push(measured.result);
    }
    process.send?.(results);
    return;
  }
}

async function measure(host: StandaloneHost, epoch: Epoch, from: number, calls: number, concurrency: number) {
  const histogram = createHistogram();
  let next = from;
  let begun = 0;
  const loop = async (): Promise<void> => {
    while (begun < calls) {
      begun += 1;
      next += 1;
      const beganMs = performance.now();
      await host.driver.persistHighWater(next, epoch).catch((error: unknown) => {
        throw ConsensusError.is(error)
          ? new Error(`leadership was lost: run it again (${error.message})`)
          : error;
      });
      histogram.record(Math.max(1, Math.round((performance.now() - beganMs) * 1_000)));
    }
  };
  const beganMs = performance.now();
  await Promise.all(Array.from({ length: concurrency }, loop));
  const seconds = (performance.now() - beganMs) / 1_000;
  const ms = (microseconds: number): number => microseconds / 1_000;
  const result: Measurement = {
    concurrency,
    calls,
    callsPerSecond: Math.round(calls / seconds),
    p50Ms: ms(histogram.percentile(50)),
    p99Ms: ms(histogram.percentile(99)),
    maxMs: ms(histogram.max),
  };
  return { next, result };
}

async function runAll(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-bench-'));
  const nodes = [1, 2, 3];
  const addresses = new Map<number, string>();
  const ports = await freePorts(nodes.length);
  for (const [index, node] of nodes.entries()) addresses.set(node, `127.0.0.1:${ports[index]}`);
  for (const nodeId of nodes) {
    const config = { configId: 1, nodes, leaseMs: 250, maxClockDrift: 0.01 };
    await initDataDirectory({
      dataDir: join(folder, `node-${nodeId}`),
      clusterId: 'bench',
      nodeId,
      config,
      peerAddresses: addresses,
    });
  }
  const children = nodes.map((node) =>
    fork(import.meta.filename, ['node', join(folder, `node-${node}`), addresses.get(node) ?? ''], {
      execArgv: ['--import', 'tsx'],
    }),
  );
  try {
    const results = await new Promise<Measurement[]>((resolve, reject) => {
      for (const child of children) {
        child.once('message', (message) => resolve(message as Measurement[])); // What runNode sends, and nothing else.
        child.once('error', reject);
        child.once('exit', (code) => reject(new Error(`a node has ended with ${code}`)));
      }
    });
    const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'cpu'}, ${platform()} ${release()} ${arch()}, Node ${process.versions.node}`;
    for (const { concurrency, callsPerSecond, p50Ms, p99Ms, maxMs } of results) {
      process.stderr.write(
        `${String(concurrency).padStart(3)} at a time: p50 ${p50Ms.toFixed(3)} ms, p99 ${p99Ms.toFixed(3)} ms, max ${maxMs.toFixed(3)} ms, ${callsPerSecond} calls/s\n`,
      );
    }
    process.stdout.write(`${JSON.stringify({ bench: 'persistHighWater', nodes: 3, machine, results })}\n`);
  } finally {
    await Promise.all(
      children.map((child) => {
        if (child.exitCode !== null) return undefined;
        const exited = new Promise((resolve) => child.once('exit', resolve));
        child.removeAllListeners('message');
        child.disconnect();
        return exited;
      }),
    );
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === 'node') await runNode(process.argv[3] ?? '', process.argv[4] ?? '');
else await runAll();
