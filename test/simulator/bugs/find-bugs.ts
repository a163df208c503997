import { availableParallelism } from 'node:os';
import type { SeededBug } from './bug.js';
import { catalogue } from './catalogue.js';
import { BUG_STEPS, BugSandbox, type Finding } from './find-bug.js';

/** One line a bug. */
export function listBugs(): string {
  const width = Math.max(...catalogue.map(({ name }) => name.length));
  return catalogue
    .map(({ effect, hazards, name }) => `${name.padEnd(width)}  ${hazards.join(' ').padEnd(11)}  ${effect}`)
    .join('\n');
}

/** The bugs with these names. @throws {RangeError} for a name that there is not. */
export function bugsNamed(names: readonly string[]): readonly SeededBug[] {
  return names.map((name) => {
    const bug = catalogue.find((each) => each.name === name);
    if (bug === undefined)
      throw new RangeError(`there is no bug ${JSON.stringify(name)}: --list-bugs shows those that there are`);
    return bug;
  });
}

/** Looks for each of the bugs, several at a time; `told` is told of each result. */
export async function findBugs(
  bugs: readonly SeededBug[],
  told: (bug: SeededBug, finding: Finding) => void,
): Promise<ReadonlyMap<string, Finding>> {
  const findings = new Map<string, Finding>();
  const waiting = bugs.values();
  const work = async (): Promise<void> => {
    await using sandbox = await BugSandbox.create();
    for (const bug of waiting) {
      const finding = await sandbox.find(bug);
      findings.set(bug.name, finding);
      told(bug, finding);
    }
  };
  const workers = Math.min(availableParallelism(), bugs.length);
  await Promise.all(Array.from({ length: workers }, work));
  return findings;
}

/** Runs the simulator with one bug in it, as `npm run sim -- ...args` runs it without. @returns the exit code. */
export async function simulateBug(bug: SeededBug, args: readonly string[]): Promise<number> {
  await using sandbox = await BugSandbox.create();
  return await sandbox.simulate(bug, args);
}

/** What shows a bug that the simulator has found, event by event. */
export function replayOf({ name }: SeededBug, seed: number): string {
  return `npm run sim -- --bug ${name} --seed ${seed} --steps ${BUG_STEPS} --trace`;
}

/** A sentence. */
export function describeFinding(finding: Finding): string {
  if (!finding.found) return `NOT FOUND: ${finding.why}`;
  return finding.by === 'sim'
    ? `found by the simulator, seed ${finding.seed}, step ${finding.steps}`
    : `found by a test: ${finding.test}`;
}
