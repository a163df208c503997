import { describe, expect, test } from 'vitest';
import type { HighWaterCommand, HighWaterSnapshot } from '../../src/high-water/index.js';
import { BALLOT_ZERO, type StableState } from '../../src/omnipaxos/index.js';
import { DiskModel } from '../../src/testing/simulator/checkers/disk-model.js';
import { InvariantViolation } from '../../src/testing/simulator/violation.js';

const EMPTY: StableState<HighWaterCommand, HighWaterSnapshot> = {
  config: { configId: 1, nodes: [1, 2, 3], leaseMs: 0, maxClockDrift: 0.01 },
  promise: BALLOT_ZERO,
  acceptedRound: BALLOT_ZERO,
  decidedIdx: 0,
  records: [],
};
const FIRST = { configId: 1, n: 1, priority: 0, pid: 1 };
const SECOND = { configId: 1, n: 2, priority: 0, pid: 2 };

/** Promised `FIRST`, acknowledged; then `SECOND` in one operation with decidedIdx 0, not acknowledged. */
function model(): DiskModel {
  const disk = new DiskModel(1, EMPTY);
  disk.acknowledged(disk.handedOver([{ kind: 'promise', promise: FIRST }]));
  disk.handedOver([{ kind: 'promise', promise: SECOND }]);
  return disk;
}

// S02, S06, S14: invariants 5 and 21
describe('what a recovery finds, judged by what was acknowledged', () => {
  test('what was acknowledged, with or without what came after it: accepted', () => {
    for (const promise of [FIRST, SECOND]) {
      const disk = model();
      disk.recovered({ ...EMPTY, promise });
      expect(disk.durable.promise).toEqual(promise);
    }
  });

  test.each([
    ['what was acknowledged is gone', EMPTY],
    ['something that nobody has written', { ...EMPTY, promise: { ...SECOND, n: 3 } }],
    ['a later write without an earlier one', { ...EMPTY, promise: FIRST, decidedIdx: 7 }],
  ])('%s: a violation', (_, found) => {
    const disk = model();
    disk.handedOver([{ kind: 'decided', decidedIdx: 7 }]);
    expect(() => disk.recovered(found)).toThrow(InvariantViolation);
  });

  test('what one crash has taken does not come back in a later one', () => {
    const disk = model();
    disk.recovered({ ...EMPTY, promise: FIRST });
    expect(() => disk.recovered({ ...EMPTY, promise: SECOND })).toThrow(InvariantViolation);
  });
});
