import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PHYSICAL_MS_MAX, toEpoch } from '../../src/consensus/index.js';
import {
  BELIEVED_WALL_MS_MAX,
  LOGICAL_COUNT,
  packTimestamp,
  type TimestampRange,
  WindowAllocator,
  type WindowAllocatorOptions,
  type WindowExtension,
} from '../../src/oracle/index.js';

const FLOOR = 1_000;
const EPOCH = toEpoch(7n);

function allocatorOf(options: Partial<WindowAllocatorOptions> = {}): WindowAllocator {
  return new WindowAllocator({
    epoch: EPOCH,
    floorMs: FLOOR,
    limitMs: 2_000,
    windowAheadMs: 3_000,
    ...options,
  });
}

function due(allocator: WindowAllocator, nowMs: number): WindowExtension {
  const extension = allocator.prepareExtension(nowMs);
  if (extension === undefined) throw new Error('no extension is due');
  return extension;
}

function first(range: TimestampRange | undefined): bigint {
  if (range === undefined) throw new Error('refused');
  return packTimestamp(range.physicalMs, range.logicalStart);
}

function last(range: TimestampRange | undefined): bigint {
  if (range === undefined) throw new Error('refused');
  return packTimestamp(range.physicalMs, range.logicalStart + range.count - 1);
}

describe('window allocator: grants', () => {
  test('a fresh window: the first grant is at its floor, or at the clock if that is later', () => {
    expect(allocatorOf().grant(1, 5)).toEqual({ physicalMs: FLOOR, logicalStart: 0, count: 1 });
    expect(allocatorOf().grant(1, 1_500)?.physicalMs).toBe(1_500);
  });

  test('both ends of the window are inclusive', () => {
    const allocator = allocatorOf({ limitMs: FLOOR });
    expect(allocator.grant(1, FLOOR)).toEqual({ physicalMs: FLOOR, logicalStart: 0, count: 1 });
    expect(allocator.grant(1, FLOOR + 1)).toBeUndefined();
    expect(allocator.grant(LOGICAL_COUNT, FLOOR)).toBeUndefined();
  });

  // O06
  test.each([
    ['back, by years', -1e12],
    ['back, to 0', 0],
    ['ahead, past belief', BELIEVED_WALL_MS_MAX + 1],
    ['ahead, to the end of 46 bits', PHYSICAL_MS_MAX],
    ['ahead, to 2^64 - 1', 2 ** 64 - 1],
    ['to no number', Number.NaN],
    ['to infinity', Number.POSITIVE_INFINITY],
  ])('a clock that steps %s: it counts as standing still, grants go on', (_, nowMs) => {
    const allocator = allocatorOf();
    const before = allocator.grant(10, 1_500);
    const after = allocator.grant(10, nowMs);
    const again = allocator.grant(10, 1_500);
    expect(first(after)).toBe(last(before) + 1n);
    expect(first(again)).toBe(last(after) + 1n);
    expect(allocator.prepareExtension(nowMs)?.limitMs).toBe(4_500);
  });

  // O06
  test('a clock that leaps ahead of the window: exhausted, and extended towards it', () => {
    const allocator = allocatorOf();
    const leapMs = 1e13;
    expect(allocator.grant(1, leapMs)).toBeUndefined();
    const extension = due(allocator, leapMs);
    expect(extension).toMatchObject({ epoch: EPOCH, limitMs: leapMs + 3_000 });
    expect(allocator.commit(extension)).toBe(true);
    expect(allocator.grant(1, leapMs)?.physicalMs).toBe(leapMs);
    // The clock is set right again: never back.
    expect(allocator.grant(1, 1_600)).toEqual({ physicalMs: leapMs, logicalStart: 1, count: 1 });
  });

  test('the clock is beyond the window: only who has waited since it was within is served', () => {
    const allocator = allocatorOf();
    expect(allocator.grant(1, 2_001)).toBeUndefined();
    expect(allocator.grant(1, 2_001, 2_001)).toBeUndefined();
    expect(allocator.grant(1, 2_500, 1_700)?.physicalMs).toBe(1_700);
    expect(allocator.grant(1, 2_500, 1_600)).toEqual({ physicalMs: 1_700, logicalStart: 1, count: 1 });
    expect(allocator.grant(1, 2_500, 2_000)?.physicalMs).toBe(2_000);
  });

  test('it has waited, and the clock was stepped back meanwhile: served by the clock', () => {
    const allocator = allocatorOf();
    expect(allocator.grant(1, 1_500, 99_000)?.physicalMs).toBe(1_500);
    expect(allocator.grant(1, 2_500, Number.NaN)?.physicalMs).toBe(1_500);
  });

  // O07
  test('counts around the end of a ms: never split, never over it', () => {
    const allocator = allocatorOf({ limitMs: FLOOR + 3 });
    const grants = [LOGICAL_COUNT - 1, 1, 1, LOGICAL_COUNT, LOGICAL_COUNT - 5].map((count) =>
      allocator.grant(count, 0),
    );
    expect(grants).toEqual([
      { physicalMs: FLOOR, logicalStart: 0, count: LOGICAL_COUNT - 1 },
      { physicalMs: FLOOR, logicalStart: LOGICAL_COUNT - 1, count: 1 },
      { physicalMs: FLOOR + 1, logicalStart: 0, count: 1 },
      { physicalMs: FLOOR + 2, logicalStart: 0, count: LOGICAL_COUNT },
      { physicalMs: FLOOR + 3, logicalStart: 0, count: LOGICAL_COUNT - 5 },
    ]);
    // O07: the window's end. What does not fit uses nothing up.
    expect(allocator.grant(6, 0)).toBeUndefined();
    expect(allocator.grant(5, 0)).toEqual({
      physicalMs: FLOOR + 3,
      logicalStart: LOGICAL_COUNT - 5,
      count: 5,
    });
    expect(allocator.grant(1, 0)).toBeUndefined();
    expect(allocator.commit(due(allocator, 0))).toBe(true);
    expect(allocator.grant(1, 0)).toEqual({ physicalMs: FLOOR + 4, logicalStart: 0, count: 1 });
  });

  test.each([0, -1, 0.5, LOGICAL_COUNT + 1, Number.NaN])(
    'a count of %s: refused by name, and nothing is used up',
    (count) => {
      const allocator = allocatorOf();
      expect(() => allocator.grant(count, 0)).toThrow('count: ');
      expect(allocator.grant(1, 0)?.logicalStart).toBe(0);
    },
  );

  // O06, O07
  test('the last ms that a timestamp can carry: granted to its end, then a typed error', () => {
    const allocator = allocatorOf({ floorMs: PHYSICAL_MS_MAX, limitMs: PHYSICAL_MS_MAX });
    expect(allocator.grant(LOGICAL_COUNT - 1, 0)?.physicalMs).toBe(PHYSICAL_MS_MAX);
    expect(allocator.prepareExtension(0)).toBeUndefined();
    expect(last(allocator.grant(1, 0))).toBe(2n ** 64n - 1n);
    expect(() => allocator.grant(1, 0)).toThrow(expect.objectContaining({ code: 'time_exhausted' }));
  });

  test.each([
    { floorMs: -1 },
    { floorMs: 0.5 },
    { floorMs: 2_001 },
    { limitMs: PHYSICAL_MS_MAX + 1 },
    { limitMs: Number.NaN },
    { windowAheadMs: 0 },
  ])('impossible options %o: refused by name', (options) => {
    expect(() => allocatorOf(options)).toThrow(/^(floorMs|limitMs|windowAheadMs): /);
  });
});

