import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inspectDirectory } from '../../src/cli/inspect-directory.js';
import { FileDriver, initFileDriver } from '../../src/driver/index.js';
import { initDataDirectory, openJournal } from '../../src/storage/index.js';
import { testCodecs } from '../codec/test-codecs.js';

const config = { configId: 1, nodes: [1], leaseMs: 250, maxClockDrift: 0.01 };
let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tsoracle-inspect-'));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function inspect(path = dataDir): Promise<Record<string, unknown>> {
  const lines: string[] = [];
  const output = { out: (line: string) => void lines.push(line), err() {} };
  expect(await inspectDirectory({ dataDir: path, json: true }, output)).toBe(0);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '');
}

async function inspectAsText(): Promise<string> {
  const lines: string[] = [];
  await inspectDirectory(
    { dataDir, json: false },
    { out: (line: string) => void lines.push(line), err() {} },
  );
  return lines.join('\n');
}

/** What is in each file of the directory. */
async function digests(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(dataDir)).sort()) {
    found[name] = createHash('sha256')
      .update(await readFile(join(dataDir, name)))
      .digest('hex');
  }
  return found;
}

function initNode(): Promise<void> {
  return initDataDirectory({ dataDir, clusterId: 'c', nodeId: 1, config, peerAddresses: new Map() });
}

/** A node's directory whose log holds texts, and whose snapshots are numbers: those of a host of its own. */
async function makeDirectoryOfAnotherHost(): Promise<void> {
  await initNode();
  const journal = await openJournal({
    dataDir,
    entryCodec: testCodecs.entry,
    snapshotCodec: testCodecs.snapshot,
  });
  const records = ['a', 'b', 'c'].map((entry) => ({ kind: 'entry', entry }) as const);
  await journal.persist(
    [
      { kind: 'append', fromIdx: 0, records },
      { kind: 'snapshot', snapshot: { value: 7, compactedIdx: 1, config } },
    ],
    true,
  );
  await journal.close();
}

describe('inspect: a node', () => {
  test('never opened, its identity and an empty log', async () => {
    await initNode();
    const before = await digests();
    expect(await inspect()).toMatchObject({
      kind: 'node',
      clusterId: 'c',
      nodeId: 1,
      incarnation: 0,
      promise: '0.0.0.0',
      acceptedIdx: 0,
      snapshotBytes: null,
      highestAdvance: 0,
      entries: 'high-water',
      lock: 'free',
      openedByPid: null,
      segment: { bytes: 4_096, torn: false },
    });
    expect(await digests()).toEqual(before);
  });

  test('whose host keeps entries of its own: its indexes and sizes, and no high-water', async () => {
    await makeDirectoryOfAnotherHost();
    const before = await digests();
    expect(await inspect()).toMatchObject({
      kind: 'node',
      incarnation: 1,
      compactedIdx: 1,
      acceptedIdx: 3,
      snapshotBytes: 8,
      snapshotHighWater: null,
      highestAdvance: null,
      entries: 'of another host',
    });
    expect(await inspectAsText()).toMatch(/^entries +of another host$/m);
    expect(await digests()).toEqual(before);
  });

  test('damaged: refused by file and record, with the next step; nothing has changed', async () => {
    await makeDirectoryOfAnotherHost();
    const file = join(dataDir, 'journal-2');
    const bytes = await readFile(file);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const before = await digests();
    await expect(inspect()).rejects.toMatchObject({ code: 'storage_corrupt', file, record: 2 });
    await expect(inspect()).rejects.toThrow(/replace the node by a new one/);
    expect(await digests()).toEqual(before);
  });

  test.each(['', 'not JSON', '{"pid":0}'])(
    'whose lock names nobody (%j): its contents all the same, and that nobody can tell whether it is in use',
    async (text) => {
      await initNode();
      await writeFile(join(dataDir, 'lock'), text);
      expect(await inspect()).toMatchObject({ nodeId: 1, lock: 'unreadable', openedByPid: null });
    },
  );

  test('whose lock cannot be read at all: its contents all the same', async () => {
    await initNode();
    await mkdir(join(dataDir, 'lock'));
    expect(await inspect()).toMatchObject({ nodeId: 1, lock: 'unreadable', openedByPid: null });
  });
});

describe('inspect: an oracle of one process', () => {
  test('never opened, then in use, then closed: its high-water, its epoch and by whom', async () => {
    await initFileDriver({ dataDir, highWaterMs: 5_000 });
    const made = await inspect();
    expect(made).toEqual({
      dataDir,
      kind: 'file',
      highWater: 5_000,
      epoch: '0',
      bytes: 38,
      lock: 'free',
      openedByPid: null,
    });
    const driver = await FileDriver.open({ dataDir });
    expect(await inspect()).toMatchObject({ epoch: '1', lock: 'held', openedByPid: process.pid });
    await driver.close();
    const before = await digests();
    expect(await inspect()).toEqual({ ...made, epoch: '1' });
    expect(await inspectAsText()).toMatch(/^highWater +5000$/m);
    expect(await digests()).toEqual(before);
  });

  test('damaged: refused by file, with the next step for such an oracle; nothing has changed', async () => {
    await initFileDriver({ dataDir });
    const file = join(dataDir, 'high-water');
    await writeFile(file, (await readFile(file)).fill(1, 20, 21));
    const before = await digests();
    await expect(inspect()).rejects.toMatchObject({ code: 'storage_corrupt', file });
    await expect(inspect()).rejects.toThrow(/make another directory with initFileDriver/);
    expect(await digests()).toEqual(before);
  });
});

describe('inspect: what is no data directory', () => {
  test('empty, not there, or a file: refused by path, with the next step; nothing is made', async () => {
    await expect(inspect()).rejects.toMatchObject({ code: 'storage_not_initialized' });
    await expect(inspect()).rejects.toThrow(`${dataDir}: it is no data directory. Make one with init`);
    const missing = join(dataDir, 'missing');
    await expect(inspect(missing)).rejects.toThrow(`${missing}: it is no data directory`);
    expect(await readdir(dataDir)).toEqual([]);
    const file = join(dataDir, 'file');
    await writeFile(file, 'x');
    await expect(inspect(file)).rejects.toMatchObject({ code: 'storage_not_initialized' });
    await expect(inspect(file)).rejects.toThrow(`${file}: it is not a directory`);
  });

  test('an init that did not come to its end: told so', async () => {
    await writeFile(join(dataDir, 'journal-1.new'), 'x');
    await expect(inspect()).rejects.toMatchObject({ code: 'storage_incomplete' });
  });
});
