import { describe, expect, test } from 'vitest';
import { type ChaosKind, chaosWeights, type FaultPlan } from '../../src/testing/simulator/fault-plan.js';
import { FAULT_SWITCHES, switchedOff } from '../../src/testing/simulator/shrink.js';
import { runSimulation, type SimulationReport } from '../../src/testing/simulator/simulation.js';

type Count = keyof SimulationReport;

/** A world of three nodes in which nothing goes wrong but what is given. */
const CALM: Partial<FaultPlan> = {
  nodes: 3,
  spares: 1,
  loss: 0,
  duplication: 0,
  reordering: 0,
  delayTail: 0,
  diskFailure: 0,
  shortWrites: 0,
  slowReplies: 0,
  lossOfDirectory: false,
  clockDrift: 0.004,
  clockSkewMs: 50,
  chaosEveryMs: 150,
  restlessEveryMs: 200,
  weights: chaosWeights({ heal: 1 }),
};

/** Each fault: what brings it about, and what counts it. */
const ACTS: readonly { readonly kind: ChaosKind; readonly counts: readonly Count[] }[] = [
  { kind: 'crash', counts: ['crashes'] },
  { kind: 'crashAll', counts: ['crashes'] },
  { kind: 'crashInWrite', counts: ['crashesInWrites', 'crashesInRecovery'] },
  { kind: 'crashLoop', counts: ['crashesInRecovery'] },
  { kind: 'stop', counts: ['orderlyStops'] },
  { kind: 'rollingRestart', counts: ['restarts'] },
  { kind: 'isolate', counts: ['partitions'] },
  { kind: 'cutOneWay', counts: ['partitions'] },
  { kind: 'cutLink', counts: ['partitions'] },
  { kind: 'split', counts: ['partitions'] },
  { kind: 'someLinks', counts: ['partialPartitions'] },
  { kind: 'star', counts: ['partialPartitions'] },
  { kind: 'chain', counts: ['partialPartitions'] },
  { kind: 'quorumLoss', counts: ['partialPartitions'] },
  { kind: 'constrainedElection', counts: ['partialPartitions'] },
  { kind: 'chained', counts: ['partialPartitions'] },
  { kind: 'flap', counts: ['flaps'] },
  { kind: 'halfOpen', counts: ['halfOpens'] },
  { kind: 'clog', counts: ['clogs'] },
  { kind: 'slowLink', counts: ['slowLinks', 'messagesSlowed'] },
  { kind: 'freeze', counts: ['freezes'] },
  { kind: 'stall', counts: ['stalls'] },
  { kind: 'suspend', counts: ['suspensions'] },
  { kind: 'stepWall', counts: ['wallSteps'] },
  { kind: 'jumpWall', counts: ['wallJumps'] },
  { kind: 'stopWall', counts: ['wallStops'] },
  { kind: 'fillDisk', counts: ['fullDisks', 'diskFailures'] },
  { kind: 'reconfigure', counts: ['reconfigurations'] },
  { kind: 'handOver', counts: ['handovers'] },
  { kind: 'takeOver', counts: ['takeovers'] },
];

const RATES: readonly (readonly [Partial<FaultPlan>, Count])[] = [
  [{ loss: 0.1 }, 'messagesLost'],
  [{ duplication: 0.1 }, 'messagesDuplicated'],
  [{ reordering: 0.3 }, 'messagesReordered'],
  [{ delayTail: 0.02 }, 'messagesDelayed'],
  [{ slowReplies: 0.1 }, 'repliesDelayed'],
  [{ diskFailure: 0.003 }, 'diskFailures'],
];

const SEEDS = [1, 2];
const STEPS = 1_500;

/** Adds up what the seeds have counted; each runs twice, and must be the same run. */
async function total(plan: Partial<FaultPlan>, counts: readonly Count[]): Promise<number[]> {
  const sums = counts.map(() => 0);
  for (const seed of SEEDS) {
    const [report, again] = [
      await runSimulation({ seed, steps: STEPS, plan }),
      await runSimulation({ seed, steps: STEPS, plan }),
    ];
    expect(again).toEqual(report);
    for (const [index, count] of counts.entries()) sums[index] = (sums[index] ?? 0) + Number(report[count]);
  }
  return sums;
}

