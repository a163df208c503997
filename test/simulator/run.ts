import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { InvalidInputError } from '../../src/errors/index.js';
import { noFaults } from '../../src/testing/simulator/counters.js';
import { shrinkSimulation } from '../../src/testing/simulator/shrink.js';
import type { SimulationReport } from '../../src/testing/simulator/simulation.js';
import type { SeededBug } from './bugs/bug.js';
import { catalogue } from './bugs/catalogue.js';
import { bugsNamed, describeFinding, findBugs, listBugs, replayOf, simulateBug } from './bugs/find-bugs.js';
import { type Flags, readFlags, USAGE } from './flags.js';
import { forgetStacks, runSeed, type SeedResult, type SeedTask } from './seed-worker.js';

/** What can be added up over seeds. */
type Counts = Omit<SimulationReport, 'seed' | 'traceHash' | keyof Recovery>;

/** How long worlds take to have a leader, in election timeouts. */
type Recovery = Pick<SimulationReport, 'electedAfterTimeouts' | 'servingAfterTimeouts'>;

/** Adds up what seeds have done, and tells how far it is. */
class Tally {
  readonly #flags: Flags;
  readonly #beganMs = performance.now();
  /** Of the seeds that kept all promises; what one that broke them has done is not known. */
  readonly #totals: Record<keyof Counts, number> = {
    steps: 0,
    simulatedMs: 0,
    decided: 0,
    messages: 0,
    timestamps: 0,
    leaderships: 0,
    reconfigurations: 0,
    acts: 0,
    restlessCalls: 0,
    ...noFaults(),
  };
  readonly #elected: number[] = [];
  readonly #serving: number[] = [];
  #traceHash = '';
  #seeds = 0;
  #violations = 0;
  #toldMs = 0;

  constructor(flags: Flags) {
    this.#flags = flags;
  }

  add(result: SeedResult): void {
    this.#seeds += 1;
    if ('failure' in result) {
      this.#violations += 1;
      process.stderr.write(`${result.failure}\n\n`);
    } else {
      const { seed, traceHash, electedAfterTimeouts, servingAfterTimeouts, ...counts } = result.report;
      this.#elected.push(electedAfterTimeouts);
      this.#serving.push(servingAfterTimeouts);
      this.#traceHash = traceHash;
      // Object.entries forgets that the keys are those of Counts.
      for (const [key, count] of Object.entries(counts) as [keyof Counts, number][])
        this.#totals[key] += count;
    }
    this.#tellProgress();
  }

  summary() {
    const { steps, simulatedMs, ...counts } = this.#totals;
    const seconds = (performance.now() - this.#beganMs) / 1_000;
    return {
      ok: this.#violations === 0,
      seeds: this.#seeds,
      steps,
      simulatedSeconds: Math.round(simulatedMs / 1_000),
      ...counts,
      electedAfterTimeouts: quantiles(this.#elected),
      servingAfterTimeouts: quantiles(this.#serving),
      // Of one world, to compare two runs of it.
      ...(this.#flags.seed === undefined ? {} : { traceHash: this.#traceHash }),
      violations: this.#violations,
      seconds: Math.round(seconds),
      stepsPerSecond: Math.round(steps / seconds),
    };
  }

  #tellProgress(): void {
    const nowMs = performance.now();
    const everyMs = process.stderr.isTTY ? 200 : 30_000;
    if (nowMs - this.#toldMs < everyMs) return;
    this.#toldMs = nowMs;
    const { minutes, seeds } = this.#flags;
    const of = minutes === undefined ? `of ${seeds ?? 100} seeds` : `seeds in ${minutes} minutes`;
    const line = `${this.#seeds} ${of}, ${this.#violations} violations`;
    process.stderr.write(process.stderr.isTTY ? `\r${line}` : `${line}\n`);
  }
}

/** Of so many worlds: the median, the worst of a hundred, and the worst. */
function quantiles(values: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(10 * (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0)) / 10;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** The seeds to run, one after the other, as long as there is time. */
function* seedsOf({
  seed,
  seeds = 100,
  first,
  minutes,
  steps,
  without,
  off,
}: Flags): Generator<SeedTask, void> {
  if (seed !== undefined) {
    yield { seed, steps, without, off };
    return;
  }
  const endMs = minutes === undefined ? undefined : performance.now() + minutes * 60_000;
  for (let next = first; endMs === undefined ? next < first + seeds : performance.now() < endMs; next++)
    yield { seed: next, steps, without, off };
}

/** A process that takes seeds until there are none left. */
async function work(tasks: Generator<SeedTask, void>, tally: Tally): Promise<void> {
  const child = fork(join(import.meta.dirname, 'seed-worker.ts'));
  const exited = once(child, 'exit');
  for (const task of tasks) {
    const answer = once(child, 'message');
    child.send(task);
    const [result] = await Promise.race([answer, exited.then(([code]) => [died(task, code)])]);
    // The worker is this program's own file.
    tally.add(result as SeedResult);
    if (child.exitCode !== null) return;
  }
  child.disconnect();
  await exited;
}

function died({ seed }: SeedTask, code: unknown): SeedResult {
  return { seed, failure: `seed ${seed}: the process that ran it has ended with ${String(code)}` };
}

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  if (flags.listBugs) process.stdout.write(`${listBugs()}\n`);
  else if (flags.bug !== undefined && (flags.seed ?? flags.seeds) !== undefined)
    await simulateWithBug(flags.bug);
  else if (flags.bug !== undefined) await lookForBugs(bugsNamed([flags.bug]), flags.json);
  else if (flags.allBugs) await lookForBugs(catalogue, flags.json);
  else if (flags.shrink && flags.seed !== undefined) await shrink(flags.seed, flags);
  else await simulate(flags);
}

/** With the very same flags, but in a copy of the source that has the bug. */
async function simulateWithBug(name: string): Promise<void> {
  const args = process.argv.slice(2);
  const at = args.findIndex((arg) => arg === '--bug' || arg.startsWith('--bug='));
  args.splice(at, args[at] === '--bug' ? 2 : 1);
  for (const bug of bugsNamed([name])) process.exitCode = await simulateBug(bug, args);
  if (process.exitCode === 1) process.stderr.write(`Add --bug ${name} to these commands.\n`);
}

async function lookForBugs(bugs: readonly SeededBug[], json: boolean): Promise<void> {
  const findings = await findBugs(bugs, (bug, finding) => {
    const replay = finding.found && finding.by === 'sim' ? `; ${replayOf(bug, finding.seed)}` : '';
    (json ? process.stderr : process.stdout).write(`${bug.name}: ${describeFinding(finding)}${replay}\n`);
  });
  const ok = [...findings.values()].every(({ found }) => found);
  if (json) process.stdout.write(`${JSON.stringify({ ok, bugs: Object.fromEntries(findings) })}\n`);
  process.exitCode = ok ? 0 : 1;
}

async function shrink(seed: number, { steps, json }: Flags): Promise<void> {
  const shrunk = await shrinkSimulation({ seed, steps });
  if (shrunk === undefined) {
    process.stdout.write(json ? '{"ok":true}\n' : `seed ${seed} breaks nothing in ${steps} steps\n`);
    return;
  }
  const { acts, failure, off, runs, without } = shrunk;
  const replay = [
    `npm run sim -- --seed ${seed} --steps ${steps} --trace`,
    ...(without.length === 0 ? [] : [`--without ${without}`]),
    ...(off.length === 0 ? [] : [`--off ${off}`]),
  ].join(' ');
  const { invariant, step } = failure;
  if (json)
    process.stdout.write(
      `${JSON.stringify({ ok: false, seed, invariant, step, acts, off, runs, replay })}\n`,
    );
  else {
    process.stdout.write(
      `${failure.message}\n\n${runs} worlds were run. Acts left: ${acts.join(', ') || 'none'}; switched off: ${off.join(', ') || 'nothing'}.\nReplay: ${replay}\n`,
    );
  }
  process.exitCode = 1;
}

async function simulate(flags: Flags): Promise<void> {
  const tally = new Tally(flags);
  const tasks = seedsOf(flags);
  if (flags.workers === 1) {
    if (!flags.trace) forgetStacks();
    const trace = flags.trace ? (line: string) => void process.stdout.write(`${line}\n`) : undefined;
    for (const task of tasks) {
      tally.add(await runSeed(task, trace));
      if (flags.failFast && !tally.summary().ok) break;
    }
  } else {
    await Promise.all(Array.from({ length: flags.workers }, () => work(tasks, tally)));
  }
  const summary = tally.summary();
  if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else
    for (const [name, value] of Object.entries(summary))
      process.stdout.write(
        `${name.padEnd(22)} ${typeof value === 'object' ? JSON.stringify(value) : value}\n`,
      );
  process.exitCode = summary.ok ? 0 : 1;
}

// Whoever reads a trace may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await main();
} catch (error) {
  if (!(error instanceof InvalidInputError || error instanceof RangeError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exitCode = 2;
}
