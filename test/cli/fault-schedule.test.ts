import { describe, expect, test } from 'vitest';
import { type DelayedFault, drawFaults, type Fault } from '../../src/cli/cluster/fault-schedule.js';
import { SeededRandom } from '../../src/runtime/index.js';

function first(count: number, seed: number, nodes = 3): DelayedFault<Fault>[] {
  const faults = drawFaults(new SeededRandom(seed), nodes);
  return Array.from({ length: count }, () => faults.next().value);
}

describe('fault schedule', () => {
  test('one seed, is one schedule; another seed, another one', () => {
    expect(first(50, 7)).toEqual(first(50, 7));
    expect(first(50, 7)).not.toEqual(first(50, 8));
  });

  test.each([1, 3, 5])(
    '%i nodes: every kind comes, every node is hit, pauses are within their range',
    (nodes) => {
      const faults = first(2_000, 1, nodes).map(({ fault }) => fault);
      const kinds = new Set(faults.map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual(['kill', 'killAll', 'killLeader', 'pause', 'pauseLeader', 'storm']);
      const parts = faults.flatMap((fault) =>
        fault.kind === 'storm' ? fault.faults.map((part) => part.fault) : [fault],
      );
      const hit = new Set(parts.flatMap((fault) => ('node' in fault ? [fault.node] : [])));
      expect([...hit].sort()).toEqual(Array.from({ length: nodes }, (_, index) => index));
      for (const part of parts) {
        if (!('forMs' in part)) continue;
        expect(part.forMs).toBeGreaterThanOrEqual(50);
        expect(part.forMs).toBeLessThan(4_000);
      }
    },
  );
});
