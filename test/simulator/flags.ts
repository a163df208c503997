import { parseArgs } from 'node:util';
import { z } from 'zod';
import { parseInput } from '../../src/errors/index.js';
import { FAULT_SWITCHES } from '../../src/testing/simulator/shrink.js';

/** Words, a few on each line. */
function wrapped(words: readonly string[]): string {
  const lines = Array.from({ length: Math.ceil(words.length / 8) }, (_, line) =>
    words.slice(8 * line, 8 * line + 8).join(', '),
  );
  return lines.join(',\n                ');
}

export const USAGE = `npm run sim -- [options]

  --seed N      run this seed only
  --seeds N     run so many seeds (default 100), from --first on (default 1)
  --minutes M   run seeds from --first on until so many minutes are over, in place of --seeds
  --steps N     events under faults for each seed (default 5000)
  --workers N   share the seeds among so many processes (default 1)
  --fail-fast   end at the first violation
  --trace       print everything that happens
  --shrink      with --seed: look for few faults that still break the same invariant
  --without A,B with --seed: leave out these acts of chaos, by the numbers that a trace has
  --off A,B     with --seed: switch off these kinds of faults and chaos:
                ${wrapped(FAULT_SWITCHES)}
  --json        print one object, as the last line

  --list-bugs   list the seeded bugs
  --bug NAME    put this bug into a copy of the source, and look for it by what it names; with --seed or --seeds, run
                the simulator on that copy, as the other options say: --trace and --shrink show what it has found
  --all-bugs    look for all of them, one after the other on each core`;

const wholeNumber = z.coerce.number().int('must be a whole number').min(1, 'must be at least 1');

const listOf = (text: string): string[] => text.split(',').map((item) => item.trim());

const flagsSchema = z
  .strictObject({
    seed: wholeNumber.exactOptional(),
    seeds: wholeNumber.exactOptional(),
    first: wholeNumber.default(1),
    minutes: z.coerce.number().gt(0, 'must be above 0').max(10_000, 'must be at most 10000').exactOptional(),
    steps: wholeNumber.default(5_000),
    workers: wholeNumber.max(64, 'must be at most 64').default(1),
    failFast: z.boolean().default(false),
    listBugs: z.boolean().default(false),
    bug: z.string().exactOptional(),
    allBugs: z.boolean().default(false),
    trace: z.boolean().default(false),
    shrink: z.boolean().default(false),
    without: z
      .string()
      .transform(listOf)
      .pipe(
        z.array(z.coerce.number<string>().int('must be numbers of acts').min(0, 'must be numbers of acts')),
      )
      .default([]),
    off: z
      .string()
      .transform(listOf)
      .pipe(z.array(z.enum(FAULT_SWITCHES, `must be among ${FAULT_SWITCHES.join(', ')}`)))
      .default([]),
    json: z.boolean().default(false),
    help: z.boolean().default(false),
  })
  .superRefine(({ seed, seeds, minutes, shrink, without, off }, context) => {
    if (seed === undefined && (shrink || without.length + off.length > 0)) {
      context.addIssue({
        code: 'custom',
        path: ['seed'],
        message: 'is needed by --shrink, --without and --off',
      });
    }
    if ([seed, seeds, minutes].filter((flag) => flag !== undefined).length <= 1) return;
    context.addIssue({
      code: 'custom',
      path: ['seeds'],
      message: '--seed, --seeds and --minutes exclude each other',
    });
  });

/** What to run. */
export type Flags = z.output<typeof flagsSchema>;

/** @throws {InvalidInputError} naming the flag. */
export function readFlags(): Flags {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      first: { type: 'string' },
      minutes: { type: 'string' },
      steps: { type: 'string' },
      workers: { type: 'string' },
      'fail-fast': { type: 'boolean' },
      'list-bugs': { type: 'boolean' },
      bug: { type: 'string' },
      'all-bugs': { type: 'boolean' },
      trace: { type: 'boolean' },
      shrink: { type: 'boolean' },
      without: { type: 'string' },
      off: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const camelCased = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase()),
      value,
    ]),
  );
  return parseInput(flagsSchema, camelCased, 'flags');
}