describe('each class of faults occurs, is counted, breaks no invariant, and leaves runs the same', () => {
  test.each(ACTS)('$kind', async ({ kind, counts }) => {
    const weights = chaosWeights({ heal: 0.3, restart: 1, [kind]: 3 });
    const sums = await total({ ...CALM, weights }, counts);
    for (const sum of sums) expect(sum).toBeGreaterThan(0);
  });

  test.each(RATES)('%j', async (faults, count) => {
    const [sum] = await total({ ...CALM, ...faults }, [count]);
    expect(sum).toBeGreaterThan(0);
  });
});

// S09, S10, S15, R15
describe('a machine that loses its directory', () => {
  const LOSSES: Partial<FaultPlan> = {
    ...CALM,
    lossOfDirectory: true,
    chaosEveryMs: 150,
    weights: chaosWeights({ stop: 1, restart: 4, crash: 0.5, copyDirectory: 2, loseDirectory: 2 }),
  };
  const KINDS = [
    'wipedDirectories',
    'restoredDirectories',
    'clonedDirectories',
    'damagedDirectories',
  ] as const;

  test.each(['memory', 'journal'] as const)(
    'on %s: each is refused, for ever, and the others go on with a new node in its place',
    async (disks) => {
      const counts = disks === 'journal' ? KINDS : KINDS.slice(0, 3);
      const sums: Partial<Record<Count, number>> = {};
      let damageRefused = 0;
      for (let seed = 1; seed <= 40; seed++) {
        const report = await runSimulation({ seed, steps: 2_500, plan: { ...LOSSES, disks } });
        const lost = KINDS.reduce((sum, kind) => sum + report[kind], 0);
        expect(lost, `seed ${seed}`).toBeLessThanOrEqual(1);
        // Bytes may change in a file that a newer one has made superfluous: then nothing is lost, and the node runs on.
        expect(report.refusals, `seed ${seed}`).toBeLessThanOrEqual(lost);
        expect(report.refusals, `seed ${seed}`).toBeGreaterThanOrEqual(lost - report.damagedDirectories);
        if (report.damagedDirectories > 0) damageRefused += report.refusals;
        for (const kind of KINDS) sums[kind] = (sums[kind] ?? 0) + report[kind];
      }
      for (const kind of counts) expect(sums[kind], kind).toBeGreaterThan(0);
      if (disks === 'journal') expect(damageRefused).toBeGreaterThan(0);
    },
  );
});

describe('switches', () => {
  test('there is one for each rate and each kind of chaos', () => {
    for (const { kind } of ACTS) expect(FAULT_SWITCHES).toContain(kind);
    for (const rate of ['loss', 'delayTail', 'slowReplies', 'lossOfDirectory'])
      expect(FAULT_SWITCHES).toContain(rate);
  });

  test('a kind of chaos that is switched off: it does not come, and the acts of other kinds come as they did', async () => {
    const plan = { ...CALM, weights: chaosWeights({ freeze: 1, stepWall: 1 }) };
    const acts = async (off: readonly ('freeze' | 'loss')[], steps: number): Promise<string[]> => {
      const lines: string[] = [];
      const { withoutKinds } = switchedOff(off);
      await runSimulation({ seed: 5, steps, plan, withoutKinds, trace: (line) => lines.push(line) });
      return lines.flatMap((line) => /chaos \d+: \w+/.exec(line)?.[0] ?? []);
    };
    const all = await acts([], 2_000);
    const without = await acts(['freeze', 'loss'], 6_000);
    expect(all.some((act) => act.endsWith('freeze'))).toBe(true);
    const common = all.filter((act) => !act.endsWith('freeze')).slice(0, 5);
    expect(common.length).toBeGreaterThan(2);
    expect(without.slice(0, common.length)).toEqual(common);
  });
});
