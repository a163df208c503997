import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PHYSICAL_MS_MAX } from '../../src/consensus/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import {
  compareTimestamps,
  formatTimestamp,
  LOGICAL_COUNT,
  packTimestamp,
  parseTimestamp,
  timestampToDate,
  unpackTimestamp,
} from '../../src/oracle/index.js';

const physical = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0, max: PHYSICAL_MS_MAX }),
  fc.constant(PHYSICAL_MS_MAX),
);
const logical = fc.oneof(
  fc.integer({ min: 0, max: LOGICAL_COUNT - 1 }),
  fc.constantFrom(0, LOGICAL_COUNT - 1),
);

describe('timestamps', () => {
  // O08: nearly all of these lie above 2^53.
  test('pack and unpack, text and back: nothing is rounded', () => {
    fc.assert(
      fc.property(physical, logical, (physicalMs, logicalPart) => {
        const timestamp = packTimestamp(physicalMs, logicalPart);
        expect(timestamp).toBe(BigInt(physicalMs) * 262_144n + BigInt(logicalPart));
        expect(unpackTimestamp(timestamp)).toEqual({ physicalMs, logical: logicalPart });
        expect(parseTimestamp(formatTimestamp(timestamp))).toBe(timestamp);
      }),
    );
  });

  // O08: what JSON or a careless caller has made a number of may be another timestamp by now.
  test.each([
    ['a number as text', () => parseTimestamp(Reflect.get(JSON.parse('{"t":445644800000000001}'), 't'))],
    ['a number as timestamp', () => Reflect.apply(unpackTimestamp, undefined, [2 ** 58])],
  ])('%s: refused, not rounded', (_, call) => {
    expect(call).toThrow(InvalidInputError);
  });

  test('neighbours above 2^53 stay different, in order, as text too', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 2n }), (timestamp) => {
        const next = timestamp + 1n;
        const { physicalMs, logical: count } = unpackTimestamp(timestamp);
        expect(packTimestamp(physicalMs, count)).toBe(timestamp);
        expect(formatTimestamp(next)).not.toBe(formatTimestamp(timestamp));
        expect(compareTimestamps(parseTimestamp(formatTimestamp(next)), timestamp)).toBe(1);
      }),
    );
  });

  test('they order as their parts do', () => {
    fc.assert(
      fc.property(physical, logical, physical, logical, (a, b, c, d) => {
        const expected = a === c ? Math.sign(b - d) : Math.sign(a - c);
        expect(compareTimestamps(packTimestamp(a, b), packTimestamp(c, d))).toBe(expected);
      }),
    );
  });

  test('the largest timestamp is 2^64 - 1', () => {
    expect(packTimestamp(PHYSICAL_MS_MAX, LOGICAL_COUNT - 1)).toBe(2n ** 64n - 1n);
  });

  test('a date: the physical part', () => {
    expect(timestampToDate(packTimestamp(1_700_000_000_000, 7)).toISOString()).toBe(
      '2023-11-14T22:13:20.000Z',
    );
  });

  test.each([
    ['physicalMs', () => packTimestamp(-1, 0)],
    ['physicalMs', () => packTimestamp(PHYSICAL_MS_MAX + 1, 0)],
    ['physicalMs', () => packTimestamp(0.5, 0)],
    ['physicalMs', () => packTimestamp(Number.NaN, 0)],
    ['logical', () => packTimestamp(0, LOGICAL_COUNT)],
    ['logical', () => packTimestamp(0, -1)],
    ['timestamp', () => unpackTimestamp(-1n)],
    ['timestamp', () => unpackTimestamp(2n ** 64n)],
    ['timestamp', () => parseTimestamp('')],
    ['timestamp', () => parseTimestamp('01')],
    ['timestamp', () => parseTimestamp('-1')],
    ['timestamp', () => parseTimestamp(' 1')],
    ['timestamp', () => parseTimestamp('1e3')],
    ['timestamp', () => parseTimestamp('0x10')],
    ['timestamp', () => parseTimestamp('18446744073709551616')],
  ])('%s out of range or form: refused by name', (field, call) => {
    expect(call).toThrow(InvalidInputError);
    expect(call).toThrow(`${field}: `);
  });
});
