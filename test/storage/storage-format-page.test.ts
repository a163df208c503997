import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { RECORD_HEADER_BYTES, RECORD_TYPES } from '../../src/storage/record-format.js';
import { SEGMENT_HEADER_BYTES } from '../../src/storage/segment-header.js';
import { openedFileDriver } from '../driver/file-driver-machine.js';
import { FormatPage, PageReader, recordChecksum } from './format-page.js';
import { config, nextConfig } from './storage-fixtures.js';

const page = new FormatPage();

/** A golden file: `test/storage/golden`. */
async function golden(name: string): Promise<Buffer> {
  const [size = '', ...lines] = (
    await readFile(join(import.meta.dirname, `golden/${name}.hex`), 'utf8')
  ).split('\n');
  const bytes = Buffer.alloc(Number.parseInt(size, 10));
  bytes.set(Buffer.from(lines.join(''), 'hex'));
  return bytes;
}

/** What stands in a field of the page, at this place. */
function at(bytes: Buffer, fields: ReturnType<FormatPage['fields']>, name: string, base = 0): Buffer {
  const field = fields.get(name);
  if (field === undefined)
    throw new Error(`the page has no field ${name}, but ${[...fields.keys()].join(', ')}`);
  return bytes.subarray(base + field.at, base + field.at + field.bytes);
}

function number(bytes: Buffer): number {
  return Number(BigInt(`0x${bytes.toString('hex')}`));
}

interface RecordByThePage {
  readonly number: number;
  readonly durableThrough: number;
  readonly type: string | undefined;
  readonly closes: boolean;
  readonly payload: Buffer;
}

/** Walks a segment by what the page says. */
function recordsByThePage(bytes: Buffer, directoryId: string): RecordByThePage[] {
  const fields = page.fields('field of a record');
  const types = page.names('type', '', 'payload');
  const headerBytes = fields.get('payload')?.at ?? 0;
  const records: RecordByThePage[] = [];
  for (let base = SEGMENT_HEADER_BYTES; ; ) {
    const length = number(at(bytes, fields, 'length of the payload', base));
    if (number(at(bytes, fields, 'CRC-32', base)) === 0) return records;
    const end = base + headerBytes + length;
    const covered = bytes.subarray(base + 4, end);
    expect(number(at(bytes, fields, 'CRC-32', base))).toBe(recordChecksum(directoryId, base, covered));
    records.push({
      number: number(at(bytes, fields, 'record number', base)),
      durableThrough: number(at(bytes, fields, 'durable through', base)),
      type: types.get(number(at(bytes, fields, 'type', base))),
      closes: number(at(bytes, fields, 'flags', base)) === 1,
      payload: bytes.subarray(base + headerBytes, end),
    });
    base = end;
  }
}

