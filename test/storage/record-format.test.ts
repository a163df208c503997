import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../src/codec/index.js';
import { StorageCorruptError } from '../../src/storage/index.js';
import {
  type BatchPlace,
  RECORD_HEADER_BYTES,
  type RecordContents,
  RecordParser,
  writeRecords,
} from '../../src/storage/record-format.js';
import { SEGMENT_HEADER_BYTES, type SegmentHeader } from '../../src/storage/segment-header.js';
import { placesOf, scanSegment } from '../../src/storage/segment-scan.js';
import { segmentCapacity } from '../../src/storage/segment-writer.js';

const header: SegmentHeader = {
  directoryId: '00000000000000aa',
  generation: 7,
  firstRecord: 100,
  capacityBytes: 2_048,
};
const { directoryId, generation } = header;
const seal: RecordContents = { type: 'seal', payload: new Uint8Array() };

function contents(...payload: number[]): RecordContents {
  return { type: 'writes', payload: Uint8Array.from(payload) };
}

/** Builds a segment batch by batch. */
class SegmentBuilder {
  readonly bytes = new Uint8Array(header.capacityBytes);
  end = SEGMENT_HEADER_BYTES;
  next = header.firstRecord;

  batch(
    records: readonly RecordContents[],
    options: { durableThrough?: number; closes?: boolean; place?: Partial<BatchPlace> } = {},
  ): this {
    const writer = new ByteWriter();
    const { durableThrough = header.firstRecord - 1, closes = true, place = {} } = options;
    writeRecords(
      writer,
      records,
      { directoryId, generation, position: this.end, firstNumber: this.next, durableThrough, ...place },
      closes,
    );
    this.bytes.set(writer.finish(), this.end);
    this.end += writer.length;
    this.next += records.length;
    return this;
  }

  scan(): ReturnType<typeof scanSegment> {
    return scanSegment(this.bytes, 'segment', header);
  }
}

const state = (): SegmentBuilder => new SegmentBuilder().batch([contents(1, 2, 3)]);

describe('record: valid only as it was written, where it was written', () => {
  const place = { directoryId, generation, position: 64, firstNumber: 5, durableThrough: 4 };

  function parsed(change: Partial<BatchPlace>, at = 64): unknown {
    const writer = new ByteWriter();
    writeRecords(writer, [contents(1, 2, 3)], { ...place, ...change }, true);
    const bytes = new Uint8Array(256);
    bytes.set(writer.finish(), at);
    return new RecordParser(bytes, place).parse(at);
  }

  test('as written: all of it comes back', () => {
    expect(parsed({})).toMatchObject({
      type: 'writes',
      payload: Uint8Array.of(1, 2, 3),
      number: 5,
      durableThrough: 4,
      closesBatch: true,
      position: 64,
      end: 64 + RECORD_HEADER_BYTES + 3,
    });
  });

  // S15
  test('at another place, of another generation, of another directory: not valid', () => {
    expect(parsed({}, 65)).toBeUndefined();
    expect(parsed({ position: 100 })).toBeUndefined();
    expect(parsed({ generation: generation + 1 })).toBeUndefined();
    expect(parsed({ directoryId: '00000000000000ab' })).toBeUndefined();
  });

  test('any byte changed, or cut short: not valid', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 255 }), (payload, flip) => {
        const writer = new ByteWriter();
        writeRecords(writer, [{ type: 'writes', payload }], { ...place, position: 0 }, true);
        const bytes = writer.finish();
        for (let at = 0; at < bytes.length; at++) {
          const changed = bytes.slice();
          changed[at] = (changed[at] ?? 0) ^ flip;
          expect(new RecordParser(changed, place).parse(0)).toBeUndefined();
          expect(new RecordParser(bytes.subarray(0, at), place).parse(0)).toBeUndefined();
        }
      }),
    );
  });
});

