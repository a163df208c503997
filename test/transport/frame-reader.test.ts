import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedError } from '../../src/codec/index.js';
import {
  decodeFrame,
  encodeFrame,
  FRAME_OVERHEAD_BYTES,
  type Frame,
  type FrameKind,
} from '../../src/transport/frame-codec.js';
import { FrameReader } from '../../src/transport/frame-reader.js';

const KINDS: readonly FrameKind[] = [
  'hello',
  'admitted',
  'established',
  'refused',
  'urgent',
  'whole',
  'first',
  'more',
  'ack',
];

const frames = fc.array(
  fc.record({ kind: fc.constantFrom(...KINDS), payload: fc.uint8Array({ maxLength: 40 }) }),
  { maxLength: 12 },
);

/** Cuts bytes into pieces; the numbers say where. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, i) => Buffer.from(bytes.subarray(start, at[i] ?? bytes.length)));
}

function readAll(reader: FrameReader, chunks: readonly Buffer[]): Frame[] {
  const read: Frame[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) read.push(frame);
  }
  return read;
}

const plain = (list: readonly Frame[]) =>
  list.map(({ kind, payload }) => ({ kind, payload: Uint8Array.from(payload) }));

describe('frame codec', () => {
  test('a frame encoded, its bytes are those of the format', () => {
    const frame = encodeFrame('whole', Uint8Array.of(1, 2), Uint8Array.of(3));
    expect(frame.toString('hex')).toBe('0000000304010203071d6be1');
    expect(plain([decodeFrame(frame)])).toEqual([{ kind: 'whole', payload: Uint8Array.of(1, 2, 3) }]);
  });
});

describe('frame reader', () => {
  test('a stream in any pieces, gives the frames that were written', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(1_000)), (written, cuts) => {
        const bytes = Buffer.concat(written.map(({ kind, payload }) => encodeFrame(kind, payload)));
        const reader = new FrameReader(1_024);
        expect(plain(readAll(reader, pieces(bytes, cuts)))).toEqual(plain(written));
        expect(reader.pendingBytes).toBe(0);
      }),
    );
  });

  test('frames read before, do not change when more arrives', () => {
    const reader = new FrameReader(1_024);
    const bytes = Buffer.concat([1, 2, 3, 4].map((n) => encodeFrame('whole', new Uint8Array(20).fill(n))));
    const read = readAll(
      reader,
      Array.from(bytes, (byte) => Buffer.of(byte)),
    );
    expect(read.map(({ payload }) => new Set(payload))).toEqual([1, 2, 3, 4].map((n) => new Set([n])));
  });

  // T05
  test('any single bit flipped, is refused or leaves the stream incomplete, and never gives another frame', () => {
    const payload = Uint8Array.from({ length: 9 }, (_, i) => i * 17);
    const bytes = encodeFrame('whole', payload);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const reader = new FrameReader(1_024);
      let read: Frame[] = [];
      try {
        read = readAll(reader, [flipped]);
        expect(reader.pendingBytes, `bit ${bit}`).toBe(bytes.length);
      } catch (error) {
        expect(error, `bit ${bit}`).toBeInstanceOf(MalformedError);
      }
      expect(read, `bit ${bit}`).toEqual([]);
    }
  });

  // T05
  test('arbitrary bytes, are refused or wait; nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(200)), (bytes, cuts) => {
        const reader = new FrameReader(100);
        try {
          readAll(reader, pieces(Buffer.from(bytes), cuts));
          expect(reader.pendingBytes).toBeLessThan(100);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
    );
  });

  // T05
  test('a length of 2^32 - 1, is refused at its header, before anything is allocated for it', () => {
    const reader = new FrameReader(2 ** 20);
    reader.push(Buffer.of(0xff, 0xff, 0xff, 0xff));
    expect(reader.next()).toBeUndefined();
    reader.push(Buffer.of(4));
    expect(() => reader.next()).toThrow(/a frame of 4294967304 bytes is above the limit of 1048576/);
    expect(reader.heldBytes).toBeLessThan(100);
  });

  test('frames at and above the limit, are taken and refused', () => {
    const reader = new FrameReader(20);
    reader.push(encodeFrame('whole', new Uint8Array(20 - FRAME_OVERHEAD_BYTES)));
    expect(reader.next()?.payload.length).toBe(20 - FRAME_OVERHEAD_BYTES);
    reader.push(encodeFrame('whole', new Uint8Array(21 - FRAME_OVERHEAD_BYTES)));
    expect(() => reader.next()).toThrow(MalformedError);
  });

  // T05
  test('a large frame that comes byte by byte, takes memory for what has arrived, and few copies', () => {
    const bytes = encodeFrame('whole', new Uint8Array(100_000).fill(7));
    const reader = new FrameReader(2 ** 20);
    const sizes = new Set<number>();
    for (const byte of bytes.subarray(0, bytes.length - 1)) {
      reader.push(Buffer.of(byte));
      expect(reader.next()).toBeUndefined();
      sizes.add(reader.heldBytes);
      if (reader.heldBytes > 2 * reader.pendingBytes + 1)
        throw new Error(`${reader.heldBytes} bytes are held`);
    }
    expect(sizes.size).toBeLessThan(25);
    reader.push(bytes.subarray(bytes.length - 1));
    expect(reader.next()?.payload.length).toBe(100_000);
  });
});