describe('docs/storage-format.md', () => {
  test('its tables: headers as long as those that are written, and the types that are written', () => {
    const header = [...page.fields('field of the header').values()].reduce(
      (sum, { bytes }) => sum + bytes,
      0,
    );
    expect(header).toBe(SEGMENT_HEADER_BYTES);
    expect(page.fields('field of a record').get('payload')?.at).toBe(RECORD_HEADER_BYTES);
    const types = [...page.names('type', '', 'payload')].map(([byte, name]) => [name, byte]);
    expect(Object.fromEntries(types)).toEqual(RECORD_TYPES);
  });

  test('identity: the golden file, read by the page alone', async () => {
    const bytes = await golden('identity');
    const sizes = page.rows('bytes', 'field of the identity').map(([size]) => size);
    expect(sizes).toEqual(['8', '4', '2', 'text', '6', '8', 'config', '4']);
    const reader = new PageReader(bytes);
    expect(reader.bytes(8).toString()).toBe('TSOIDENT');
    expect(reader.u(4)).toBe(crc32(bytes.subarray(12)));
    expect(reader.u(2)).toBe(1);
    expect(reader.text()).toBe('test');
    expect(reader.u(6)).toBe(1);
    expect(reader.id()).toMatch(/^0{8}/);
    expect(reader.config()).toEqual(config);
    expect(reader.list(() => [reader.u(6), reader.text()])).toEqual([
      [2, 'two:50552'],
      [3, 'three:50552'],
    ]);
    expect(reader.isAtEnd).toBe(true);
  });

  test('a segment: the golden file, read by the page alone, holds what was written', async () => {
    const bytes = await golden('journal-2');
    const header = page.fields('field of the header');
    const identity = new PageReader((await golden('identity')).subarray(14));
    identity.text();
    identity.u(6);
    const directoryId = identity.id();
    expect(bytes.subarray(0, 8).toString()).toBe('TSOJRNL\n');
    expect(number(at(bytes, header, 'CRC-32 of bytes 12 to 47'))).toBe(crc32(bytes.subarray(12, 48)));
    expect(number(at(bytes, header, 'format version'))).toBe(1);
    expect(number(at(bytes, header, 'codec version'))).toBe(1);
    expect(at(bytes, header, 'directory id').toString('hex')).toBe(directoryId);
    expect(number(at(bytes, header, 'generation'))).toBe(2);
    expect(number(at(bytes, header, 'the size of the file'))).toBe(bytes.length);

    const records = recordsByThePage(bytes, directoryId);
    const first = number(at(bytes, header, 'the number of its first record'));
    expect(records.map((record) => record.number)).toEqual(records.map((_, i) => first + i));
    expect(records.every(({ closes }) => closes)).toBe(true);
    for (const { durableThrough, number } of records) expect(durableThrough).toBeLessThan(number);

    const writes = page.names('byte', 'write', '');
    const round = { configId: 1, n: 1, priority: 0, pid: 1 };
    const text = (value: string): { entry: string } => ({
      entry: `${Buffer.from([0, 0, 0, value.length]).toString('hex')}${Buffer.from(value).toString('hex')}`,
    });
    const contents = records
      .filter(({ type }) => type !== 'seal')
      .map(({ payload, type }) => {
        const reader = new PageReader(payload);
        const read = (): unknown => {
          if (type === 'state') return reader.state();
          if (type === 'writes') return reader.list(() => reader.stableWrite(writes));
          return type === 'peers' ? reader.peers() : reader.text();
        };
        const value = read();
        expect(reader.isAtEnd, type).toBe(true);
        return value;
      });
    const zero = { configId: 0, n: 0, priority: 0, pid: 0 };
    expect(contents).toEqual([
      { config, promise: zero, acceptedRound: zero, decidedIdx: 0, bootIds: [expect.any(String)], peers: [] },
      [
        { kind: 'promise', promise: round },
        { kind: 'append', fromIdx: 0, records: [text('a'), text('b')] },
      ],
      [
        {
          kind: 'sync',
          acceptedRound: round,
          logSync: { syncIdx: 1, suffix: [text('c'), text('d')] },
          decidedIdx: 1,
        },
        { kind: 'decided', decidedIdx: 2 },
        { kind: 'snapshot', snapshot: { compactedIdx: 1, config, value: '0000000000000064' } },
      ],
      [{ kind: 'append', fromIdx: 3, records: [{ nextConfig }] }],
      [{ kind: 'enterConfig', config: nextConfig, logSync: { syncIdx: 4, suffix: [] }, decidedIdx: 4 }],
      [{ nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' }],
      'it was cloned',
    ]);
    for (const { payload, type } of records) if (type === 'seal') expect(payload).toHaveLength(0);
  });

  test('the file of a FileDriver: what is written, read by the page alone', async () => {
    const { machine, driver } = await openedFileDriver();
    const { value } = await driver.leadershipEvents().next();
    if (value?.role !== 'leader') throw new Error('it does not lead');
    await driver.persistHighWater(0x0123_4567_89ab, value.epoch);
    const bytes = Buffer.from(machine.fileSystem.contents('/data/high-water'));
    const sizes = page.rows('bytes', 'field of the file').map(([size]) => Number(size));
    const reader = new PageReader(bytes);
    const [magic, crc, version, highWater, epoch] = sizes.map((size) => reader.bytes(size));
    expect(reader.isAtEnd).toBe(true);
    expect(magic?.toString()).toBe('TSOHIGHW');
    expect(number(crc ?? Buffer.alloc(1))).toBe(crc32(bytes.subarray(12)));
    expect(version?.toString('hex')).toBe('0001');
    expect(highWater?.toString('hex')).toBe('00000123456789ab');
    expect(epoch?.toString('hex')).toBe('1'.padStart(32, '0'));
    await driver.close();
  });
});
