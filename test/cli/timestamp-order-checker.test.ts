import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimestampOrderChecker } from '../../src/cli/load/timestamp-order-checker.js';

type Step =
  | { readonly kind: 'begin' }
  | { readonly kind: 'received'; readonly call: number; readonly first: bigint; readonly count: number }
  | { readonly kind: 'failed'; readonly call: number };

/** The obvious twin: remembers everything, compares each grant with every earlier one. */
class NaiveChecker {
  readonly #grants: { readonly atStep: number; readonly first: bigint; readonly last: bigint }[] = [];
  violations = 0;

  received(beganAtStep: number, atStep: number, first: bigint, count: number): void {
    const last = first + BigInt(count) - 1n;
    const broken = this.#grants.some(
      (earlier) =>
        (earlier.atStep < beganAtStep && earlier.last >= first) ||
        (earlier.first <= last && first <= earlier.last),
    );
    if (broken) this.violations++;
    this.#grants.push({ atStep, first, last });
  }
}

/** Small values and few calls, so that collisions and overlaps abound. */
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'begin' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('received' as const),
      call: fc.nat({ max: 5 }),
      first: fc.bigInt({ min: 0n, max: 60n }),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('failed' as const), call: fc.nat({ max: 5 }) }),
  },
);

/** Runs the steps through both checkers; values drift upwards with `slope` a step, as timestamps do. */
function runBoth(steps: readonly Step[], slope: bigint) {
  const checker = new TimestampOrderChecker();
  const naive = new NaiveChecker();
  const underWay: { readonly token: number; readonly beganAtStep: number }[] = [];
  const verdicts: [number, number][] = [];
  steps.forEach((step, atStep) => {
    if (step.kind === 'begin') {
      underWay.push({ token: checker.begin(), beganAtStep: atStep });
    } else if (underWay.length > 0) {
      const [call] = underWay.splice(step.call % underWay.length, 1);
      if (call === undefined) return;
      if (step.kind === 'failed') {
        checker.failed(call.token);
      } else {
        const first = step.first + slope * BigInt(atStep);
        checker.received(call.token, first, step.count);
        naive.received(call.beganAtStep, atStep, first, step.count);
      }
    }
    verdicts.push([checker.violations, naive.violations]);
  });
  return { checker, verdicts, underWay };
}

describe('timestamp order checker', () => {
  test('any schedule of overlapping calls, counts exactly what a comparison of all pairs counts', () => {
    fc.assert(
      fc.property(
        fc.array(stepArbitrary, { maxLength: 120 }),
        fc.constantFrom(0n, 1n, 5n, 20n),
        (steps, slope) => {
          const { verdicts } = runBoth(steps, slope);
          for (const [counted, expected] of verdicts) expect(counted).toBe(expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('all calls ended, keeps nothing', () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 80 }), (steps) => {
        const { checker, underWay } = runBoth(steps, 3n);
        for (const { token } of underWay) checker.failed(token);
        expect(checker.keptRanges).toBe(0);
        expect(checker.callsUnderWay).toBe(0);
      }),
    );
  });

  test('a call that began after a grant, receives the same or a lower timestamp, is a violation', () => {
    const checker = new TimestampOrderChecker();
    expect(checker.received(checker.begin(), 10n, 1)).toBeUndefined();
    expect(checker.received(checker.begin(), 10n, 1)).toEqual({
      kind: 'notAbove',
      first: 10n,
      count: 1,
      floor: 10n,
    });
    expect(checker.received(checker.begin(), 9n, 5)).toMatchObject({ kind: 'notAbove', floor: 10n });
    expect(checker.violations).toBe(2);
  });

  test('two calls that overlap, lower timestamp second, is allowed', () => {
    const checker = new TimestampOrderChecker();
    const first = checker.begin();
    const second = checker.begin();
    expect(checker.received(first, 20n, 5)).toBeUndefined();
    expect(checker.received(second, 15n, 5)).toBeUndefined();
    expect(checker.violations).toBe(0);
  });

  test('two calls that overlap, ranges share one timestamp, is a violation', () => {
    const checker = new TimestampOrderChecker();
    const first = checker.begin();
    const second = checker.begin();
    checker.received(first, 20n, 5);
    expect(checker.received(second, 16n, 5)).toEqual({ kind: 'duplicate', first: 16n, count: 5 });
  });

  test('one slow call beside many quick ones, adjacent grants take one range, and none once it has ended', () => {
    const checker = new TimestampOrderChecker();
    const slow = checker.begin();
    for (let value = 0n; value < 10_000n; value++) checker.received(checker.begin(), value, 1);
    expect(checker.keptRanges).toBe(1);
    expect(checker.received(slow, 5_000n, 1)).toMatchObject({ kind: 'duplicate' });
    expect(checker.keptRanges).toBe(0);
  });

  test('a grant between two kept ranges, joins them into one', () => {
    const checker = new TimestampOrderChecker();
    checker.begin();
    const calls = [10n, 14n, 11n].map((first) => ({ first, call: checker.begin() }));
    for (const { first, call } of calls) checker.received(call, first, first === 11n ? 3 : 1);
    expect(checker.keptRanges).toBe(1);
    expect(checker.violations).toBe(0);
  });

  test('more separate ranges than may be kept, throws instead of forgetting', () => {
    const checker = new TimestampOrderChecker({ maxKeptRanges: 3 });
    checker.begin();
    for (const value of [10n, 20n, 30n]) checker.received(checker.begin(), value, 1);
    const call = checker.begin();
    expect(() => checker.received(call, 40n, 1)).toThrow(
      expect.objectContaining({ code: 'checker_overflow' }),
    );
  });

  test('a call that ends twice, throws', () => {
    const checker = new TimestampOrderChecker();
    const call = checker.begin();
    checker.received(call, 1n, 1);
    expect(() => checker.received(call, 2n, 1)).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});
