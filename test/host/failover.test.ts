import { describe, expect, test } from 'vitest';
import { failover } from './failover.js';

const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);

describe('failover: the leader loses its power', () => {
  test.each(SEEDS)(
    'seed %i: one leadership follows, it serves from its first window on, and its clients wait for 3.2 rounds at most',
    async (seed) => {
      const { gapMs, leaderships, withoutLeaseMs } = await failover(seed, 250);
      expect(leaderships).toBe(1);
      expect(withoutLeaseMs).toBe(0);
      // A round of 100 ms in which the leader died, one to see that it is gone, one to see that others see it too; then messages.
      expect(gapMs).toBeLessThanOrEqual(320);
    },
  );
});