describe('window allocator: extensions', () => {
  test('due once half of the window is used up, by the clock', () => {
    const allocator = allocatorOf();
    expect(allocator.prepareExtension(1_499)).toBeUndefined();
    const extension = due(allocator, 1_500);
    expect(extension.limitMs).toBe(4_500);
    allocator.commit(extension);
    expect(allocator.window).toEqual({ floorMs: FLOOR, limitMs: 4_500 });
    expect(allocator.prepareExtension(2_999)).toBeUndefined();
    expect(due(allocator, 3_000).limitMs).toBe(6_000);
  });

  test('due once half of the window is used up by grants, however far the clock is behind', () => {
    const allocator = allocatorOf({ limitMs: FLOOR + 4 });
    for (const isDue of [false, false, true]) {
      allocator.grant(LOGICAL_COUNT, 0);
      expect(allocator.prepareExtension(0) !== undefined).toBe(isDue);
    }
    expect(due(allocator, 0).limitMs).toBe(FLOOR + 2 + 3_000);
  });

  test('a window of one ms: an extension is due at once', () => {
    expect(due(allocatorOf({ limitMs: FLOOR }), 0).limitMs).toBe(4_000);
  });

  test('prepared again: at least as far, and only the latest one can be committed', () => {
    const allocator = allocatorOf();
    const early = due(allocator, 1_900);
    const late = due(allocator, 1_700);
    expect(late.limitMs).toBe(early.limitMs);
    expect(allocator.commit(early)).toBe(false);
    expect(allocator.window.limitMs).toBe(2_000);
    expect(allocator.commit(late)).toBe(true);
    expect(allocator.commit(late)).toBe(false);
  });

  // O04
  test('an extension of another allocator, an equal one too: changes nothing', () => {
    const earlier = allocatorOf();
    const allocator = allocatorOf({ floorMs: 1_001, limitMs: 2_001 });
    const foreign = due(earlier, 1_900);
    expect(allocator.commit(foreign)).toBe(false);
    expect(allocator.commit({ ...due(allocator, 1_900) })).toBe(false);
    expect(allocator.window).toEqual({ floorMs: 1_001, limitMs: 2_001 });
  });

  test('the end of 46 bits: extended up to it, then no further', () => {
    const allocator = allocatorOf({ floorMs: PHYSICAL_MS_MAX - 2, limitMs: PHYSICAL_MS_MAX - 1 });
    for (let i = 0; i < 2; i++) allocator.grant(LOGICAL_COUNT, 0);
    expect(allocator.grant(1, 0)).toBeUndefined();
    const extension = due(allocator, 0);
    expect(extension.limitMs).toBe(PHYSICAL_MS_MAX);
    allocator.commit(extension);
    expect(allocator.grant(1, 0)?.physicalMs).toBe(PHYSICAL_MS_MAX);
    expect(allocator.prepareExtension(0)).toBeUndefined();
  });
});

