import { describe, expect, test } from 'vitest';
import { FailoverGaps } from '../../src/cli/load/failover-gaps.js';

describe('failover gaps', () => {
  test('a kill between two grants, measures from the last grant before it to the first one after it', () => {
    const gaps = new FailoverGaps();
    gaps.granted(100);
    gaps.killed(105);
    expect(gaps.unanswered).toBe(1);
    gaps.granted(400);
    gaps.granted(401);
    expect(gaps.gaps).toEqual([300]);
    expect(gaps.unanswered).toBe(0);
  });

  test("an answer of the dead leader that was still on its way, counts as the dead leader's", () => {
    const gaps = new FailoverGaps({ settleMs: 20 });
    gaps.granted(100);
    gaps.killed(101);
    gaps.granted(103);
    expect(gaps.unanswered).toBe(1);
    gaps.granted(350);
    expect(gaps.gaps).toEqual([247]);
  });

  test('two kills without a grant between them, share one gap', () => {
    const gaps = new FailoverGaps();
    gaps.granted(100);
    gaps.killed(110);
    gaps.killed(1_000);
    gaps.granted(1_500);
    expect(gaps.gaps).toEqual([1_400, 1_400]);
  });

  test('a grant within the settling time of the second kill only, answers the first', () => {
    const gaps = new FailoverGaps({ settleMs: 20 });
    gaps.granted(100);
    gaps.killed(110);
    gaps.killed(300);
    gaps.granted(310);
    expect(gaps.gaps).toEqual([210]);
    expect(gaps.unanswered).toBe(1);
    gaps.granted(700);
    expect(gaps.gaps).toEqual([210, 390]);
  });

  test('a kill before any grant, measures from the kill', () => {
    const gaps = new FailoverGaps();
    gaps.killed(50);
    gaps.granted(90);
    expect(gaps.gaps).toEqual([40]);
  });

  test('no grant after a kill, stays unanswered', () => {
    const gaps = new FailoverGaps();
    gaps.granted(1);
    gaps.killed(2);
    expect(gaps.gaps).toEqual([]);
    expect(gaps.unanswered).toBe(1);
  });
});
