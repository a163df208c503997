// Runs a cluster of three under strace, and checks on its system calls that nothing is claimed before it is
// on stable storage. Run it: npm run verify:fsync
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { highWaterCommandCodec, highWaterSnapshotCodec } from '../../src/high-water/index.js';
import { initDataDirectory } from '../../src/storage/index.js';
import { freePorts } from '../support/free-ports.js';
import { ClaimChecker, type TraceReport } from './claims.js';
import { traceEvents } from './trace-events.js';

const NODES = [1, 2, 3];
const ROUNDS = 30;
const TOGETHER = 64;
/** How long the cluster is left alone after the load, and how much of that must be without a sync, in ms. */
const IDLE_MS = 5_000;
const QUIET_MS = 4_000;
const LOAD_TIMEOUT_MS = 120_000;
/** Longer than every write that is not one of zeroes. */
const STRING_BYTES = 200_000;
const TRACED = 'trace=pwrite64,write,writev,fdatasync,fsync';
const NODE_FILE = fileURLToPath(new URL('./traced-node.mjs', import.meta.url));

interface Traced {
  readonly nodeId: number;
  readonly dataDir: string;
  readonly traceFile: string;
  readonly process: ChildProcess;
}

/** A line of the table. */
interface NodeTotals {
  readonly node: number;
  readonly prepares: number;
  readonly promises: number;
  readonly accepteds: number;
  readonly violations: number;
  readonly records: number;
  readonly syncs: number;
  readonly idleSyncs: number;
}

async function main(): Promise<void> {
  const strace = spawnSync('strace', ['--version']);
  if (strace.error !== undefined) {
    process.stderr.write('strace is not there: install it (on Debian: apt-get install strace)\n');
    process.exitCode = 2;
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-fsync-'));
  try {
    const ports = await freePorts(NODES.length);
    const nodes = await Promise.all(NODES.map((nodeId) => start(folder, nodeId, ports)));
    process.stderr.write(
      `three nodes run under strace, ${ROUNDS * TOGETHER} advances, ${TOGETHER} at a time\n`,
    );
    await untilLoaded(nodes);
    process.stderr.write('nobody asks for anything any more\n');
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const idleUntil = Date.now() / 1_000;
    await Promise.all(nodes.map(stop));
    const totals: NodeTotals[] = [];
    for (const node of nodes) {
      const report = await analyse(node, new Set(ports));
      for (const violation of report.violations) process.stderr.write(`node ${node.nodeId}: ${violation}\n`);
      totals.push(totalsOf(node.nodeId, report, idleUntil));
    }
    print(totals);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function start(folder: string, nodeId: number, ports: readonly number[]): Promise<Traced> {
  const dataDir = join(folder, `node-${nodeId}`);
  const traceFile = join(folder, `trace-${nodeId}`);
  const addresses = new Map(NODES.map((id, index) => [id, `127.0.0.1:${ports[index] ?? 0}`]));
  await initDataDirectory({
    dataDir,
    clusterId: 'fsync',
    nodeId,
    config: { configId: 1, nodes: NODES, leaseMs: 1_000, maxClockDrift: 0.01 },
    peerAddresses: addresses,
  });
  const tracing = ['-f', '-ttt', '-yy', '-xx', '-s', String(STRING_BYTES), '-e', TRACED, '-o', traceFile];
  const load = [String(ROUNDS), String(TOGETHER)];
  const args = [...tracing, process.execPath, NODE_FILE, dataDir, addresses.get(nodeId) ?? '', ...load];
  const child = spawn('strace', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return { nodeId, dataDir, traceFile, process: child };
}

async function untilLoaded(nodes: readonly Traced[]): Promise<void> {
  const loaded = nodes.map(async ({ process: child }) => {
    if (child.stdout !== null) await once(child.stdout, 'data');
  });
  const exited = nodes.map(async ({ nodeId, process: child }) => {
    const [code] = await once(child, 'exit');
    throw new Error(`node ${nodeId} has ended with ${String(code)}`);
  });
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not loaded within ${LOAD_TIMEOUT_MS} ms`)), LOAD_TIMEOUT_MS);
  });
  for (const exit of exited) exit.catch(() => {});
  await Promise.race([...loaded, ...exited, timeout]).finally(() => clearTimeout(timer));
}

async function stop({ process: child }: Traced): Promise<void> {
  const exited = once(child, 'exit');
  child.stdin?.end();
  await exited;
}

async function analyse({ dataDir, traceFile }: Traced, peerPorts: ReadonlySet<number>): Promise<TraceReport> {
  const checker = new ClaimChecker({
    identity: await readFile(join(dataDir, 'identity')),
    peerPorts,
    codecs: { entry: highWaterCommandCodec, snapshot: highWaterSnapshotCodec },
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(traceFile) })) lines.push(line);
  for (const event of traceEvents(lines)) await checker.see(event);
  return await checker.report();
}

function totalsOf(node: number, report: TraceReport, idleUntil: number): NodeTotals {
  const { acceptedIdx, claims, syncs, violations } = report;
  const quiet = syncs.filter((at) => at > idleUntil - QUIET_MS / 1_000 && at < idleUntil);
  return {
    node,
    prepares: claims['prepare'] ?? 0,
    promises: claims['promise'] ?? 0,
    accepteds: claims['accepted'] ?? 0,
    violations: violations.length,
    records: acceptedIdx,
    syncs: syncs.length,
    idleSyncs: quiet.length,
  };
}

function print(totals: readonly NodeTotals[]): void {
  const columns = [
    'node',
    'prepares',
    'promises',
    'accepteds',
    'violations',
    'records',
    'syncs',
    'idleSyncs',
  ] as const;
  process.stdout.write(`${columns.map((column) => column.padStart(10)).join(' ')}\n`);
  for (const line of totals)
    process.stdout.write(`${columns.map((column) => String(line[column]).padStart(10)).join(' ')}\n`);
  const sum = (column: keyof NodeTotals): number => totals.reduce((total, line) => total + line[column], 0);
  const claims = sum('prepares') + sum('promises') + sum('accepteds');
  const violations = sum('violations');
  const recordsPerSync = Number((sum('records') / Math.max(1, sum('syncs'))).toFixed(1));
  const idleSyncs = sum('idleSyncs');
  // One sync serves all that gathered meanwhile: with so many at a time there must be many more records than syncs.
  const ok =
    violations === 0 &&
    idleSyncs === 0 &&
    sum('prepares') > 0 &&
    sum('promises') > 0 &&
    sum('accepteds') > 0 &&
    recordsPerSync > 2;
  process.stdout.write(
    `${JSON.stringify({ ok, claims, violations, records: sum('records'), syncs: sum('syncs'), recordsPerSync, idleSyncs })}\n`,
  );
  process.exitCode = ok ? 0 : 1;
}

await main();
