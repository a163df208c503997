// Leaders that are cut off from their peers and not from their clients, with the default lease and, as the
// control, without. Run it: npm run sim:deposed-leader -- --seeds 2000
import { parseArgs } from 'node:util';
import { SimulationFailure } from '../../src/testing/simulator/simulation.js';
import { runDeposedLeader } from './deposed-leader.js';

const LEASES_MS = [250, 0];

/** What the worlds with one lease have done together. */
interface Tally {
  readonly leaseMs: number;
  worlds: number;
  timestamps: number;
  leaderships: number;
  partitions: number;
  /** How many worlds broke each promise. */
  readonly violations: Record<string, number>;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new RangeError(`--${name} must be a whole number of at least 1, not ${text}`);
  return value;
}

function readFlags() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '2000' },
      first: { type: 'string', default: '1' },
      steps: { type: 'string', default: '10000' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    seeds: wholeNumber('seeds', values.seeds),
    first: wholeNumber('first', values.first),
    steps: wholeNumber('steps', values.steps),
    json: values.json,
  };
}

async function add(tally: Tally, seed: number, steps: number): Promise<void> {
  const result = await runDeposedLeader(seed, tally.leaseMs, steps);
  tally.worlds += 1;
  if (result instanceof SimulationFailure) {
    tally.violations[result.invariant] = (tally.violations[result.invariant] ?? 0) + 1;
    if (tally.leaseMs > 0) process.stderr.write(`lease ${tally.leaseMs} ms: ${result.message}\n`);
    return;
  }
  tally.timestamps += result.timestamps;
  tally.leaderships += result.leaderships;
  tally.partitions += result.partitions;
}

function broken({ violations }: Tally): number {
  return Object.values(violations).reduce((sum, count) => sum + count, 0);
}

const { first, json, seeds, steps } = readFlags();
const beganMs = performance.now();
const tallies = LEASES_MS.map(
  (leaseMs): Tally => ({ leaseMs, worlds: 0, timestamps: 0, leaderships: 0, partitions: 0, violations: {} }),
);
for (let seed = first; seed < first + seeds; seed++)
  for (const tally of tallies) await add(tally, seed, steps);

const [leased, unleased] = tallies;
// The control must show what the lease is for, or the worlds would prove nothing.
const ok = leased !== undefined && broken(leased) === 0 && unleased !== undefined && broken(unleased) > 0;
const seconds = Math.round((performance.now() - beganMs) / 1_000);
if (json) process.stdout.write(`${JSON.stringify({ ok, seeds, first, steps, seconds, results: tallies })}\n`);
else {
  for (const tally of tallies) {
    const { leaderships, leaseMs, partitions, timestamps, worlds } = tally;
    process.stdout.write(
      `lease ${leaseMs} ms: ${broken(tally)} of ${worlds} worlds gave a later call a lower timestamp; in the others ${timestamps} timestamps, ${leaderships} leaderships, ${partitions} partitions\n`,
    );
  }
  process.stdout.write(`${seconds} s\n`);
}
process.exitCode = ok ? 0 : 1;
