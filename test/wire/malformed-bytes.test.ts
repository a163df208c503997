import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toEpoch } from '../../src/consensus/index.js';
import {
  decodeGetTsRequest,
  decodeGetTsResponse,
  decodeLeaderHint,
  encodeGetTsResponse,
  encodeLeaderHint,
  MalformedMessageError,
} from '../../src/wire/index.js';
import { fixedField, unknownFieldArbitrary, varint } from './raw-fields.js';

const decoders = { decodeGetTsRequest, decodeGetTsResponse, decodeLeaderHint };

function refuses(decode: (bytes: Uint8Array) => unknown, bytes: readonly number[], message = /./): void {
  const decoding = (): unknown => decode(Uint8Array.from(bytes));
  expect(decoding).toThrow(MalformedMessageError);
  expect(decoding).toThrow(message);
}

describe.each(Object.entries(decoders))('malformed bytes: %s', (_name, decode) => {
  test('a varint of 10 bytes with the 64th bit is the longest', () => {
    expect(() => decode(Uint8Array.from([0x78, ...varint(2n ** 64n - 1n)]))).not.toThrow();
    refuses(decode, [0x78, ...Array.from({ length: 9 }, () => 0xff), 0x02]);
    refuses(decode, [0x78, ...Array.from({ length: 10 }, () => 0x80), 0x00]);
    refuses(decode, [0x78, ...Array.from({ length: 10 }, () => 0xff), 0x01]);
  });

  test('field number 0, and a tag above 32 bits, refused', () => {
    refuses(decode, [0x00, 0x01]);
    refuses(decode, [0x02, 0x00]);
    expect(() => decode(Uint8Array.from([...varint(2n ** 32n - 8n), 0x01]))).not.toThrow();
    refuses(decode, [...varint(2n ** 32n), 0x01]);
    refuses(decode, [...varint(2n ** 32n + 8n), 0x01]);
  });

  test.each([3, 4, 6, 7])('wire type %i, refused', (wireType) => {
    refuses(decode, [(9 << 3) | wireType, 0x00]);
    refuses(decode, [(1 << 3) | wireType, 0x00]);
  });

  test('a known field of another wire type, refused', () => {
    refuses(decode, fixedField(1, 1, 0));
    refuses(decode, fixedField(1, 5, 0));
  });

  test('a length that is not there, refused before anything is allocated', () => {
    for (const length of [1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      refuses(decode, [0x7a, ...varint(length)], /has \d+ bytes; 0 are left/);
    }
  });

  test('an unknown field cut short at any byte, refused', () => {
    fc.assert(
      fc.property(unknownFieldArbitrary(), (field) => {
        for (let length = 1; length < field.length; length++) refuses(decode, field.slice(0, length));
      }),
      { numRuns: 30 },
    );
  });

  test('any bytes at all: a message or MalformedMessageError, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('only the given part of a larger buffer is read', () => {
    const buffer = Uint8Array.from([0x80, 0x80, ...[0x78, 0x05], 0x80, 0x80]);
    expect(() => decode(buffer.subarray(2, 4))).not.toThrow();
    expect(() => decode(buffer.subarray(2, 3))).toThrow(MalformedMessageError);
  });
});

describe('malformed bytes: whole messages', () => {
  const epoch = toEpoch(((2n ** 63n) << 64n) | 300n);

  test('a response cut within a field, refused; cut between fields, the fields before', () => {
    const whole = encodeGetTsResponse({ physicalMs: 1_700_000_000_000, logicalStart: 300, count: 4, epoch });
    const boundaries = new Set([0, 7, 10, 12, 23, 26]);
    expect(whole).toHaveLength(26);
    for (let length = 0; length <= whole.length; length++) {
      const cut = whole.subarray(0, length);
      if (boundaries.has(length)) expect(() => decodeGetTsResponse(cut)).not.toThrow();
      else expect(() => decodeGetTsResponse(cut)).toThrow(MalformedMessageError);
    }
  });

  test('a hint cut short at any byte but its field boundary, refused', () => {
    const whole = encodeLeaderHint({ leaderEndpoint: 'leader:1', leaderEpoch: epoch });
    for (let length = 1; length < whole.length; length++) {
      if (length === 10) continue;
      expect(() => decodeLeaderHint(whole.subarray(0, length))).toThrow(MalformedMessageError);
    }
  });

  test('an epoch that runs over its own end into the hint, refused', () => {
    refuses(decodeLeaderHint, [0x12, 0x02, 0x08, 0x80, 0x01], /ends within a varint, at byte 4/);
    refuses(decodeLeaderHint, [0x12, 0x02, 0x7a, 0x01, 0x00], /has 1 bytes; 0 are left/);
  });

  test('an endpoint that is not UTF-8, refused', () => {
    refuses(decodeLeaderHint, [0x0a, 0x02, 0xc3, 0x28]);
  });
});