describe('window allocator: properties', () => {
  const wall = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 900, max: 1_200 }) },
    { weight: 1, arbitrary: fc.double() },
    { weight: 1, arbitrary: fc.constantFrom(0, BELIEVED_WALL_MS_MAX, PHYSICAL_MS_MAX, 2 ** 64) },
  );
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('grant' as const),
      nowMs: wall,
      sinceMs: fc.option(wall, { nil: undefined }),
      count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: LOGICAL_COUNT })),
    }),
    fc.record({ kind: fc.constant('prepare' as const), nowMs: wall }),
    fc.record({ kind: fc.constant('commit' as const), which: fc.nat({ max: 3 }) }),
  );
  const believed = (ms: number): number => (ms >= 0 && ms <= BELIEVED_WALL_MS_MAX ? Math.floor(ms) : 0);

  test('any clock, counts and extensions: ranges rise, lie within what is durable, not behind the clock', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 30 }),
        (steps, windowAheadMs) => {
          let limitMs = FLOOR + 3;
          const allocator = allocatorOf({ limitMs, windowAheadMs });
          const prepared: WindowExtension[] = [];
          let previous = packTimestamp(FLOOR, 0) - 1n;
          for (const each of steps) {
            if (each.kind === 'prepare') {
              const extension = allocator.prepareExtension(each.nowMs);
              if (extension === undefined) continue;
              expect(extension.limitMs).toBeGreaterThan(limitMs);
              expect(extension.limitMs).toBeLessThanOrEqual(PHYSICAL_MS_MAX);
              prepared.push(extension);
            } else if (each.kind === 'commit') {
              const extension = prepared.at(-1 - each.which);
              if (extension === undefined) continue;
              const isLatest = each.which === 0;
              expect(allocator.commit(extension)).toBe(isLatest);
              if (isLatest) limitMs = extension.limitMs;
              if (isLatest) prepared.length = 0;
            } else {
              const range = allocator.grant(each.count, each.nowMs, each.sinceMs);
              const nowMs = believed(each.nowMs);
              const sinceMs = each.sinceMs === undefined ? nowMs : Math.min(nowMs, believed(each.sinceMs));
              if (range === undefined) {
                // Whoever is refused can have the window extended, and is served then by the same clock.
                expect(allocator.prepareExtension(each.nowMs)).toBeDefined();
                prepared.length = 0;
                continue;
              }
              expect(range.count).toBe(each.count);
              expect(range.logicalStart + range.count).toBeLessThanOrEqual(LOGICAL_COUNT);
              expect(range.physicalMs).toBeGreaterThanOrEqual(Math.max(FLOOR, sinceMs));
              expect(range.physicalMs).toBeLessThanOrEqual(limitMs);
              expect(first(range)).toBeGreaterThan(previous);
              previous = last(range);
            }
            expect(allocator.window).toEqual({ floorMs: FLOOR, limitMs });
          }
        },
      ),
    );
  });

  // O07: the slow, obvious twin counts timestamps one by one.
  test('without a clock: ranges are where one counts to, leaving out what does not fit into a ms', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: LOGICAL_COUNT }), { maxLength: 40 }), (counts) => {
        const allocator = allocatorOf({ floorMs: 0, limitMs: 1_000 });
        let next = 0;
        for (const count of counts) {
          while (Math.floor(next / LOGICAL_COUNT) !== Math.floor((next + count - 1) / LOGICAL_COUNT)) {
            next = (Math.floor(next / LOGICAL_COUNT) + 1) * LOGICAL_COUNT;
          }
          expect(first(allocator.grant(count, Number.NaN))).toBe(BigInt(next));
          next += count;
        }
      }),
    );
  });
});
