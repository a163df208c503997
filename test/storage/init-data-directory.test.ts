import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import { initDataDirectory, openJournal } from '../../src/storage/index.js';
import type { InitDataDirectoryOptions } from '../../src/storage/journal-options.js';
import type { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { testCodecs } from '../codec/test-codecs.js';
import { subsetsThatSurvive, tornWritesThatSurvive } from '../support/survivals.js';
import { dataDir, peerAddresses, TestMachine } from './journal-harness.js';
import { config } from './storage-fixtures.js';

const codecs = { entryCodec: testCodecs.entry, snapshotCodec: testCodecs.snapshot };

describe('init: what it makes', () => {
  test('identity and first segment, and no lock left', async () => {
    const machine = new TestMachine();
    await machine.init();
    expect(machine.fileSystem.names(dataDir)).toEqual(['identity', 'journal-1']);
  });

  test('is durable when it resolves', async () => {
    const machine = new TestMachine();
    await machine.init();
    machine.crash();
    expect((await machine.open()).identity.incarnation).toBe(1);
  });

  // S12
  test('is durable also in a directory that somebody has made and not synced', async () => {
    const machine = new TestMachine();
    await machine.fileSystem.mkdir(dataDir);
    await machine.init();
    machine.crash();
    expect((await machine.open()).identity.incarnation).toBe(1);
  });

  test.each(['EACCES', 'EROFS'])(
    'a directory whose parent cannot be synced (%s): made in it all the same',
    async (code) => {
      const machine = new TestMachine();
      await machine.fileSystem.mkdir(dataDir);
      machine.fileSystem.onCall = ({ name, path }) =>
        name === 'syncDirectory' && path === '/' ? { kind: 'error', code } : undefined;
      await machine.init();
      expect((await machine.open()).identity.incarnation).toBe(1);
    },
  );

  test('a directory whose parent fails to be synced (EIO): refused', async () => {
    const machine = new TestMachine();
    await machine.fileSystem.mkdir(dataDir);
    machine.fileSystem.onCall = ({ name, path }) =>
      name === 'syncDirectory' && path === '/' ? { kind: 'error', code: 'EIO' } : undefined;
    await expect(machine.init()).rejects.toMatchObject({ code: 'storage_io', path: '/', errno: 'EIO' });
  });

  test('each directory has an id of its own', async () => {
    const machines = [new TestMachine(), new TestMachine()];
    const ids = new Set<string>();
    for (const [i, machine] of machines.entries()) {
      for (let skipped = 0; skipped < i; skipped++) machine.random.nextId();
      await machine.init();
      ids.add((await machine.open()).identity.directoryId);
    }
    expect(ids.size).toBe(2);
  });
});

describe('init: refuses', () => {
  test('a directory that is one already, and harms nothing', async () => {
    const machine = new TestMachine();
    await machine.init();
    await expect(machine.init()).rejects.toMatchObject({ code: 'storage_already_initialized' });
    await machine.open();
  });

  test('a directory that holds anything else, and leaves it alone', async () => {
    for (const name of ['notes.txt', 'journal-7', 'journal-0']) {
      const machine = new TestMachine();
      await machine.fileSystem.mkdir(dataDir);
      machine.fileSystem.put(`${dataDir}/${name}`, Uint8Array.of(1));
      await expect(machine.init()).rejects.toMatchObject({
        code: 'storage_already_initialized',
        message: expect.stringContaining(name),
      });
      expect(machine.fileSystem.names(dataDir)).toEqual([name]);
    }
  });

  const valid: InitDataDirectoryOptions = { dataDir, clusterId: 'test', nodeId: 1, config, peerAddresses };
  const cases: [string, unknown, string][] = [
    ['an empty path', { dataDir: '' }, 'initDataDirectory.dataDir'],
    ['an empty cluster id', { clusterId: '' }, 'initDataDirectory.clusterId'],
    ['a cluster id with a space', { clusterId: 'a b' }, 'initDataDirectory.clusterId'],
    ['node 0', { nodeId: 0 }, 'initDataDirectory.nodeId'],
    ['a node that is no member', { nodeId: 9 }, 'initDataDirectory.nodeId'],
    [
      'a config with a node twice',
      { config: { ...config, nodes: [1, 1] } },
      'initDataDirectory.config.nodes',
    ],
    [
      'a member without an address',
      { peerAddresses: new Map([[2, 'two:1']]) },
      'initDataDirectory.peerAddresses.3',
    ],
    [
      'an address of no member',
      { peerAddresses: new Map([...peerAddresses, [7, 'seven:1']]) },
      'initDataDirectory.peerAddresses',
    ],
    ['addresses that are no Map', { peerAddresses: { 2: 'two:1' } }, 'initDataDirectory.peerAddresses'],
  ];
  test.each(cases)('%s, by name and before anything is made', async (_name, change, field) => {
    const machine = new TestMachine();
    const { fileSystem, processInfo } = machine;
    // The table holds what a caller without types could pass.
    const options = { ...valid, fileSystem, processInfo, ...(change as Partial<InitDataDirectoryOptions>) };
    const failing = initDataDirectory(options);
    await expect(failing).rejects.toBeInstanceOf(InvalidInputError);
    await expect(failing).rejects.toMatchObject({ field });
    expect(fileSystem.names('/')).toEqual([]);
  });
});

// S11
test('open: another process that tries at the same time, is refused and disturbs nothing', async () => {
  for (let turns = 0; turns < 80; turns++) {
    const machine = new TestMachine();
    await machine.init();
    const { fileSystem } = machine;
    const opening = (pid: number) =>
      openJournal({
        dataDir,
        ...codecs,
        fileSystem,
        random: { nextFloat: () => 0.5, nextId: () => `${pid}`.padStart(16, '0') },
        processInfo: {
          self: () => Promise.resolve({ pid, startTime: `${pid}`, machineBootId: 'boot' }),
          isGone: () => Promise.resolve(false),
        },
      }).then(
        () => 'open',
        (error: Error) => ('code' in error && error.code === 'storage_locked' ? 'locked' : String(error)),
      );
    const first = opening(1);
    for (let turn = 0; turn < turns; turn++) await undefined;
    const outcomes = await Promise.all([first, opening(2)]);
    expect(outcomes.sort(), `${turns} turns later`).toEqual(['locked', 'open']);
  }
});

/** `done`, or the code of what it rejects with. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'done',
    (error: { readonly code: string }) => error.code,
  );
}

// S12
describe('init: cut short at any call', () => {
  test('any subset of what was not synced survives, or a torn write: the directory is whole, or is known as unfinished and a second init completes it', async () => {
    const rehearsal = new TestMachine();
    const points: { readonly call: string; readonly fileSystem: MemoryFileSystem }[] = [];
    rehearsal.fileSystem.onCall = ({ name, path }) => {
      points.push({ call: `${name} ${path}`, fileSystem: rehearsal.fileSystem.clone() });
      return undefined;
    };
    await rehearsal.init();
    expect(points.length).toBeGreaterThan(15);
    let images = 0;
    const outcomes = new Set<string>();
    for (const { call, fileSystem } of points) {
      const ways = [
        ...subsetsThatSurvive(fileSystem.unsynced),
        ...tornWritesThatSurvive(fileSystem.unsynced),
      ];
      for (const { survives, what } of ways) {
        const where = `power lost before ${call}, ${what}`;
        const machine = new TestMachine(fileSystem.clone(), 5_000);
        machine.crash((_change, i) => survives(i));
        const opened = await codeOf(machine.open());
        outcomes.add(opened);
        machine.restart();
        expect(await codeOf(machine.init()), where).toBe(
          opened === 'done' ? 'storage_already_initialized' : 'done',
        );
        expect(await codeOf(machine.open()), where).toBe('done');
        images++;
      }
    }
    expect([...outcomes].sort()).toEqual(['done', 'storage_incomplete', 'storage_not_initialized']);
    expect(images).toBeGreaterThan(1_000);
  });

  test('a failing call, fails init with a storage_io error, and a later init or opening goes on', async () => {
    const rehearsal = new TestMachine();
    await rehearsal.init();
    for (let failing = 0; failing < rehearsal.fileSystem.calls; failing++) {
      const machine = new TestMachine();
      let failed: string | undefined;
      machine.fileSystem.onCall = ({ index, name }) => {
        if (index !== failing) return undefined;
        failed = name;
        return { kind: 'error', code: 'EIO' };
      };
      await expect(machine.init(), `call ${failing}, ${failed}`).rejects.toMatchObject({
        code: 'storage_io',
        errno: 'EIO',
      });
      machine.fileSystem.onCall = undefined;
      machine.restart();
      await machine.init().catch((error: { code: string }) => {
        expect(error.code).toBe('storage_already_initialized');
      });
      await machine.open();
    }
  });
});

describe('open: refuses', () => {
  test('a path where nothing is, and makes nothing there', async () => {
    const machine = new TestMachine();
    await expect(machine.open()).rejects.toMatchObject({ code: 'storage_not_initialized' });
    expect(machine.fileSystem.names('/')).toEqual([]);
  });

  test('an empty directory, and one of other files', async () => {
    const machine = new TestMachine();
    await machine.fileSystem.mkdir(dataDir);
    await expect(machine.open()).rejects.toMatchObject({ code: 'storage_not_initialized' });
    machine.fileSystem.put(`${dataDir}/notes.txt`, Uint8Array.of(1));
    await expect(machine.open()).rejects.toMatchObject({ code: 'storage_not_initialized' });
    expect(machine.fileSystem.names(dataDir)).toEqual(['notes.txt']);
  });

  test.each([
    ['segmentBytes', 4_095],
    ['segmentBytes', 2 ** 30 + 1],
    ['maxBatchBytes', 0.5],
    ['maxPendingBytes', Number.NaN],
    ['dataDir', ''],
  ])('%s of %s, by name', async (field, value) => {
    const machine = new TestMachine();
    await expect(machine.open({ [field]: value })).rejects.toMatchObject({ field: `openJournal.${field}` });
  });
});

describe('journal: real files', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tsoracle-storage-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const write = (i: number) =>
    ({ kind: 'append', fromIdx: i, records: [{ kind: 'entry', entry: `${i}` }] }) as const;

  test('made, written, closed and opened again', async () => {
    const dataDir = join(directory, 'a', 'b');
    await initDataDirectory({ dataDir, clusterId: 'test', nodeId: 1, config, peerAddresses });
    const journal = await openJournal({ dataDir, ...codecs, segmentBytes: 4_096 });
    await Promise.all(Array.from({ length: 200 }, (_, i) => journal.persist([write(i)], i % 2 === 0)));
    await journal.close();
    expect((await readdir(dataDir)).length).toBe(2);
    const again = await openJournal({ dataDir, ...codecs });
    expect(again.load().records).toHaveLength(200);
    expect(again.identity.incarnation).toBe(2);
    await again.close();
  });

  // S11
  test('opened twice, the second is refused; after a close it is free', async () => {
    const dataDir = join(directory, 'node');
    await initDataDirectory({ dataDir, clusterId: 'test', nodeId: 1, config, peerAddresses });
    const journal = await openJournal({ dataDir, ...codecs });
    await expect(openJournal({ dataDir, ...codecs })).rejects.toMatchObject({
      code: 'storage_locked',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await journal.persist([write(0)], true);
    await journal.close();
    await (await openJournal({ dataDir, ...codecs })).close();
  });
});
