import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StableState } from '../../src/omnipaxos/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { Journal, StorageCorruptError, StorageError } from '../../src/storage/index.js';
import { RECORD_HEADER_BYTES } from '../../src/storage/record-format.js';
import { SEGMENT_HEADER_BYTES } from '../../src/storage/segment-header.js';
import type { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { withEntryCodec } from '../codec/test-codecs.js';
import { dataDir, TestMachine } from './journal-harness.js';
import { recoverFrom } from './recovered-state.js';
import { append, compact, decided, entry, promise, sync } from './storage-fixtures.js';

const identityFile = `${dataDir}/identity`;

/** A directory that was closed in order: every acknowledged record is stated as durable by the seal behind it. */
let sealed: TestMachine;
let segmentFile: string;
let segment: Uint8Array;
let intact: StableState<string, number>;
/** Where each record begins, and where the last one ends. */
let boundaries: number[];

beforeAll(async () => {
  sealed = new TestMachine();
  await sealed.init();
  const journal = await sealed.open();
  await journal.persist([promise(1), append(0, 'a', 'b')], true);
  await journal.persist([append(2, 'c', 'd'), decided(2)], true);
  await journal.persist([sync(3, ['e'], 3), compact(1)], true);
  await journal.rememberPeers([
    { nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' },
  ]);
  // Idle for a turn, so that a seal is written before the last two.
  for (const last of [append(4, 'f', 'g'), append(6, 'h', 'i')]) {
    await settleMicrotasks();
    await journal.persist([last], true);
  }
  await journal.close();
  segmentFile = sealed.segmentFile();
  segment = sealed.fileSystem.contents(segmentFile);
  intact = await recoverFrom(sealed.fileSystem);
  boundaries = recordBoundaries(segment);
});

/** Walks the records by their lengths. */
function recordBoundaries(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const found = [SEGMENT_HEADER_BYTES];
  for (let at = SEGMENT_HEADER_BYTES; view.getUint32(at) !== 0; ) {
    at += RECORD_HEADER_BYTES + view.getUint32(at + 4);
    found.push(at);
  }
  return found;
}

/** The directory with one file changed. */
function withFile(path: string, bytes: Uint8Array): MemoryFileSystem {
  const copy = sealed.fileSystem.clone();
  copy.put(path, bytes);
  return copy;
}

async function outcome(fileSystem: MemoryFileSystem): Promise<StableState<string, number> | StorageError> {
  try {
    return await recoverFrom(fileSystem);
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

/**
 * Opens a directory in which `path` was damaged. Either it is refused, by name, and every file is as it was; or nothing is lost.
 * @returns whether it was refused.
 */
async function openDamaged(fileSystem: MemoryFileSystem, path: string, where: string): Promise<boolean> {
  const before = diskOf(fileSystem);
  const machine = new TestMachine(fileSystem, 5_000);
  const opened = await machine.open().catch((error: unknown) => error);
  if (opened instanceof Journal) {
    expect(opened.load(), where).toEqual(intact);
    return false;
  }
  expect(opened, where).toBeInstanceOf(StorageCorruptError);
  expect(opened, where).toMatchObject({ code: 'storage_corrupt', file: path });
  expect(diskOf(fileSystem), where).toEqual(before);
  return true;
}

/** Every file by its checksum. */
function diskOf(fileSystem: MemoryFileSystem): [string, number][] {
  return fileSystem.names(dataDir).map((name) => [name, crc32(fileSystem.contents(`${dataDir}/${name}`))]);
}

/** The header with its checksum made right again. */
function withChecksum(bytes: Uint8Array, end: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(8, crc32(bytes.subarray(12, end)));
  return bytes;
}

// S09, S15
describe('damage: one byte of a sealed directory', () => {
  test.each([0x01, 0x80, 0xff])(
    'changed by %i, refused by name, or nothing is lost; a refused opening leaves the disk as it was',
    async (flip) => {
      const lastSealAt = boundaries.at(-2) ?? 0;
      let refused = 0;
      for (const [path, bytes] of [
        [identityFile, sealed.fileSystem.contents(identityFile)],
        [segmentFile, segment],
      ] as const) {
        for (let at = 0; at < bytes.length; at++) {
          const changed = bytes.slice();
          changed[at] = (changed[at] ?? 0) ^ flip;
          const isRefused = await openDamaged(withFile(path, changed), path, `byte ${at} of ${path}`);
          if (isRefused) refused++;
          const isAcknowledged = path === identityFile || at < lastSealAt;
          expect(isRefused, `byte ${at} of ${path}`).toBe(isAcknowledged);
        }
      }
      expect(refused).toBeGreaterThan(600);
    },
  );

  test.each([0x01, 0x80, 0xff])('of 8 KiB of records, changed by %i: the same', async (flip) => {
    const machine = new TestMachine();
    await machine.init();
    const journal = await machine.open({ segmentBytes: 16_384 });
    for (let idx = 0; idx < 24; idx++) {
      await journal.persist([append(idx, `${idx} `.repeat(80)), promise(idx + 1)], true);
      if (idx % 5 === 0) await settleMicrotasks();
    }
    await journal.close();
    const path = machine.segmentFile();
    const bytes = machine.fileSystem.contents(path);
    const whole = await recoverFrom(machine.fileSystem);
    const ends = recordBoundaries(bytes);
    const [lastSealAt = 0, end = 0] = ends.slice(-2);
    expect(end).toBeGreaterThan(6_000);
    expect(end).toBeLessThan(8_192);
    for (let at = 0; at < end; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ flip;
      const copy = machine.fileSystem.clone();
      copy.put(path, changed);
      const found = await outcome(copy);
      expect(found instanceof StorageCorruptError, `byte ${at}`).toBe(at < lastSealAt);
      if (found instanceof StorageError) expect(found).toMatchObject({ code: 'storage_corrupt', file: path });
      else expect(found).toEqual(whole);
    }
  });

  test('in a record, the error names the file, the record, its place and the next step', async () => {
    const at = boundaries[3] ?? 0;
    const changed = segment.slice();
    changed[at + RECORD_HEADER_BYTES] = 0xee;
    const found = await outcome(withFile(segmentFile, changed));
    expect(found).toMatchObject({ file: segmentFile, position: at });
    // The state of the second segment begins with record 2: record 1 was the first segment's state.
    expect(found).toMatchObject({ record: 5 });
    expect(String(found)).toMatch(/record 5, byte \d+: .*replace the node by a new one/s);
  });
});

// S09
describe('damage: against a torn tail', () => {
  /** The last batch cut in two, as a crash would leave it. */
  const torn = (bytes: Uint8Array): Uint8Array => {
    const lastWrites = boundaries.at(-3) ?? 0;
    return Uint8Array.from(bytes, (byte, at) => (at < lastWrites + 20 ? byte : 0));
  };

  test('a tail torn before it was acknowledged, is cut', async () => {
    const found = await outcome(withFile(segmentFile, torn(segment)));
    expect(found).toMatchObject({ records: intact.records.slice(0, -2) });
  });

  test('an acknowledged record damaged before a torn tail, is refused', async () => {
    const lastWrites = boundaries.at(-3) ?? 0;
    for (let at = SEGMENT_HEADER_BYTES; at < (boundaries.at(-4) ?? lastWrites); at += 7) {
      const changed = torn(segment);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(await outcome(withFile(segmentFile, changed))).toBeInstanceOf(StorageCorruptError);
    }
  });
});

// S15
describe('damage: records in the wrong place', () => {
  /** Every record, and those of the same size. */
  const records = (): { at: number; bytes: Uint8Array }[] =>
    boundaries.slice(0, -1).map((at, i) => ({ at, bytes: segment.slice(at, boundaries[i + 1]) }));

  test('one record in the place of another, refused', async () => {
    let pairs = 0;
    for (const from of records()) {
      for (const to of records().slice(0, -1)) {
        // A record so long that it also covers the last seal leaves nothing that proves what was there.
        if (from.at === to.at || to.at + from.bytes.length > (boundaries.at(-2) ?? 0)) continue;
        const changed = segment.slice();
        changed.set(from.bytes, to.at);
        expect(await outcome(withFile(segmentFile, changed))).toBeInstanceOf(StorageCorruptError);
        pairs++;
      }
    }
    expect(pairs).toBeGreaterThan(20);
  });

  test('two records of one size swapped, refused', async () => {
    let pairs = 0;
    for (const [i, a] of records().entries()) {
      // Not with the last seal: it alone proves that the batch before it was acknowledged.
      for (const b of records().slice(i + 1, -1)) {
        if (a.bytes.length !== b.bytes.length) continue;
        const changed = segment.slice();
        changed.set(a.bytes, b.at);
        changed.set(b.bytes, a.at);
        expect(await outcome(withFile(segmentFile, changed))).toBeInstanceOf(StorageCorruptError);
        pairs++;
      }
    }
    expect(pairs).toBeGreaterThan(0);
  });

  test('any record once more, behind the last one, is no part of the log', async () => {
    const end = boundaries.at(-1) ?? 0;
    for (const { bytes } of records()) {
      const changed = segment.slice();
      changed.set(bytes, end);
      expect(await outcome(withFile(segmentFile, changed))).toEqual(intact);
    }
  });

  test('one record as it was before it was written (a lost sector), refused', async () => {
    for (const { at, bytes } of records().slice(0, -1)) {
      const changed = segment.slice();
      changed.fill(0, at, at + bytes.length);
      expect(await outcome(withFile(segmentFile, changed))).toBeInstanceOf(StorageCorruptError);
    }
  });
});

// S09, S15
describe('damage: one byte of a sealed directory of more than 8 KiB, at places drawn', () => {
  test.each([0x01, 0x80, 0xff])(
    'changed by %i, refused by name or nothing is lost; a refused opening leaves the disk as it was',
    async (flip) => {
      const seed = 20_261_123 + flip;
      const random = new SeededRandom(seed);
      const machine = new TestMachine();
      await machine.init();
      const options = { segmentBytes: 1 << 20 };
      const journal = await machine.open(options);
      for (let idx = 0; idx < 600; idx++) {
        await journal.persist([append(idx, random.nextId().repeat(1 + random.below(8)))], true);
        if (idx % 50 === 0) await settleMicrotasks();
      }
      await journal.close();
      machine.restart();
      const path = machine.segmentFile();
      const bytes = machine.fileSystem.contents(path);
      const whole = await recoverFrom(machine.fileSystem);
      const ends = recordBoundaries(bytes);
      const lastSealAt = ends.at(-2) ?? 0;
      expect(lastSealAt).toBeGreaterThan(32 * 1_024);
      for (let sample = 0; sample < 150; sample++) {
        const at = random.below(ends.at(-1) ?? 0);
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        const copy = machine.clone();
        copy.fileSystem.put(path, changed);
        const before = diskOf(copy.fileSystem);
        const opened = await copy.open(options).catch((error: unknown) => error);
        const where = `byte ${at}, seed ${seed}`;
        if (opened instanceof StorageCorruptError) {
          expect(opened, where).toMatchObject({ code: 'storage_corrupt', file: path });
          expect(diskOf(copy.fileSystem), where).toEqual(before);
        } else {
          expect(opened, where).toBeInstanceOf(Journal);
          if (opened instanceof Journal) {
            expect(opened.load().records, where).toEqual(whole.records);
            await opened.close();
          }
        }
        expect(opened instanceof StorageCorruptError, where).toBe(at < lastSealAt);
      }
    },
  );
});

describe('damage: whole files', () => {
  const cases: [string, (fileSystem: MemoryFileSystem) => void][] = [
    ['the segment is missing', (fileSystem) => fileSystem.remove(segmentFile)],
    ['the identity is missing', (fileSystem) => fileSystem.remove(identityFile)],
    ['the identity is empty', (fileSystem) => fileSystem.put(identityFile, new Uint8Array())],
    ['the segment is empty', (fileSystem) => fileSystem.put(segmentFile, new Uint8Array())],
    [
      'the segment has another name',
      (fileSystem) => {
        fileSystem.remove(segmentFile);
        fileSystem.put(`${dataDir}/journal-9`, segment);
      },
    ],
    [
      'a newer segment is damaged',
      (fileSystem) => fileSystem.put(`${dataDir}/journal-9`, segment.slice(0, 100)),
    ],
    ['the segment has grown', (fileSystem) => fileSystem.put(segmentFile, Buffer.concat([segment, segment]))],
  ];
  test.each(cases)('%s: refused', async (_name, damage) => {
    const copy = sealed.fileSystem.clone();
    damage(copy);
    expect(await outcome(copy)).toBeInstanceOf(StorageCorruptError);
  });

  test.each([identityFile, 'the segment'])('%s, cut short at any byte: refused', async (name) => {
    const path = name === identityFile ? identityFile : segmentFile;
    const bytes = sealed.fileSystem.contents(path);
    for (let length = 0; length < bytes.length; length += length < 400 ? 1 : 61) {
      expect(await outcome(withFile(path, bytes.slice(0, length)))).toBeInstanceOf(StorageCorruptError);
    }
  });

  test('a segment of another node: refused, and both are named', async () => {
    const other = new TestMachine();
    for (let i = 0; i < 5; i++) other.random.nextId();
    await other.init();
    await (await other.open()).close();
    const found = await outcome(withFile(segmentFile, other.fileSystem.contents(other.segmentFile())));
    expect(found).toBeInstanceOf(StorageCorruptError);
    expect(String(found)).toMatch(/belongs to directory [0-9a-f]{16}, not to [0-9a-f]{16}/);
  });

  test('the identity of another node, or of another cluster: refused, and both directories are named', async () => {
    for (const clusterId of ['test', 'another']) {
      const other = new TestMachine(undefined, 7_000);
      await other.init({ clusterId });
      const found = await outcome(withFile(identityFile, other.fileSystem.contents(identityFile)));
      expect(found).toBeInstanceOf(StorageCorruptError);
      expect(String(found)).toMatch(/belongs to directory [0-9a-f]{16}, not to [0-9a-f]{16}/);
    }
  });

  test('a part of the segment as it was before its last records were written, and the last seal: refused', async () => {
    const lastSealAt = boundaries.at(-2) ?? 0;
    for (const at of boundaries.slice(1, -2)) {
      const stale = segment.slice();
      stale.fill(0, at, lastSealAt);
      expect(await outcome(withFile(segmentFile, stale))).toBeInstanceOf(StorageCorruptError);
    }
  });

  test('a leftover of an opening or rotation that was cut short: not read', async () => {
    const copy = sealed.fileSystem.clone();
    copy.put(`${dataDir}/journal-3.new`, segment.slice(0, 50));
    copy.put(`${dataDir}/journal-1`, new Uint8Array(9));
    expect(await outcome(copy)).toEqual(intact);
  });
});

// S17
describe('format: of another release', () => {
  test.each([0, 2, 0xffff])(
    'identity of format %i: refused, and both versions are named',
    async (version) => {
      const bytes = sealed.fileSystem.contents(identityFile);
      new DataView(bytes.buffer).setUint16(12, version);
      const found = await outcome(withFile(identityFile, withChecksum(bytes, bytes.length)));
      expect(found).toMatchObject({ code: 'storage_format' });
      expect(String(found)).toContain(`format ${version}; this release reads and writes format 1 only`);
    },
  );

  test.each([
    ['format', 13],
    ['codec version', 14],
  ])('segment of another %s: refused', async (_name, at) => {
    const bytes = segment.slice();
    bytes[at] = 2;
    const found = await outcome(withFile(segmentFile, withChecksum(bytes, SEGMENT_HEADER_BYTES)));
    expect(found).toMatchObject({ code: 'storage_format' });
  });
});

// S18
test('damage: an entry that the host no longer decodes, refused by record', async () => {
  const { entry: entryCodec } = withEntryCodec({
    decode: () => {
      throw new Error('unknown entry');
    },
  });
  sealed.restart();
  await expect(sealed.open({ entryCodec })).rejects.toMatchObject({
    code: 'storage_corrupt',
    file: segmentFile,
    record: expect.any(Number),
  });
  expect(sealed.fileSystem.names(dataDir)).toEqual(['identity', segmentFile.slice(dataDir.length + 1)]);
});

test('damage: found at opening, nothing is changed and the lock is free', async () => {
  const changed = segment.slice();
  changed[200] = (changed[200] ?? 0) ^ 1;
  const machine = new TestMachine(withFile(segmentFile, changed), 5_000);
  await expect(machine.open()).rejects.toBeInstanceOf(StorageCorruptError);
  expect(machine.fileSystem.names(dataDir)).toEqual(['identity', segmentFile.slice(dataDir.length + 1)]);
  expect(machine.fileSystem.contents(segmentFile)).toEqual(changed);
});

test('recovery: a state of which every record is intact, reads as it was', () => {
  expect(intact.records).toEqual(['b', 'c', 'e', 'f', 'g', 'h', 'i'].map(entry));
});
