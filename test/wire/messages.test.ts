import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EPOCH_ZERO, toEpoch } from '../../src/consensus/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import {
  decodeGetTsRequest,
  decodeGetTsResponse,
  decodeLeaderHint,
  encodeGetTsRequest,
  encodeGetTsResponse,
  encodeLeaderHint,
  type GetTsResponse,
  type LeaderHint,
} from '../../src/wire/index.js';
import { referenceDecode, referenceEncode } from './protobufjs-reference.js';
import { delimitedField, uint64Arbitrary, unknownFieldArbitrary, varintField } from './raw-fields.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const uint32 = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 2 ** 18, 2 ** 32 - 1),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
const epoch = fc.tuple(uint64Arbitrary(), uint64Arbitrary()).map(([hi, lo]) => toEpoch((hi << 64n) | lo));
const response: fc.Arbitrary<GetTsResponse> = fc.record({
  physicalMs: fc.oneof(fc.constantFrom(0, 2 ** 46 - 1, Number.MAX_SAFE_INTEGER), fc.maxSafeNat()),
  logicalStart: uint32,
  count: uint32,
  epoch,
});
const hint: fc.Arbitrary<LeaderHint> = fc.record(
  { leaderEndpoint: fc.string({ unit: 'grapheme', maxLength: 20 }), leaderEpoch: epoch },
  { requiredKeys: [] },
);

/** A response's fields as the wire has them, named and written as the reference does. */
function wireResponse({ physicalMs, logicalStart, count, epoch }: GetTsResponse): Record<string, unknown> {
  return {
    physical_ms: String(physicalMs),
    logical_start: logicalStart,
    count,
    epoch_hi: String(epoch >> 64n),
    epoch_lo: String(epoch & (2n ** 64n - 1n)),
  };
}

describe('wire messages: golden bytes', () => {
  test.each([
    [0, ''],
    [1, '0801'],
    [300, '08ac02'],
    [262_144, '08808010'],
    [2 ** 32 - 1, '08ffffffff0f'],
  ])('GetTsRequest of %i', (count, golden) => {
    expect(hex(encodeGetTsRequest({ count }))).toBe(golden);
    expect(decodeGetTsRequest(Buffer.from(golden, 'hex'))).toEqual({ count });
  });

  test.each<[string, GetTsResponse, string]>([
    ['all defaults', { physicalMs: 0, logicalStart: 0, count: 0, epoch: EPOCH_ZERO }, ''],
    [
      'a usual grant',
      { physicalMs: 1_700_000_000_000, logicalStart: 5, count: 1, epoch: toEpoch((3n << 64n) | 7n) },
      '0880d095ffbc31' + '1005' + '1801' + '2003' + '2807',
    ],
    [
      'the highest timestamps, the highest epoch',
      { physicalMs: 2 ** 46 - 1, logicalStart: 0, count: 262_144, epoch: toEpoch(2n ** 128n - 1n) },
      '08ffffffffffff0f' + '18808010' + '20ffffffffffffffffff01' + '28ffffffffffffffffff01',
    ],
    [
      // O08: neither half is a number that a double can hold.
      'an epoch above 2^53',
      {
        physicalMs: 1,
        logicalStart: 0,
        count: 1,
        epoch: toEpoch(((2n ** 53n + 1n) << 64n) | (2n ** 63n + 1n)),
      },
      '0801' + '1801' + '208180808080808010' + '2881808080808080808001',
    ],
  ])('GetTsResponse: %s', (_name, message, golden) => {
    expect(hex(encodeGetTsResponse(message))).toBe(golden);
    expect(decodeGetTsResponse(Buffer.from(golden, 'hex'))).toEqual(message);
  });

  test.each<[string, LeaderHint, string]>([
    ['nothing known', {}, ''],
    ['an endpoint', { leaderEndpoint: '[::1]:50551' }, '0a0b5b3a3a315d3a3530353531'],
    ['an empty endpoint is present', { leaderEndpoint: '' }, '0a00'],
    ['an epoch', { leaderEpoch: toEpoch((1n << 64n) | 2n) }, '1204' + '0801' + '1002'],
    ['epoch zero is present', { leaderEpoch: EPOCH_ZERO }, '1200'],
    [
      'both',
      { leaderEndpoint: 'a:1', leaderEpoch: toEpoch(2n ** 64n - 1n) },
      '0a03613a31' + '120b' + '10ffffffffffffffffff01',
    ],
  ])('LeaderHint: %s', (_name, message, golden) => {
    expect(hex(encodeLeaderHint(message))).toBe(golden);
    expect(decodeLeaderHint(Buffer.from(golden, 'hex'))).toEqual(message);
  });
});

