import { parseArgs } from 'node:util';
import { z } from 'zod';
import { parseInput } from '../../src/errors/index.js';
import { runSimulation, type SimulationReport } from '../../src/testing/simulator/simulation.js';

const USAGE = `npm run sim -- [options]

  --seed N      run this seed only
  --seeds N     run so many seeds (default 100), from --first on (default 1)
  --steps N     events under faults for each seed (default 5000)
  --trace       print everything that happens
  --json        print one object, as the last line`;

const wholeNumber = z.coerce.number().int('must be a whole number').min(1, 'must be at least 1');
const flagsSchema = z.strictObject({
  seed: wholeNumber.exactOptional(),
  seeds: wholeNumber.default(100),
  first: wholeNumber.default(1),
  steps: wholeNumber.default(5_000),
  trace: z.boolean().default(false),
  json: z.boolean().default(false),
  help: z.boolean().default(false),
});

type Totals = Record<Exclude<keyof SimulationReport, 'seed'>, number>;

function add(totals: Totals, report: SimulationReport): void {
  // Object.keys forgets that the keys are those of Totals.
  for (const key of Object.keys(totals) as (keyof Totals)[]) totals[key] += report[key];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      first: { type: 'string' },
      steps: { type: 'string' },
      trace: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const flags = parseInput(flagsSchema, values, 'flags');
  if (flags.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const first = flags.seed ?? flags.first;
  const count = flags.seed === undefined ? flags.seeds : 1;
  const totals: Totals = {
    steps: 0,
    simulatedMs: 0,
    decided: 0,
    messages: 0,
    timestamps: 0,
    leaderships: 0,
    crashes: 0,
    restarts: 0,
    partitions: 0,
    freezes: 0,
    wallSteps: 0,
    reconfigurations: 0,
    handovers: 0,
    takeovers: 0,
  };
  const beganMs = performance.now();
  let violations = 0;
  for (let seed = first; seed < first + count; seed++) {
    try {
      const trace = flags.trace ? { trace: (line: string) => void process.stdout.write(`${line}\n`) } : {};
      add(totals, await runSimulation({ seed, steps: flags.steps, ...trace }));
    } catch (error) {
      violations += 1;
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n`);
    }
    if (!flags.json && process.stderr.isTTY) process.stderr.write(`\r${seed - first + 1} of ${count} seeds`);
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  const { steps, simulatedMs, ...counts } = totals;
  const summary = {
    ok: violations === 0,
    seeds: count,
    steps,
    simulatedSeconds: Math.round(simulatedMs / 1_000),
    ...counts,
    violations,
    stepsPerSecond: Math.round(steps / seconds),
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else
    for (const [name, value] of Object.entries(summary))
      process.stdout.write(`${name.padEnd(18)} ${value}\n`);
  process.exitCode = violations === 0 ? 0 : 1;
}

await main();
