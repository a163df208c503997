import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { systemRandom } from '../../src/runtime/index.js';
import { type CliProcess, CliProcesses } from './cli-process.js';

const processes = new CliProcesses();
const ports = new ClusterPorts(systemRandom);
let directory: string;
let addresses: readonly string[];
let clients: readonly string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tsoracle-operations-'));
  const taken = (await ports.takePorts(6)).map((port) => `127.0.0.1:${port}`);
  addresses = taken.slice(0, 3);
  clients = taken.slice(3);
});

afterEach(async () => {
  await processes.destroyAll();
  await rm(directory, { recursive: true, force: true });
});

afterAll(() => ports[Symbol.asyncDispose]());

const dataDirOf = (name: string): string => join(directory, name);

async function run(...args: string[]): Promise<readonly string[]> {
  const { code, out, transcript } = await processes.run(args);
  expect(code, transcript).toBe(0);
  return out;
}

function initArgs(dataDir: string, clusterId: string, nodeId: number, ...more: string[]): string[] {
  const peers = addresses.map((address, index) => `${index + 1}=${address}`).join(',');
  return [
    ...['init', '--data-dir', dataDir, '--cluster-id', clusterId, '--node-id', String(nodeId)],
    ...['--peers', peers, ...more],
  ];
}

function serve(dataDir: string, nodeId: number): CliProcess {
  const client = clients[nodeId - 1] ?? '';
  return processes.start([
    ...['serve', 'paxos', '--data-dir', dataDir, '--peer-listen', addresses[nodeId - 1] ?? ''],
    ...['--listen', client, '--advertise', client, '--status-json'],
  ]);
}

/** One timestamp's time, in ms. */
async function getOne(...endpoints: readonly string[]): Promise<number> {
  const [line = ''] = await run('get', '--endpoints', endpoints.join(','), '--timeout', '20');
  return Number(BigInt(line) >> 18n);
}

/** What is in each file of a directory. */
async function digestsIn(dataDir: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const name of await readdir(dataDir)) {
    digests[name] = createHash('sha256')
      .update(await readFile(join(dataDir, name)))
      .digest('hex');
  }
  return digests;
}

describe('a cluster that goes on after another oracle', () => {
  test('init with a seed on every node: its first timestamp lies above it, and a node without it is refused', async () => {
    const seedMs = Date.now() + 3_600_000;
    for (const nodeId of [1, 2]) {
      const out = await run(
        ...initArgs(dataDirOf(`seeded-${nodeId}`), 'next', nodeId, '--seed-physical-ms', String(seedMs)),
      );
      expect(out.join('\n')).toContain(`--seed-physical-ms ${seedMs}`);
    }
    await run(...initArgs(dataDirOf('plain-3'), 'next', 3));
    const nodes = [
      serve(dataDirOf('seeded-1'), 1),
      serve(dataDirOf('seeded-2'), 2),
      serve(dataDirOf('plain-3'), 3),
    ];
    expect(await getOne(...clients)).toBeGreaterThan(seedMs);
    await nodes[2]?.line(/belongs to cluster/, 'err');
  });

  test('a majority is lost: a new cluster from what is left grants timestamps above all that were granted', async () => {
    for (const nodeId of [1, 2, 3]) await run(...initArgs(dataDirOf(`old-${nodeId}`), 'old', nodeId));
    const old = [1, 2, 3].map((nodeId) => serve(dataDirOf(`old-${nodeId}`), nodeId));
    const grantedMs = await getOne(...clients);
    for (const node of old) await node.destroy();
    await rm(dataDirOf('old-1'), { recursive: true });
    await rm(dataDirOf('old-2'), { recursive: true });

    const survivor = [
      '--recover-from',
      dataDirOf('old-3'),
      '--seed-physical-ms',
      String(Date.now() + 10_000),
    ];
    const refused = await processes.run(initArgs(dataDirOf('new-1'), 'old', 1, ...survivor));
    expect([refused.code, refused.err.join('\n')]).toEqual([2, expect.stringContaining('--cluster-id')]);
    const [, told = ''] = await run(...initArgs(dataDirOf('new-1'), 'new', 1, ...survivor));
    const [, seedMs = ''] = /--seed-physical-ms (\d+)/.exec(told) ?? [];
    for (const nodeId of [2, 3]) {
      await run(...initArgs(dataDirOf(`new-${nodeId}`), 'new', nodeId, '--seed-physical-ms', seedMs));
    }
    for (const nodeId of [1, 2, 3]) serve(dataDirOf(`new-${nodeId}`), nodeId);
    const firstMs = await getOne(...clients);
    expect(firstMs).toBeGreaterThan(grantedMs);
    expect(firstMs).toBeGreaterThan(Number(seedMs));
  });
});

describe('inspect', () => {
  test('tells what a directory holds, while its node runs and after, and changes nothing', async () => {
    const dataDir = dataDirOf('node');
    const [peer = ''] = addresses;
    const [client = ''] = clients;
    await run('init', '--data-dir', dataDir, '--cluster-id', 'c', '--node-id', '1', '--peers', `1=${peer}`);
    const node = serve(dataDir, 1);
    await node.line(/"role":"leader"/);
    await getOne(client);
    const [line = ''] = await run('inspect', '--data-dir', dataDir, '--json');
    expect(JSON.parse(line)).toMatchObject({ openedByPid: node.pid, clusterId: 'c', incarnation: 1 });
    node.signal('SIGTERM');
    await node.exit();
    const before = await digestsIn(dataDir);
    const [after = ''] = await run('inspect', '--data-dir', dataDir, '--json');
    expect(JSON.parse(after)).toMatchObject({
      nodeId: 1,
      openedByPid: null,
      refused: null,
      promise: '1.1.0.1',
      compactedIdx: 0,
      config: { configId: 1, nodes: [1] },
    });
    expect(JSON.parse(after)['highestAdvance']).toBeGreaterThan(Date.now() - 60_000);
    expect((await run('inspect', '--data-dir', dataDir)).join('\n')).toMatch(/^promise +1\.1\.0\.1$/m);
    expect(await digestsIn(dataDir)).toEqual(before);
  });

  test('a directory that is none: refused, naming it and what to do', async () => {
    const { code, err } = await processes.run(['inspect', '--data-dir', directory]);
    expect(code).toBe(1);
    expect(err.join('\n')).toContain(directory);
  });
});

describe('an oracle of one process', () => {
  test('init file, serve file; stopped, killed, started again: timestamps only rise, above the seed from the first on', async () => {
    const dataDir = dataDirOf('file');
    const [client = ''] = clients;
    const seedMs = Date.now() + 3_600_000;
    await run('init', 'file', '--data-dir', dataDir, '--seed-physical-ms', String(seedMs));
    const granted: number[] = [seedMs];
    for (const end of ['SIGTERM', 'SIGKILL', 'SIGINT'] as const) {
      const oracle = processes.start(['serve', 'file', '--data-dir', dataDir, '--listen', client]);
      await oracle.line(/the oracle is ready/, 'err');
      granted.push(await getOne(client));
      const second = await processes.run([
        'serve',
        'file',
        '--data-dir',
        dataDir,
        '--listen',
        addresses[0] ?? '',
      ]);
      expect(second.err.join('\n')).toMatch(/in use|locked|process/);
      expect(second.code).toBe(1);
      oracle.signal(end);
      expect(await oracle.exit()).toBe(end === 'SIGKILL' ? 'SIGKILL' : 0);
    }
    expect(granted).toEqual([...granted].sort((a, b) => a - b));
    expect(new Set(granted).size).toBe(granted.length);
  });
});
