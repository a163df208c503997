import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { dataDir, TestMachine } from './journal-harness.js';
import { recoverFrom } from './recovered-state.js';
import {
  append,
  compact,
  decided,
  nextConfig,
  promise,
  snapshotAt,
  stopSign,
  sync,
} from './storage-fixtures.js';

/**
 * The golden files are what this format looks like, for ever: a change in them is a change of the format, and needs a new FORMAT_VERSION or
 * CODEC_VERSION. They are rewritten by `vitest -u`.
 */
const golden = (name: string): string => join(import.meta.dirname, 'golden', `${name}.hex`);

/** 16 bytes a line, without the zeroes at the end. */
function dump(bytes: Uint8Array): string {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const hex = Buffer.from(bytes.subarray(0, end)).toString('hex');
  return `${bytes.length} bytes\n${(hex.match(/.{1,32}/g) ?? []).join('\n')}\n`;
}

function undump(text: string): Uint8Array {
  const [size, ...lines] = text.split('\n');
  const bytes = new Uint8Array(Number.parseInt(size ?? '', 10));
  bytes.set(Buffer.from(lines.join(''), 'hex'));
  return bytes;
}

/** A directory whose every byte is determined: one of every kind of write. */
async function goldenDirectory(): Promise<TestMachine> {
  const machine = new TestMachine();
  await machine.init();
  const journal = await machine.open();
  const steps = [
    () => journal.persist([promise(1), append(0, 'a', 'b')], true),
    () => journal.persist([sync(1, ['c', 'd'], 1), decided(2), compact(1)], true),
    () => journal.persist([{ kind: 'append', fromIdx: 3, records: [stopSign] }], true),
    () =>
      journal.persist(
        [{ kind: 'enterConfig', config: nextConfig, logSync: { suffix: [], syncIdx: 4 }, decidedIdx: 4 }],
        true,
      ),
    () =>
      journal.rememberPeers([
        { nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' },
      ]),
    () => journal.markRefused('it was cloned'),
  ];
  for (const step of steps) {
    await step();
    // Idle: the seal behind each is written.
    await settleMicrotasks();
  }
  await journal.close();
  return machine;
}

describe('storage format: golden files', () => {
  test('are what is written today', async () => {
    const machine = await goldenDirectory();
    const segmentFile = machine.segmentFile();
    expect(segmentFile).toBe(`${dataDir}/journal-2`);
    await expect(dump(machine.fileSystem.contents(`${dataDir}/identity`))).toMatchFileSnapshot(
      golden('identity'),
    );
    await expect(dump(machine.fileSystem.contents(segmentFile))).toMatchFileSnapshot(golden('journal-2'));
  });

  test('are read', async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.mkdir(dataDir);
    for (const name of ['identity', 'journal-2']) {
      fileSystem.put(`${dataDir}/${name}`, undump(await readFile(golden(name), 'utf8')));
    }
    expect(await recoverFrom(fileSystem)).toMatchObject({
      config: nextConfig,
      promise: { configId: 2, n: 0 },
      decidedIdx: 4,
      snapshot: snapshotAt(1),
      records: [{ entry: 'c' }, { entry: 'd' }, stopSign],
    });
  });
});
