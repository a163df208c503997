import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  assertAdvanceInRange,
  CONSENSUS_ERROR_CODES,
  ConsensusError,
  DEFAULT_CALL_TIMEOUT_MS,
  EPOCH_ZERO,
  epochFromHalves,
  epochHalves,
  isHighWater,
  mergeHighWater,
  PHYSICAL_MS_MAX,
  toEpoch,
} from '../../src/consensus/index.js';
import { InvalidInputError, TsoracleError } from '../../src/errors/index.js';

const U64_MAX = 2n ** 64n - 1n;

describe('errors of a driver', () => {
  test.each(CONSENSUS_ERROR_CODES)('%s: recognised by its code, with its message and cause', (code) => {
    const cause = new Error('underneath');
    const error = new ConsensusError(code, 'told to people', { cause });
    expect(error).toBeInstanceOf(TsoracleError);
    expect(error).toMatchObject({ name: 'ConsensusError', code, message: 'told to people', cause });
    expect(ConsensusError.is(error)).toBe(true);
    for (const other of CONSENSUS_ERROR_CODES) expect(ConsensusError.is(error, other)).toBe(other === code);
  });

  test('of another copy of the package in the same process: recognised all the same', () => {
    class ConsensusErrorOfAnotherCopy extends Error {
      override readonly name = 'ConsensusError';
      readonly code = 'fenced';
    }
    const error: unknown = new ConsensusErrorOfAnotherCopy('fenced');
    expect(error).not.toBeInstanceOf(ConsensusError);
    expect(ConsensusError.is(error, 'fenced')).toBe(true);
    expect(ConsensusError.is(error, 'transient')).toBe(false);
  });

  test.each([
    [
      'a code that the family does not have',
      Object.assign(new ConsensusError('closed', ''), { code: 'lost' }),
    ],
    ['another name', Object.assign(new Error('x'), { code: 'fenced' })],
    ['no error', { name: 'ConsensusError', code: 'fenced' }],
    ['nothing', undefined],
  ])('%s: is not of the family', (_, error) => {
    expect(ConsensusError.is(error)).toBe(false);
  });

  test('the facts travel with it: the higher epoch, the value refused; no cause is none', () => {
    expect(new ConsensusError('fenced', '', { epoch: toEpoch(9n) })).toMatchObject({ epoch: 9n });
    expect(new ConsensusError('advance_out_of_range', '', { atLeast: -1 })).toMatchObject({ atLeast: -1 });
    expect(new ConsensusError('transient', '')).not.toHaveProperty('cause');
  });
});

describe('epochs', () => {
  test('their ends are in, what lies beyond and what is no bigint is refused by name', () => {
    expect(toEpoch(0n)).toBe(EPOCH_ZERO);
    expect(toEpoch(2n ** 128n - 1n)).toBe(2n ** 128n - 1n);
    for (const value of [-1n, 2n ** 128n, 1 as unknown as bigint]) {
      expect(() => toEpoch(value)).toThrow(expect.objectContaining({ field: 'epoch', value }));
    }
  });

  test('halves: every epoch comes back from its own, and they order as it does', () => {
    const epoch = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
    fc.assert(
      fc.property(epoch, epoch, (a, b) => {
        const [ha, hb] = [epochHalves(toEpoch(a)), epochHalves(toEpoch(b))];
        expect(epochFromHalves(ha)).toBe(a);
        expect(ha.hi < hb.hi || (ha.hi === hb.hi && ha.lo < hb.lo)).toBe(a < b);
      }),
    );
  });

  test.each([
    ['epoch.hi', { hi: -1n, lo: 0n }],
    ['epoch.hi', { hi: U64_MAX + 1n, lo: 0n }],
    ['epoch.lo', { hi: 0n, lo: U64_MAX + 1n }],
  ])('a half out of its range, %s: refused by name', (field, halves) => {
    expect(() => epochFromHalves(halves)).toThrow(InvalidInputError);
    expect(() => epochFromHalves(halves)).toThrow(expect.objectContaining({ field }));
  });
});

describe('the advance rule', () => {
  const highWater = fc.integer({ min: 0, max: PHYSICAL_MS_MAX });

  test('any advances in any order, any of them repeated: the highest remains, and it never falls', () => {
    fc.assert(
      fc.property(fc.array(highWater, { minLength: 1 }), (advances) => {
        let current = 0;
        for (const atLeast of [...advances, ...advances.toReversed()]) {
          const next = mergeHighWater(current, atLeast);
          expect(next).toBeGreaterThanOrEqual(Math.max(current, atLeast));
          current = next;
        }
        expect(current).toBe(Math.max(...advances));
      }),
    );
  });

  // A08
  test.each([-1, -0.5, 0.5, Number.NaN, Number.POSITIVE_INFINITY, PHYSICAL_MS_MAX + 1, 2 ** 53, 2 ** 64])(
    '%s can be no high-water: refused with the value',
    (atLeast) => {
      expect(isHighWater(atLeast)).toBe(false);
      expect(() => assertAdvanceInRange(atLeast)).toThrow(
        expect.objectContaining({ code: 'advance_out_of_range', atLeast }),
      );
    },
  );

  test.each([0, 1, 2 ** 32, PHYSICAL_MS_MAX])('%s can be one', (atLeast) => {
    expect(isHighWater(atLeast)).toBe(true);
    assertAdvanceInRange(atLeast);
  });

  test('numbers that others rely on', () => {
    expect([PHYSICAL_MS_MAX, DEFAULT_CALL_TIMEOUT_MS]).toEqual([70_368_744_177_663, 5_000]);
  });
});
