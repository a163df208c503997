import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { parseStatusLine } from '../../src/cli/serve/status-line.js';
import { systemRandom } from '../../src/runtime/index.js';
import { type CliProcess, CliProcesses, nobodyListens } from './cli-process.js';

const processes = new CliProcesses();
let directory: string;
let dataDir: string;
let peerAddress: string;
let clientEndpoint: string;
const ports = new ClusterPorts(systemRandom);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tsoracle-system-'));
  dataDir = join(directory, 'node');
  const [peerPort, clientPort] = await ports.takePorts(2);
  peerAddress = `127.0.0.1:${peerPort}`;
  clientEndpoint = `127.0.0.1:${clientPort}`;
});

afterEach(async () => {
  await processes.destroyAll();
  await rm(directory, { recursive: true, force: true });
});

afterAll(() => ports[Symbol.asyncDispose]());

const initArgs = () => [
  'init',
  '--data-dir',
  dataDir,
  '--cluster-id',
  'test',
  '--node-id',
  '1',
  '--peers',
  `1=${peerAddress}`,
];

/** Starts the node and waits until it serves. */
async function serve(): Promise<CliProcess> {
  const node = processes.start([
    ...['serve', 'paxos', '--data-dir', dataDir, '--peer-listen', peerAddress],
    ...['--listen', clientEndpoint, '--advertise', clientEndpoint, '--status-json'],
  ]);
  await node.line(/"role":"leader"/);
  return node;
}

async function getOne(): Promise<bigint> {
  const { code, out, transcript } = await processes.run(['get', '--endpoints', clientEndpoint]);
  expect(code, transcript).toBe(0);
  expect(out).toHaveLength(1);
  return BigInt(out[0] ?? '');
}

describe('one node by hand', () => {
  test('init, serve, get, stopped and killed and started again, timestamps only rise', async () => {
    expect((await processes.run(initArgs())).code).toBe(0);
    const first = await serve();
    const before = await getOne();
    first.signal('SIGTERM');
    expect(await first.exit(), first.transcript()).toBe(0);
    await nobodyListens([clientEndpoint, peerAddress]);

    const second = await serve();
    const between = await getOne();
    expect(between).toBeGreaterThan(before);
    await second.destroy();

    const third = await serve();
    expect(await getOne()).toBeGreaterThan(between);
    third.signal('SIGINT');
    expect(await third.exit(), third.transcript()).toBe(0);
    const incarnations = [first, second, third].map(({ out }) => parseStatusLine(out[0] ?? '')?.incarnation);
    expect(incarnations).toEqual([1, 2, 3]);
  });

  test('get with a count, prints that many consecutive timestamps', async () => {
    await processes.run(initArgs());
    await serve();
    const { out } = await processes.run(['get', '--count', '5', '--endpoints', clientEndpoint]);
    const timestamps = out.map(BigInt);
    const [first = 0n] = timestamps;
    expect(timestamps).toEqual([first, first + 1n, first + 2n, first + 3n, first + 4n]);
    expect(await getOne()).toBeGreaterThan(first + 4n);
  });

  test('every line of the status, is of the documented form', async () => {
    await processes.run(initArgs());
    const node = await serve();
    await expect.poll(() => node.out.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
    node.signal('SIGTERM');
    await node.exit();
    for (const line of node.out)
      expect(parseStatusLine(line), line).toMatchObject({ nodeId: 1, clientEndpoint });
  });

  test('flags from the environment, do as well', async () => {
    const { code } = await processes.run(['init', '--node-id', '1'], {
      TSORACLE_DATA_DIR: dataDir,
      TSORACLE_CLUSTER_ID: 'test',
      TSORACLE_PEERS: `1=${peerAddress}`,
    });
    expect(code).toBe(0);
    await serve();
  });

  test('init on an existing directory, is refused and changes nothing', async () => {
    await processes.run(initArgs());
    const files = await readdir(dataDir);
    const contents = await Promise.all(files.map((file) => readFile(join(dataDir, file))));
    const { code, err } = await processes.run(initArgs());
    expect(code).not.toBe(0);
    expect(err.join('\n')).toContain(dataDir);
    expect(await readdir(dataDir)).toEqual(files);
    expect(await Promise.all(files.map((file) => readFile(join(dataDir, file))))).toEqual(contents);
  });

  test('serve on a directory without init, is refused and creates nothing', async () => {
    const args = ['--data-dir', dataDir, '--peer-listen', peerAddress, '--listen', clientEndpoint];
    const { code, err } = await processes.run(['serve', 'paxos', ...args, '--advertise', clientEndpoint]);
    expect(code).not.toBe(0);
    expect(err.join('\n')).toContain(dataDir);
    expect(err.join('\n')).toContain('Make one with init');
    expect(await readdir(directory)).toEqual([]);
  });

  test('a second process on one directory, is refused and the first one serves on', async () => {
    // S11
    await processes.run(initArgs());
    await serve();
    const [otherPeer, otherClient] = await ports.takePorts(2);
    const { code, err } = await processes.run([
      ...['serve', 'paxos', '--data-dir', dataDir, '--peer-listen', `127.0.0.1:${otherPeer}`],
      ...['--listen', `127.0.0.1:${otherClient}`, '--advertise', `127.0.0.1:${otherClient}`],
    ]);
    expect(code).toBe(1);
    expect(err.join('\n')).toContain(dataDir);
    await getOne();
  });

  test('get with nobody there, fails within its time and says whom it asked', async () => {
    const { code, err } = await processes.run(['get', '--timeout', '1', '--endpoints', clientEndpoint]);
    expect(code).toBe(1);
    expect(err.join('\n')).toContain(clientEndpoint);
  });
});
