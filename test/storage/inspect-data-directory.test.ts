import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { inspectDataDirectory } from '../../src/storage/index.js';
import { nodeFileSystem } from '../../src/storage/node-file-system.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { dataDir, openedMachine, peerAddresses, TestMachine } from './journal-harness.js';
import { append, compact, config, decided, promise, sync } from './storage-fixtures.js';

test('inspect: a directory that was never opened', async () => {
  const machine = new TestMachine();
  await machine.init();
  const report = await inspectDataDirectory(dataDir, machine);
  expect(report).toMatchObject({
    identity: { clusterId: 'test', nodeId: 1, incarnation: 0, bootIds: [] },
    initialConfig: config,
    config,
    peerAddresses,
    compactedIdx: 0,
    acceptedIdx: 0,
    segment: { file: `${dataDir}/journal-1`, torn: false },
  });
  expect(report.lock).toEqual({ kind: 'free' });
  expect(report).not.toHaveProperty('snapshotBytes');
});

test('inspect: a directory in use, tells what is there and by whom, and changes nothing', async () => {
  const { machine, journal } = await openedMachine();
  await journal.persist([promise(3), append(0, 'a', 'b'), sync(2, ['c'], 2), decided(2), compact(1)], true);
  await settleMicrotasks();
  const before = machine.fileSystem.names(dataDir);
  const contents = machine.fileSystem.contents(machine.segmentFile());
  expect(await inspectDataDirectory(dataDir, machine)).toMatchObject({
    identity: { incarnation: 1, directoryId: journal.identity.directoryId },
    promise: { n: 3 },
    acceptedRound: { n: 1 },
    decidedIdx: 2,
    compactedIdx: 1,
    acceptedIdx: 3,
    snapshotBytes: 8,
    segment: { bytes: 4_096 },
    lock: { kind: 'held', holder: { pid: 100, startTime: '100', machineBootId: 'boot' } },
  });
  expect(machine.fileSystem.names(dataDir)).toEqual(before);
  expect(machine.fileSystem.contents(machine.segmentFile())).toEqual(contents);
});

test('inspect: a refused directory, says why', async () => {
  const { machine, journal } = await openedMachine();
  await journal.markRefused('it was cloned');
  await journal.close();
  expect(await inspectDataDirectory(dataDir, machine)).toMatchObject({ refusedReason: 'it was cloned' });
});

test('inspect: what is no data directory, or damaged, fails as an opening does', async () => {
  const machine = new TestMachine();
  await expect(inspectDataDirectory(dataDir, machine)).rejects.toMatchObject({
    code: 'storage_not_initialized',
  });
  await machine.init();
  machine.fileSystem.put(`${dataDir}/journal-1`, new Uint8Array(4_096));
  await expect(inspectDataDirectory(dataDir, machine)).rejects.toMatchObject({ code: 'storage_corrupt' });
});

test('inspect: read in the middle of a write, reads again', async () => {
  const { machine, journal } = await openedMachine();
  await journal.persist([append(0, 'a')], true);
  const file = machine.segmentFile();
  const contents = machine.fileSystem.contents(file);
  machine.fileSystem.put(file, contents.slice(0, 100));
  let reads = 0;
  machine.fileSystem.onCall = ({ name, path }) => {
    if (name === 'open' && path === file && ++reads === 2) machine.fileSystem.put(file, contents);
    return undefined;
  };
  expect(await inspectDataDirectory(dataDir, machine)).toMatchObject({ acceptedIdx: 1 });
});

test('inspect: a path that is no directory, says so and what to give', async () => {
  const file = fileURLToPath(import.meta.url);
  await expect(inspectDataDirectory(file, { fileSystem: nodeFileSystem })).rejects.toMatchObject({
    code: 'storage_not_initialized',
    message: `${file}: it is not a directory. Give the path of a data directory`,
  });
});
