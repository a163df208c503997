// How a data directory, memory and the time to open grow with the number of decided entries. Run it: npm run bench:growth
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { arch, cpus, platform, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Epoch, initDataDirectory, StandaloneHost } from '../../src/index.js';

const TOGETHER = 512;
const OPENINGS = 11;
/** So many before these are not counted: the first ones of a process are slower, whatever is opened. */
const WARM_UPS = 10;
const CHECKPOINTS = [10_000, 100_000, 250_000, 500_000, 750_000, 1_000_000];

interface Checkpoint {
  readonly entries: number;
  readonly directoryBytes: number;
  /** After a garbage collection: objects, and what lies outside of the heap (buffers). */
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly rssBytes: number;
  /** From the call to a host that runs. */
  readonly reopenMs: { readonly p50: number; readonly p90: number; readonly max: number };
  readonly callsPerSecond: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, entries: { type: 'string' } } });
  const last = Number(values.entries ?? 1_000_000);
  if (!(Number.isSafeInteger(last) && last >= 1_000))
    throw new RangeError(`--entries: must be a whole number from 1000, received ${values.entries}`);
  if (globalThis.gc === undefined)
    throw new Error('run it with node --expose-gc, as npm run bench:growth does');
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-growth-'));
  const dataDir = join(folder, 'node-1');
  try {
    await initDataDirectory({
      dataDir,
      clusterId: 'growth',
      nodeId: 1,
      config: { configId: 1, nodes: [1], leaseMs: 250, maxClockDrift: 0.01 },
      peerAddresses: new Map(),
    });
    const reached: Checkpoint[] = [];
    let entries = 0;
    for (const target of [...CHECKPOINTS.filter((checkpoint) => checkpoint < last), last]) {
      const checkpoint = await advance(dataDir, entries, target);
      entries = target;
      reached.push(checkpoint);
      process.stderr.write(`${target.toLocaleString('en')} entries\n`);
    }
    print(reached, values.json === true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Opens the node, makes advances until so many have been decided in all, and looks at what is there. */
async function advance(dataDir: string, from: number, to: number): Promise<Checkpoint> {
  let memory = process.memoryUsage();
  let seconds = 0;
  {
    await using host = await open(dataDir);
    const epoch = await leaderEpoch(host);
    const beganMs = performance.now();
    let next = from;
    const loop = async (): Promise<void> => {
      while (next < to) {
        next += 1;
        await host.driver.persistHighWater(next, epoch);
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, loop));
    seconds = (performance.now() - beganMs) / 1_000;
    globalThis.gc?.();
    memory = process.memoryUsage();
  }
  const directoryBytes = await bytesIn(dataDir);
  const reopenings: number[] = [];
  for (let i = -WARM_UPS; i < OPENINGS; i++) {
    const beganMs = performance.now();
    await using _host = await open(dataDir);
    if (i >= 0) reopenings.push(performance.now() - beganMs);
  }
  return {
    entries: to,
    directoryBytes,
    heapBytes: memory.heapUsed,
    externalBytes: memory.external,
    rssBytes: memory.rss,
    reopenMs: {
      p50: percentile(reopenings, 0.5),
      p90: percentile(reopenings, 0.9),
      max: Math.max(...reopenings),
    },
    callsPerSecond: (to - from) / seconds,
  };
}

function open(dataDir: string): Promise<StandaloneHost> {
  return StandaloneHost.open({ dataDir, peerListen: '127.0.0.1:0' });
}

async function leaderEpoch(host: StandaloneHost): Promise<Epoch> {
  for await (const state of host.driver.leadershipEvents()) if (state.role === 'leader') return state.epoch;
  throw new Error('the node has ended');
}

async function bytesIn(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The smallest value that so large a part of them is at or below. */
function percentile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? 0;
}

function print(reached: readonly Checkpoint[], json: boolean): void {
  const [first, last] = [reached[0], reached.at(-1)];
  if (first === undefined || last === undefined) return;
  const lines = reached.map((checkpoint) => [
    checkpoint.entries.toLocaleString('en'),
    checkpoint.directoryBytes.toLocaleString('en'),
    checkpoint.heapBytes.toLocaleString('en'),
    checkpoint.externalBytes.toLocaleString('en'),
    checkpoint.rssBytes.toLocaleString('en'),
    checkpoint.reopenMs.p50.toFixed(1),
    checkpoint.reopenMs.p90.toFixed(1),
    checkpoint.reopenMs.max.toFixed(1),
    Math.round(checkpoint.callsPerSecond).toLocaleString('en'),
  ]);
  const out = json ? process.stderr : process.stdout;
  const machine = `${platform()} ${release()} ${arch()}, ${cpus().length} x ${cpus()[0]?.model ?? '?'}`;
  out.write(`node ${process.version}, ${machine}; ${OPENINGS} openings each\n`);
  const heading = ['entries', 'directory B', 'heap B', 'external B', 'rss B'];
  for (const line of [[...heading, 'reopen p50 ms', 'p90', 'max', 'advances/s'], ...lines])
    out.write(`${line.map((cell) => cell.padStart(14)).join('')}\n`);
  const ratio = (a: number, b: number): number => Number((a / b).toFixed(2));
  const ratios = {
    directory: ratio(last.directoryBytes, first.directoryBytes),
    heap: ratio(last.heapBytes, first.heapBytes),
    rss: ratio(last.rssBytes, first.rssBytes),
    reopen: ratio(last.reopenMs.p50, first.reopenMs.p50),
  };
  out.write(
    `after ${last.entries.toLocaleString('en')} in relation to ${first.entries.toLocaleString('en')}: ${JSON.stringify(ratios)}\n`,
  );
  if (!json) return;
  const summary = { checkpoints: reached, ratios, openings: OPENINGS, node: process.version, machine };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}

await main();
