import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PHYSICAL_MS_MAX } from '../../src/consensus/index.js';
import {
  LOGICAL_COUNT,
  packTimestamp,
  type TimestampRange,
  WindowAllocator,
} from '../../src/oracle/index.js';

const FLOOR = 1_000;

function first(range: TimestampRange): bigint {
  return packTimestamp(range.physicalMs, range.logicalStart);
}

function last(range: TimestampRange): bigint {
  return packTimestamp(range.physicalMs, range.logicalStart + range.count - 1);
}

describe('window allocator', () => {
  test('a fresh window: the first grant is at its floor, or at the clock if that is later', () => {
    expect(new WindowAllocator({ floorMs: FLOOR, limitMs: 2_000 }).grant(5, 1)).toEqual({
      physicalMs: FLOOR,
      logicalStart: 0,
      count: 1,
    });
    expect(new WindowAllocator({ floorMs: FLOOR, limitMs: 2_000 }).grant(1_500, 1)?.physicalMs).toBe(1_500);
  });

  // O06
  test.each([
    ['years back', -1e12],
    ['at 0', 0],
    ['years ahead', 1e13],
    ['at 2^64 - 1', 2 ** 64 - 1],
    ['not a number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
  ])('a clock that steps %s: grants go on, greater and within the window', (_, nowMs) => {
    const allocator = new WindowAllocator({ floorMs: FLOOR, limitMs: 2_000 });
    const before = allocator.grant(1_500, 10);
    const after = allocator.grant(nowMs, 10);
    const again = allocator.grant(1_500, 10);
    if (before === undefined || after === undefined || again === undefined)
      throw new Error('a grant was refused');
    expect(first(after)).toBeGreaterThan(last(before));
    expect(first(again)).toBeGreaterThan(last(after));
    expect(again.physicalMs).toBeLessThanOrEqual(2_000);
  });

  // O07
  test('counts around the end of a ms: never split, never over it', () => {
    const allocator = new WindowAllocator({ floorMs: FLOOR, limitMs: FLOOR + 3 });
    expect(allocator.grant(0, LOGICAL_COUNT - 1)).toEqual({
      physicalMs: FLOOR,
      logicalStart: 0,
      count: LOGICAL_COUNT - 1,
    });
    expect(allocator.grant(0, 1)).toEqual({ physicalMs: FLOOR, logicalStart: LOGICAL_COUNT - 1, count: 1 });
    expect(allocator.grant(0, 1)).toEqual({ physicalMs: FLOOR + 1, logicalStart: 0, count: 1 });
    expect(allocator.grant(0, LOGICAL_COUNT)).toEqual({
      physicalMs: FLOOR + 2,
      logicalStart: 0,
      count: LOGICAL_COUNT,
    });
    expect(allocator.grant(0, LOGICAL_COUNT - 5)).toEqual({
      physicalMs: FLOOR + 3,
      logicalStart: 0,
      count: LOGICAL_COUNT - 5,
    });
    expect(allocator.grant(0, 6)).toBeUndefined();
    expect(allocator.grant(0, 5)).toEqual({
      physicalMs: FLOOR + 3,
      logicalStart: LOGICAL_COUNT - 5,
      count: 5,
    });
    expect(allocator.grant(0, 1)).toBeUndefined();
    allocator.extend(FLOOR + 4);
    expect(allocator.grant(0, 1)).toEqual({ physicalMs: FLOOR + 4, logicalStart: 0, count: 1 });
  });

  test.each([0, -1, 0.5, LOGICAL_COUNT + 1, Number.NaN])(
    'a count of %s: refused, and nothing is used up',
    (count) => {
      const allocator = new WindowAllocator({ floorMs: FLOOR, limitMs: 2_000 });
      expect(() => allocator.grant(0, count)).toThrow('count: ');
      expect(allocator.grant(0, 1)?.logicalStart).toBe(0);
    },
  );

  test('extension: wanted once less than half is left, towards the clock or the last grant, whichever is later', () => {
    const allocator = new WindowAllocator({ floorMs: FLOOR, limitMs: FLOOR + 3_000 });
    expect(allocator.extensionNeeded(FLOOR, 3_000)).toBeUndefined();
    expect(allocator.extensionNeeded(FLOOR + 1_500, 3_000)).toBeUndefined();
    expect(allocator.extensionNeeded(FLOOR + 1_501, 3_000)).toBe(FLOOR + 4_501);
    allocator.grant(FLOOR + 2_000, 1);
    expect(allocator.extensionNeeded(0, 3_000)).toBe(FLOOR + 5_000);
  });

  test('an extension below the window: changes nothing', () => {
    const allocator = new WindowAllocator({ floorMs: FLOOR, limitMs: 2_000 });
    allocator.extend(1_500);
    expect(allocator.window.limitMs).toBe(2_000);
  });

  // O06: the end of 46 bits.
  test('the last ms that a timestamp can carry: granted to the end, then a typed error', () => {
    const allocator = new WindowAllocator({ floorMs: PHYSICAL_MS_MAX, limitMs: PHYSICAL_MS_MAX });
    expect(allocator.extensionNeeded(PHYSICAL_MS_MAX, 3_000)).toBeUndefined();
    expect(allocator.grant(0, LOGICAL_COUNT)?.physicalMs).toBe(PHYSICAL_MS_MAX);
    expect(allocator.grant(0, 1)).toBeUndefined();
    expect(() => allocator.extensionNeeded(0, 3_000)).toThrow(
      expect.objectContaining({ code: 'time_exhausted' }),
    );
  });

  test.each([
    { floorMs: -1, limitMs: 5 },
    { floorMs: 5, limitMs: 4 },
    { floorMs: 0, limitMs: PHYSICAL_MS_MAX + 1 },
    { floorMs: 0.5, limitMs: 4 },
  ])('an impossible window $floorMs..$limitMs: refused', (window) => {
    expect(() => new WindowAllocator(window)).toThrow('Ms: ');
  });

  test('any clock, any counts, any extensions: ranges rise strictly and stay within what is durable', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('grant' as const),
        nowMs: fc.oneof(fc.integer({ min: 900, max: 1_200 }), fc.double()),
        count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: LOGICAL_COUNT })),
      }),
      fc.record({ kind: fc.constant('extend' as const), byMs: fc.integer({ min: 0, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let limitMs = FLOOR + 3;
        const allocator = new WindowAllocator({ floorMs: FLOOR, limitMs });
        let previous = packTimestamp(FLOOR, 0) - 1n;
        for (const each of steps) {
          if (each.kind === 'extend') {
            limitMs += each.byMs;
            allocator.extend(limitMs);
            continue;
          }
          const range = allocator.grant(each.nowMs, each.count);
          if (range === undefined) continue;
          expect(range.count).toBe(each.count);
          expect(range.logicalStart + range.count).toBeLessThanOrEqual(LOGICAL_COUNT);
          expect(range.physicalMs).toBeLessThanOrEqual(limitMs);
          expect(first(range)).toBeGreaterThan(previous);
          previous = last(range);
        }
      }),
    );
  });
});
