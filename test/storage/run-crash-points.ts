// Random histories of a journal, power lost before every call of the file system. Run it: npm run crash-points -- --histories 100
import { inspect, parseArgs } from 'node:util';
import fc from 'fast-check';
import { z } from 'zod';
import { InvalidInputError, parseInput } from '../../src/errors/index.js';
import { stableHistoryArbitrary } from '../../src/testing/arbitraries/index.js';
import { crashPoints, type History, trySubsets, tryTornWrites } from './crash-points.js';
import { statesAfter } from './naive-storage.js';
import { config, historyValues } from './storage-fixtures.js';

const USAGE = `npm run crash-points -- [options]

  --histories N  how many random histories (default 20)
  --seed N       the seed of the first one (default 1); the next one has the next seed
  --calls N      the most calls of a history (default 30)
  --json         print one object, as the last line`;

const wholeNumber = z.coerce.number().int('must be a whole number').min(1, 'must be at least 1');
const flagsSchema = z.strictObject({
  histories: wholeNumber.default(20),
  seed: wholeNumber.default(1),
  calls: wholeNumber.max(1_000, 'must be at most 1000').default(30),
  json: z.boolean().default(false),
  help: z.boolean().default(false),
});

function historyOf(seed: number, maxCalls: number): History {
  const arbitrary = stableHistoryArbitrary(historyValues, { maxCalls });
  // Cloned: fast-check also makes objects without a prototype, which no codec gives back.
  return structuredClone(fc.sample(arbitrary, { seed, numRuns: 1, unbiased: true })[0] ?? []);
}

async function main(): Promise<void> {
  const string = { type: 'string' } as const;
  const boolean = { type: 'boolean' } as const;
  const { values } = parseArgs({
    options: { histories: string, seed: string, calls: string, json: boolean, help: boolean },
  });
  const flags = parseInput(flagsSchema, values, 'flags');
  if (flags.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const beganMs = performance.now();
  const totals = {
    histories: 0,
    calls: 0,
    segments: 0,
    crashPoints: 0,
    subsets: 0,
    tornWrites: 0,
    violations: 0,
  };
  for (let seed = flags.seed; seed < flags.seed + flags.histories; seed++) {
    const history = historyOf(seed, flags.calls);
    const states = statesAfter(config, history);
    totals.histories += 1;
    totals.calls += history.length;
    try {
      for (const point of await crashPoints(history, 1 + (seed % 4))) {
        totals.crashPoints += 1;
        if (/^rename .*\/journal-/.test(point.call)) totals.segments += 1;
        totals.subsets += await trySubsets(point, states);
        totals.tornWrites += await tryTornWrites(point, states);
      }
    } catch (error) {
      totals.violations += 1;
      const replay = `npm run crash-points -- --histories 1 --seed ${seed} --calls ${flags.calls}`;
      process.stderr.write(`seed ${seed}. Replay: ${replay}\n${inspect(error)}\n`);
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${totals.histories} of ${flags.histories} histories`);
  }
  const summary = {
    ok: totals.violations === 0,
    ...totals,
    seconds: Math.round((performance.now() - beganMs) / 1_000),
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else
    for (const [name, value] of Object.entries(summary))
      process.stdout.write(`${name.padEnd(12)} ${value}\n`);
  process.exitCode = summary.ok ? 0 : 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InvalidInputError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exitCode = 2;
}
