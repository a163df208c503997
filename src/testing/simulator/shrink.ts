import fc from 'fast-check';
import { CHAOS_KINDS, type ChaosKind, type FaultPlan } from './fault-plan.js';
import { runSimulation, SimulationFailure, type SimulationOptions } from './simulation.js';

/** What every world may do without, each with the value that switches it off. */
const SWITCHED_OFF = {
  loss: 0,
  duplication: 0,
  reordering: 0,
  delayTail: 0,
  diskFailure: 0,
  shortWrites: 0,
  lossOfDirectory: false,
  slowReplies: 0,
  clockDrift: 0,
  clockSkewMs: 0,
  restlessEveryMs: Number.POSITIVE_INFINITY,
} as const satisfies Partial<FaultPlan>;

/** A kind of fault that a world can be run without. */
export type FaultRate = keyof typeof SWITCHED_OFF;

// Object.keys forgets that the keys are FaultRates.
export const FAULT_RATES = Object.keys(SWITCHED_OFF) as readonly FaultRate[];

/** What a world can be run without: a kind of fault, or a kind of chaos. */
export type FaultSwitch = FaultRate | ChaosKind;

export const FAULT_SWITCHES: readonly FaultSwitch[] = [...FAULT_RATES, ...CHAOS_KINDS];

/** The options of a world without these; everything else comes as it did. */
export function switchedOff(
  off: readonly FaultSwitch[],
): Required<Pick<SimulationOptions, 'plan' | 'withoutKinds'>> {
  return {
    plan: withoutRates(FAULT_RATES.filter((rate) => off.includes(rate))),
    withoutKinds: CHAOS_KINDS.filter((kind) => off.includes(kind)),
  };
}

/** The parts of a plan that switch these off. */
export function withoutRates(rates: readonly FaultRate[]): Partial<FaultPlan> {
  return Object.fromEntries(rates.map((rate) => [rate, SWITCHED_OFF[rate]]));
}

/** Which world to shrink, and how long to try. */
export interface ShrinkOptions {
  readonly seed: number;
  /** As of the run that failed. */
  readonly steps: number;
  /** As of the run that failed. */
  readonly plan?: Partial<FaultPlan>;
  /** How many worlds to run at most. Default 400. */
  readonly maxRuns?: number;
}

/** A world that still breaks the same invariant, with fewer faults. */
export interface ShrunkWorld {
  /** Numbers of acts of chaos that it does not need. */
  readonly without: readonly number[];
  /** Rates that it does not need. */
  readonly off: readonly FaultRate[];
  /** Numbers of the acts that are left. */
  readonly acts: readonly number[];
  /** Of the smallest world. */
  readonly failure: SimulationFailure;
  /** How many worlds were run. */
  readonly runs: number;
}

/** Something that a world can be run without: an act of chaos by its number, or a rate. */
type Fault = number | FaultRate;

/**
 * Looks for few faults that still make a world break the invariant that it breaks with all of them: leaves
 * out acts of chaos and rates, the way that fast-check shrinks a subarray.
 *
 * Resolves with undefined if the seed breaks nothing.
 */
export async function shrinkSimulation(options: ShrinkOptions): Promise<ShrunkWorld | undefined> {
  const { seed, steps, plan, maxRuns = 400 } = options;
  let runs = 0;
  const attempt = async (
    left: readonly Fault[],
    leftOut: readonly Fault[],
  ): Promise<ShrunkWorld | undefined> => {
    runs += 1;
    const off = FAULT_RATES.filter((rate) => leftOut.includes(rate));
    const withoutActs = leftOut.filter((fault) => typeof fault === 'number');
    try {
      await runSimulation({ seed, steps, plan: { ...plan, ...withoutRates(off) }, without: withoutActs });
      return undefined;
    } catch (error) {
      if (!(error instanceof SimulationFailure)) throw error;
      // Acts that come after the failure are not needed, nor listed.
      const acts = left.filter((fault) => typeof fault === 'number' && fault < error.acts);
      return {
        without: withoutActs,
        off,
        acts: acts.filter((act) => typeof act === 'number'),
        failure: error,
        runs,
      };
    }
  };
  let smallest = await attempt([], []);
  if (smallest === undefined) return undefined;
  const { invariant, acts } = smallest.failure;
  const all: readonly Fault[] = [...FAULT_RATES, ...Array.from({ length: acts }, (_, act) => act)];
  const holds = async (left: readonly Fault[]): Promise<boolean> => {
    if (runs >= maxRuns) return true;
    const found = await attempt(
      left,
      all.filter((fault) => !left.includes(fault)),
    );
    if (found?.failure.invariant !== invariant) return true;
    smallest = found;
    return false;
  };
  await fc.check(fc.asyncProperty(fc.subarray([...all]), holds), { numRuns: 1, examples: [[[...all]]] });
  return { ...smallest, runs };
}