describe('wire messages: against another implementation', () => {
  test('GetTsRequest: each reads what the other writes', () => {
    fc.assert(
      fc.property(uint32, (count) => {
        expect(referenceDecode('GetTsRequest', encodeGetTsRequest({ count }))).toEqual({ count });
        expect(decodeGetTsRequest(referenceEncode('GetTsRequest', { count }))).toEqual({ count });
      }),
    );
  });

  test('GetTsResponse: each reads what the other writes', () => {
    fc.assert(
      fc.property(response, (message) => {
        const wire = wireResponse(message);
        expect(referenceDecode('GetTsResponse', encodeGetTsResponse(message))).toEqual(wire);
        expect(decodeGetTsResponse(referenceEncode('GetTsResponse', wire))).toEqual(message);
      }),
    );
  });

  test('LeaderHint: each reads what the other writes, absent fields stay absent', () => {
    fc.assert(
      fc.property(hint, (message) => {
        const wire: Record<string, unknown> = {};
        if (message.leaderEndpoint !== undefined) wire['leader_endpoint'] = message.leaderEndpoint;
        if (message.leaderEpoch !== undefined) {
          const hi = message.leaderEpoch >> 64n;
          const lo = message.leaderEpoch & (2n ** 64n - 1n);
          wire['leader_epoch'] = { ...(hi > 0n && { hi: String(hi) }), ...(lo > 0n && { lo: String(lo) }) };
        }
        expect(referenceDecode('LeaderHint', encodeLeaderHint(message), false)).toEqual(wire);
        expect(decodeLeaderHint(referenceEncode('LeaderHint', wire))).toEqual(message);
      }),
    );
  });

  test('fields in any order, repeated, among unknown ones: the last value wins for both', () => {
    const known = fc.oneof(
      fc.tuple(fc.constantFrom(2, 3), uint32).map(([field, value]) => varintField(field, BigInt(value))),
      fc.tuple(fc.constantFrom(4, 5), uint64Arbitrary()).map(([field, value]) => varintField(field, value)),
    );
    // The reference misreads varints of unknown fields that are padded, so that these have none.
    fc.assert(
      fc.property(fc.array(fc.oneof(known, unknownFieldArbitrary(0)), { maxLength: 12 }), (fields) => {
        const bytes = Uint8Array.from(fields.flat());
        expect(wireResponse(decodeGetTsResponse(bytes))).toEqual(referenceDecode('GetTsResponse', bytes));
      }),
    );
  });
});

describe('wire messages: against a slow, obvious reading', () => {
  /** A half of an epoch, or bytes that mean nothing here. */
  const piece = fc.oneof(
    fc.record({ field: fc.constantFrom('hi', 'lo'), value: uint64Arbitrary(), padding: fc.nat(9) }),
    fc.record({ field: fc.constant('unknown'), bytes: unknownFieldArbitrary() }),
  );
  const pieces = fc.array(piece, { maxLength: 12 });

  function lastOf(read: readonly ({ field: string; value: bigint } | { bytes: number[] })[]): bigint {
    const last = { hi: 0n, lo: 0n };
    for (const each of read) {
      if ('bytes' in each) continue;
      if (each.field === 'hi') last.hi = each.value;
      else last.lo = each.value;
    }
    return (last.hi << 64n) | last.lo;
  }

  test('a response of padded and repeated varints: the last value wins', () => {
    fc.assert(
      fc.property(pieces, (fields) => {
        const bytes = fields.flatMap((each) =>
          'bytes' in each ? each.bytes : varintField(each.field === 'hi' ? 4 : 5, each.value, each.padding),
        );
        expect(decodeGetTsResponse(Uint8Array.from(bytes)).epoch).toBe(lastOf(fields));
      }),
    );
  });

  test('a hint whose epoch comes in pieces: they are merged, the last value of each half wins', () => {
    fc.assert(
      fc.property(pieces, (fields) => {
        const bytes = fields.flatMap((each) =>
          'bytes' in each
            ? each.bytes
            : delimitedField(2, varintField(each.field === 'hi' ? 1 : 2, each.value, each.padding)),
        );
        const known = fields.some((each) => !('bytes' in each));
        const { leaderEpoch } = decodeLeaderHint(Uint8Array.from(bytes));
        expect(leaderEpoch).toBe(known ? lastOf(fields) : undefined);
      }),
    );
  });
});

describe('wire messages: values that do not fit', () => {
  test.each([-1, 0.5, 2 ** 32, Number.NaN])('a count of %d is refused at encoding, by name', (count) => {
    expect(() => encodeGetTsRequest({ count })).toThrow(InvalidInputError);
    expect(() => encodeGetTsRequest({ count })).toThrow(/^count: /);
  });

  test.each([-1, 0.5, 2 ** 53])('a physical time of %d is refused at encoding, by name', (physicalMs) => {
    const grant = { physicalMs, logicalStart: 0, count: 1, epoch: EPOCH_ZERO };
    expect(() => encodeGetTsResponse(grant)).toThrow(/^physicalMs: /);
  });

  // O08
  test('a physical time above 2^53 - 1 is refused at decoding, not rounded', () => {
    const fits = Uint8Array.from(varintField(1, 2n ** 53n - 1n));
    expect(decodeGetTsResponse(fits).physicalMs).toBe(2 ** 53 - 1);
    for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      expect(() => decodeGetTsResponse(Uint8Array.from(varintField(1, value)))).toThrow(/above 2\^53 - 1/);
    }
  });

  test('a uint32 above its type is refused at decoding, not cut down', () => {
    for (const value of [2n ** 32n, 2n ** 32n + 1n, 2n ** 64n - 1n]) {
      expect(() => decodeGetTsRequest(Uint8Array.from(varintField(1, value)))).toThrow(/above 4294967295/);
    }
  });
});
