import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, MalformedError, type ValueCodec } from '../../src/codec/index.js';
import { PHYSICAL_MS_MAX } from '../../src/consensus/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import {
  assertCommand,
  assertSnapshot,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../../src/high-water/index.js';
import {
  highWaterCommandArbitrary,
  highWaterSnapshotArbitrary,
} from '../../src/testing/arbitraries/index.js';
import { advance, barrier, epochOf, idOf } from './commands.js';

function encode<T>(codec: ValueCodec<T>, value: T): Uint8Array {
  const writer = new ByteWriter();
  codec.encode(value, writer);
  return writer.finish();
}

function decode<T>(codec: ValueCodec<T>, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes);
  const value = codec.decode(reader);
  reader.end();
  return value;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The laws of a codec; `check` throws for values that break a rule. */
function codecLaws<T>(codec: ValueCodec<T>, values: fc.Arbitrary<T>, check: (value: T) => void): void {
  it('any value: comes back from its bytes, which are all read', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(codec, encode(codec, value))).toEqual(value);
      }),
    );
  });

  it('any value: other bytes after it are left alone', () => {
    fc.assert(
      fc.property(values, fc.uint8Array({ maxLength: 4 }), (value, rest) => {
        const reader = new ByteReader(Buffer.concat([encode(codec, value), rest]));
        expect(codec.decode(reader)).toEqual(value);
        expect(reader.remaining).toBe(rest.length);
      }),
    );
  });

  it('cut short at any byte: is malformed', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(codec, value);
        for (let length = 0; length < bytes.length; length++) {
          expect(() => decode(codec, bytes.subarray(0, length))).toThrow(MalformedError);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('one bit flipped anywhere: is malformed, or another value that keeps every rule and has these bytes', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat({ max: 7 }), (value, position, bit) => {
        const bytes = encode(codec, value);
        const at = position % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        let decoded: T;
        try {
          decoded = decode(codec, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
          return;
        }
        check(decoded);
        expect(decoded).not.toEqual(value);
        expect(hex(encode(codec, decoded))).toBe(hex(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('arbitrary bytes: are malformed, or a value that has these bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        let decoded: T;
        try {
          decoded = decode(codec, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
          return;
        }
        check(decoded);
        expect(hex(encode(codec, decoded))).toBe(hex(bytes));
      }),
      { numRuns: 500 },
    );
  });
}

describe('command codec', () => {
  codecLaws(highWaterCommandCodec, highWaterCommandArbitrary(), assertCommand);

  const EPOCH = '00000001 00000002 0000 000000000003';
  const ID = '00000000000000aa 0000000000000004 0000000000000005';
  const id = { directoryId: '00000000000000aa', incarnation: 4, seq: 5 };

  it('layout: is as documented, and stays so', () => {
    const epoch = epochOf(2, 3);
    expect(decode(highWaterCommandCodec, fromHex(`01 ${EPOCH} ${ID} 0000000000000006`))).toEqual(
      advance(6, epoch, id),
    );
    expect(decode(highWaterCommandCodec, fromHex(`02 ${EPOCH} ${ID}`))).toEqual(barrier(epoch, id));
    expect(hex(encode(highWaterCommandCodec, advance(6, epoch, id)))).toBe(
      `01 ${EPOCH} ${ID} 0000000000000006`.replaceAll(' ', ''),
    );
    expect(hex(encode(highWaterCommandCodec, barrier(epoch, id)))).toBe(
      `02 ${EPOCH} ${ID}`.replaceAll(' ', ''),
    );
  });

  it('the highest high-water: is read', () => {
    expect(decode(highWaterCommandCodec, fromHex(`01 ${EPOCH} ${ID} 00003fffffffffff`))).toMatchObject({
      atLeast: PHYSICAL_MS_MAX,
    });
  });

  // A08
  it.each([
    ['a high-water of 2^46', `01 ${EPOCH} ${ID} 0000400000000000`],
    ['a high-water of 2^64 - 1', `01 ${EPOCH} ${ID} ffffffffffffffff`],
    ['incarnation 0', `02 ${EPOCH} 00000000000000aa 0000000000000000 0000000000000005`],
    ['seq 0', `02 ${EPOCH} 00000000000000aa 0000000000000004 0000000000000000`],
    ['seq 2^53', `02 ${EPOCH} 00000000000000aa 0000000000000004 0020000000000000`],
    ['kind 0', `00 ${EPOCH} ${ID}`],
    ['kind 3', `03 ${EPOCH} ${ID}`],
  ])('decoding %s: is malformed', (_, bytes) => {
    expect(() => decode(highWaterCommandCodec, fromHex(bytes))).toThrow(MalformedError);
  });

  it('encoding a poison value: is refused by name', () => {
    expect(() =>
      encode(highWaterCommandCodec, advance(PHYSICAL_MS_MAX + 1, epochOf(1), idOf(1))),
    ).toThrowError(expect.objectContaining({ field: 'command.atLeast' }));
  });
});

describe('snapshot codec', () => {
  codecLaws(highWaterSnapshotCodec, highWaterSnapshotArbitrary(), assertSnapshot);

  const EPOCH = '00000001 00000002 0000 000000000003';
  const HEAD = `0000000000000007 ${EPOCH}`;
  const FIRST = '00000000000000aa 0000000000000004 0000000000000005 000000000003';
  const SECOND = '00000000000000bb 0000000000000001 0000000000000002 000000000009';

  it('layout: is as documented, and stays so', () => {
    const snapshot: HighWaterSnapshot = {
      value: 7,
      epoch: epochOf(2, 3),
      ledger: [
        { directoryId: '00000000000000aa', incarnation: 4, seq: 5, nodeId: 3 },
        { directoryId: '00000000000000bb', incarnation: 1, seq: 2, nodeId: 9 },
      ],
      members: [3, 9],
    };
    const bytes = `${HEAD} 00000002 ${FIRST} ${SECOND} 01 00000002 000000000003 000000000009`;
    expect(hex(encode(highWaterSnapshotCodec, snapshot))).toBe(bytes.replaceAll(' ', ''));
    expect(decode(highWaterSnapshotCodec, fromHex(bytes))).toEqual(snapshot);
  });

  it.each([
    ['a value of 2^46', `0000400000000000 ${EPOCH} 00000000 00`],
    ['a ledger out of order', `${HEAD} 00000002 ${SECOND} ${FIRST} 00`],
    ['a directory twice', `${HEAD} 00000002 ${FIRST} ${FIRST} 00`],
    ['a count of 2^32 - 1 entries', `${HEAD} ffffffff ${FIRST} 00`],
    ['a count of 2^32 - 1 members', `${HEAD} 00000000 01 ffffffff 000000000003`],
    ['members out of order', `${HEAD} 00000000 01 00000002 000000000009 000000000003`],
    ['a member 0', `${HEAD} 00000000 01 00000001 000000000000`],
    ['a presence of members that is neither 0 nor 1', `${HEAD} 00000000 02`],
  ])('decoding %s: is malformed', (_, bytes) => {
    expect(() => decode(highWaterSnapshotCodec, fromHex(bytes))).toThrow(MalformedError);
  });

  it('encoding a snapshot that breaks a rule: is refused', () => {
    expect(() => encode(highWaterSnapshotCodec, { value: -1, epoch: epochOf(1), ledger: [] })).toThrow(
      InvalidInputError,
    );
  });
});
