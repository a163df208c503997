import { describe, expect, test } from 'vitest';
import { runSimulation, SimulationFailure } from '../../src/testing/simulator/simulation.js';

const SEEDS = 300;
const STEPS = 800;
/** Seeds run in groups, so that a group's name says where to look and the report stays readable. */
const GROUP = 25;

describe('simulated clusters under faults', () => {
  const groups = Array.from({ length: SEEDS / GROUP }, (_, index) => index * GROUP + 1);

  test.each(groups)('seeds from %i on: every invariant holds, and all come to rest', async (first) => {
    for (let seed = first; seed < first + GROUP; seed++) {
      const report = await runSimulation({ seed, steps: STEPS });
      expect(report.timestamps).toBeGreaterThan(0);
      expect(report.decided).toBeGreaterThan(0);
    }
  });

  test('the same seed: the same run, to the last event', async () => {
    const run = async (): Promise<string[]> => {
      const lines: string[] = [];
      const plan = { nodes: 3, chaosEveryMs: 100 };
      const trace = (line: string): void => void lines.push(line);
      const { traceHash } = await runSimulation({ seed: 77, steps: 3_000, plan, trace });
      return [...lines, traceHash];
    };
    const first = await run();
    expect(first.length).toBeGreaterThan(100);
    expect(await run()).toEqual(first);
  });

  test('the hash of a trace: does not depend on who reads along, and differs between worlds', async () => {
    const hashOf = async (seed: number, trace?: () => void): Promise<string> => {
      const options = { seed, steps: 500, ...(trace === undefined ? {} : { trace }) };
      return (await runSimulation(options)).traceHash;
    };
    expect(await hashOf(3, () => {})).toBe(await hashOf(3));
    expect(await hashOf(4)).not.toBe(await hashOf(3));
  });

  test('a world that cannot come to rest: the failure names the seed, the step, the invariant and the replay', async () => {
    // Messages that take longer than the time allowed.
    const stuck = runSimulation({
      seed: 5,
      steps: 200,
      plan: { nodes: 3, delayMs: { min: 60_000, max: 60_001 } },
    });
    await expect(stuck).rejects.toThrow(SimulationFailure);
    await expect(stuck).rejects.toThrow(
      /when faults stop.*seed 5, step \d+\. Replay: npm run sim -- --seed 5 --steps 200 --trace/s,
    );
  });
});
