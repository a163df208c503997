import { describe, expect, test } from 'vitest';
import { chaosWeights } from '../../src/testing/simulator/fault-plan.js';
import { runSimulation } from '../../src/testing/simulator/simulation.js';

/** Power cuts in the middle of writes and of recoveries, full and failing disks; the members stay. */
const PLAN = {
  disks: 'journal',
  nodes: 3,
  chaosEveryMs: 100,
  shortWrites: 0.1,
  syncMs: { min: 0.1, max: 10 },
  diskFailure: 0.0005,
  weights: chaosWeights({ crash: 2, crashInWrite: 4, crashLoop: 0.5, fillDisk: 0.5, restart: 4 }),
} as const;

// S01, S06, S09, S13, S14
describe('simulated clusters on the journal', () => {
  test('torn and lost writes, failed syncs, full disks, crashes while recovering: every invariant holds', async () => {
    const sums = {
      tornWrites: 0,
      lostWrites: 0,
      crashesInWrites: 0,
      crashesInRecovery: 0,
      diskFailures: 0,
      fullDisks: 0,
    };
    for (let seed = 1; seed <= 12; seed++) {
      const report = await runSimulation({ seed, steps: 2_000, plan: PLAN });
      expect(report.timestamps).toBeGreaterThan(0);
      // Object.keys forgets that the keys are those of `sums`.
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += report[name];
    }
    for (const [name, count] of Object.entries(sums)) expect(count, name).toBeGreaterThan(0);
  });

  test('an act of chaos that is left out: those after it come as they did', async () => {
    const acts = async (without: readonly number[]): Promise<string[]> => {
      const lines: string[] = [];
      await runSimulation({ seed: 3, steps: 2_000, plan: PLAN, without, trace: (line) => lines.push(line) });
      return lines.filter((line) => /chaos \d+:/.test(line));
    };
    const all = await acts([]);
    const [first, ...others] = all;
    const common = others.slice(0, 8);
    expect(first).toMatch(/chaos 0:/);
    expect((await acts([0])).slice(0, common.length)).toEqual(common);
  });
});
