import { type FaultSwitch, switchedOff } from '../../src/testing/simulator/shrink.js';
import { runSimulation, type SimulationReport } from '../../src/testing/simulator/simulation.js';

/** What a worker is told. */
export interface SeedTask {
  readonly seed: number;
  readonly steps: number;
  /** Numbers of acts of chaos to leave out. */
  readonly without: readonly number[];
  /** Kinds of faults to switch off. */
  readonly off: readonly FaultSwitch[];
}

/** What a worker answers. */
export type SeedResult =
  | { readonly seed: number; readonly report: SimulationReport }
  | { readonly seed: number; readonly failure: string };

/** Most errors that a world makes are answers to its clients, and none shows where it was made: leaving that out makes worlds faster. */
export function forgetStacks(): void {
  Error.stackTraceLimit = 0;
}

/** Runs one seed; a broken invariant is a result. */
export async function runSeed(
  { seed, steps, without, off }: SeedTask,
  trace?: (line: string) => void,
): Promise<SeedResult> {
  try {
    const tracing = trace === undefined ? {} : { trace };
    return { seed, report: await runSimulation({ seed, steps, without, ...switchedOff(off), ...tracing }) };
  } catch (error) {
    return { seed, failure: error instanceof Error ? error.message : String(error) };
  }
}

// As a process of its own: one task after the other, until the parent lets go.
if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  forgetStacks();
  process.on('message', (task: SeedTask) => {
    // The parent may have gone meanwhile.
    void runSeed(task).then((result) => process.connected && process.send?.(result));
  });
}