describe('segment scan: whole batches', () => {
  test('are given in order; what follows is free', () => {
    const found = state()
      .batch([contents(4), contents(5)])
      .batch([seal], { durableThrough: 102 })
      .scan();
    expect(found.records.map(({ number }) => number)).toEqual([100, 101, 102, 103]);
    expect(found).toMatchObject({ nextRecord: 104, torn: false });
  });

  test('a batch without its close, is cut whole', () => {
    const found = state()
      .batch([contents(4), contents(5)], { closes: false })
      .scan();
    expect(found).toMatchObject({ nextRecord: 101, torn: true });
    expect(found.records).toHaveLength(1);
  });

  test('a first batch without its close, is damage: it was durable before the file had its name', () => {
    const builder = new SegmentBuilder().batch([contents(1)], { closes: false });
    expect(() => builder.scan()).toThrow(StorageCorruptError);
    expect(() => new SegmentBuilder().scan()).toThrow(StorageCorruptError);
  });

  test('a record of a number that is not the next, ends them', () => {
    const found = state()
      .batch([contents(4)], { place: { firstNumber: 109 } })
      .scan();
    expect(found).toMatchObject({ nextRecord: 101, torn: true });
  });
});

describe('segment capacity', () => {
  test('a multiple of segmentBytes, at least twice what it begins with, and no more than an opening can read', () => {
    expect(segmentCapacity('segment', 100, 4_096)).toBe(4_096);
    expect(segmentCapacity('segment', 2_048, 4_096)).toBe(4_096);
    expect(segmentCapacity('segment', 2_049, 4_096)).toBe(8_192);
    expect(segmentCapacity('segment', 2 ** 31, 4_096)).toBe(2 ** 32);
    expect(segmentCapacity('segment', 2 ** 32, 4_096)).toBe(2 ** 32);
    expect(segmentCapacity('segment', 2 ** 31, 5_000)).toBe(Math.floor(2 ** 32 / 5_000) * 5_000);
  });

  test('more than an opening could read: refused before the segment counts', () => {
    const tooLarge = () => segmentCapacity('segment', 2 ** 32 + 1, 4_096);
    expect(tooLarge).toThrow(/^write segment: its state takes 4294967297 bytes, more than the 4294967296/);
    expect(tooLarge).toThrow(expect.objectContaining({ code: 'storage_io', path: 'segment' }));
  });
});

test('segment scan: a pattern is found wherever it begins, also across the windows that are searched', () => {
  const bit = fc.nat({ max: 1 });
  fc.assert(
    fc.property(
      fc.uint8Array({ max: 1, maxLength: 60 }),
      fc.tuple(bit, bit, bit),
      fc.nat({ max: 70 }),
      fc.integer({ min: 1, max: 20 }),
      (bytes, pattern, from, windowBytes) => {
        const expected = [...bytes.keys()].filter(
          (at) => at >= from && pattern.every((byte, i) => bytes[at + i] === byte),
        );
        expect([...placesOf(Uint8Array.from(pattern), bytes, from, windowBytes)]).toEqual(expected);
      },
    ),
  );
});

// S09
describe('segment scan: something bad before something good', () => {
  test.each([
    ['claims it as durable: damage', 101, true],
    ['claims more than it: damage', 102, true],
    ['claims only what is before it: a tail that was never synced', 100, false],
  ])('what follows %s', (_name, durableThrough, isDamage) => {
    const builder = state()
      .batch([contents(4)])
      .batch([contents(5)])
      .batch([seal], { durableThrough });
    const bad = builder.bytes.indexOf(
      4,
      SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 3 + RECORD_HEADER_BYTES,
    );
    builder.bytes[bad] = 0xff;
    if (isDamage)
      expect(() => builder.scan()).toThrow(expect.objectContaining({ record: 101, file: 'segment' }));
    else expect(builder.scan()).toMatchObject({ nextRecord: 101, torn: true });
  });

  test('a batch without its close, in front of one that claims it: damage', () => {
    const builder = state()
      .batch([contents(4)], { closes: false })
      .batch([contents(5)], { closes: false, durableThrough: 101 });
    expect(() => builder.scan()).toThrow(StorageCorruptError);
  });

  test('a claim of another generation, or that was moved, claims nothing', () => {
    for (const place of [
      { generation: generation - 1 },
      { position: 4_096 },
      { directoryId: '00000000000000ab' },
    ]) {
      const builder = state();
      builder.end += 50;
      builder.next += 1;
      expect(builder.batch([seal], { durableThrough: 101, place }).scan()).toMatchObject({ nextRecord: 101 });
    }
  });
});
