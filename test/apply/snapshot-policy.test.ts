import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SnapshotPolicy, type SnapshotQuestion } from '../../src/apply/index.js';
import { InvalidInputError } from '../../src/errors/index.js';

describe('snapshot policy', () => {
  it('disabled: never fires', () => {
    const policy = SnapshotPolicy.disabled();
    expect([1, 10, 1_000_000].map((idx) => policy.fire(idx))).toEqual([false, false, false]);
    expect(policy.description).toBe('disabled');
  });

  it('every 3: fires at the third record since it last fired, and not again there', () => {
    const policy = SnapshotPolicy.every(3);
    const fired = [1, 2, 3, 3, 4, 5, 6, 7].filter((idx) => policy.fire(idx));
    expect(fired).toEqual([3, 6]);
    expect(policy.lastFiredIdx).toBe(6);
    expect(policy.description).toBe('every 3');
  });

  it('every 3, applied in large steps: fires once a step, and counts from there', () => {
    const policy = SnapshotPolicy.every(3);
    expect([10, 12, 13].map((idx) => policy.fire(idx))).toEqual([true, false, true]);
  });

  it('every 1: fires at each record', () => {
    const policy = SnapshotPolicy.every(1);
    expect([0, 1, 2].map((idx) => policy.fire(idx))).toEqual([false, true, true]);
  });

  // A06
  it('rebased: counts from there, so that a restart is not followed by a snapshot', () => {
    const policy = SnapshotPolicy.every(10);
    policy.rebase(1_000_000);
    expect([1_000_000, 1_000_009, 1_000_010].map((idx) => policy.fire(idx))).toEqual([false, false, true]);
  });

  it('when: is asked with the applied index and where it last fired, and only if something is new', () => {
    const questions: SnapshotQuestion[] = [];
    const policy = SnapshotPolicy.when((question) => {
      questions.push(question);
      return question.appliedIdx % 2 === 0;
    });
    for (const idx of [0, 1, 2, 2, 3]) policy.fire(idx);
    expect(questions).toEqual([
      { appliedIdx: 1, lastFiredIdx: 0 },
      { appliedIdx: 2, lastFiredIdx: 0 },
      { appliedIdx: 3, lastFiredIdx: 2 },
    ]);
  });

  it('when the predicate throws: has not fired', () => {
    const policy = SnapshotPolicy.when(() => {
      throw new Error('predicate');
    });
    expect(() => policy.fire(5)).toThrow('predicate');
    expect(policy.lastFiredIdx).toBe(0);
  });

  it.each([[0], [-1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY]])('every %d: is refused', (records) => {
    expect(() => SnapshotPolicy.every(records)).toThrow(InvalidInputError);
  });

  it('any rising indexes: two firings of every n are at least n apart, and none is missed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.nat({ max: 50 }),
        fc.array(fc.nat({ max: 15 }), { maxLength: 40 }),
        (every, base, steps) => {
          const policy = SnapshotPolicy.every(every);
          policy.rebase(base);
          let appliedIdx = base;
          let last = base;
          for (const step of steps) {
            appliedIdx += step;
            expect(policy.fire(appliedIdx)).toBe(appliedIdx - last >= every);
            if (appliedIdx - last >= every) last = appliedIdx;
          }
        },
      ),
    );
  });
});
