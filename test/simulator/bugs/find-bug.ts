import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { SeededBug } from './bug.js';

/** What became of the search for one bug. */
export type Finding =
  | { readonly found: true; readonly by: 'sim'; readonly seed: number; readonly steps: number }
  | { readonly found: true; readonly by: 'test'; readonly test: string }
  | { readonly found: false; readonly why: string };

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const COPIED = ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** How many steps each seed runs in which a bug is looked for. */
export const BUG_STEPS = 2_000;
const SIMULATOR = ['--import', 'tsx', 'test/simulator/run.ts'];
const TIMEOUT_MS = 240_000;

const reportSchema = z.object({
  numFailedTests: z.number(),
  testResults: z.array(
    z.object({ assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })) }),
  ),
});

/** Puts the bug into the text of its file. @throws {Error} unless the text to find stands there exactly once. */
export function withBug(text: string, { file, find, name, replace }: SeededBug): string {
  const count = text.split(find).length - 1;
  if (count !== 1) {
    throw new Error(
      `${name}: the text to replace stands ${count} times in src/${file}, not once: adapt the bug`,
    );
  }
  return text.replace(find, () => replace);
}

/** A copy of the source that bugs are put into, one after the other. */
export class BugSandbox implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<BugSandbox> {
    const directory = await mkdtemp(join(tmpdir(), 'tsoracle-bugs-'));
    for (const name of COPIED) await cp(join(ROOT, name), join(directory, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    return new BugSandbox(directory);
  }

  /** Puts the bug in, looks for it by what it names, and takes it out again. */
  find(bug: SeededBug): Promise<Finding> {
    return this.#withBug(bug, () =>
      'seeds' in bug.foundBy ? this.#simulate(bug.foundBy.seeds) : this.#test(bug.foundBy.test),
    );
  }

  /**
   * Puts the bug in, runs the simulator as `npm run sim -- ...args` does, on this process's output, and takes
   * the bug out again.
   * @returns the exit code.
   */
  simulate(bug: SeededBug, args: readonly string[]): Promise<number> {
    return this.#withBug(bug, async () => (await this.#run([...SIMULATOR, ...args], 'inherit')).code);
  }

  async #withBug<R>(bug: SeededBug, look: () => Promise<R>): Promise<R> {
    const path = join(this.#directory, 'src', bug.file);
    const text = await readFile(path, 'utf8');
    await writeFile(path, withBug(text, bug));
    try {
      return await look();
    } finally {
      await writeFile(path, text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #simulate(seeds: number): Promise<Finding> {
    const { err } = await this.#run([
      ...SIMULATOR,
      '--seeds',
      String(seeds),
      '--steps',
      String(BUG_STEPS),
      '--fail-fast',
    ]);
    const [, seed, steps] = /^seed (\d+), step (\d+)\. Replay/m.exec(err) ?? [];
    if (seed === undefined)
      return { found: false, why: `no violation within ${seeds} seeds${lastLine(err)}` };
    return { found: true, by: 'sim', seed: Number(seed), steps: Number(steps) };
  }

  async #test(file: string): Promise<Finding> {
    const report = join(this.#directory, 'report.json');
    await rm(report, { force: true });
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', `test/${file}`, '--bail=1'];
    const { err } = await this.#run([...args, '--reporter=json', `--outputFile=${report}`]);
    const text = await readFile(report, 'utf8').catch(() => undefined);
    if (text === undefined) return { found: false, why: `the tests gave no report${lastLine(err)}` };
    const { numFailedTests, testResults } = reportSchema.parse(JSON.parse(text));
    const failed = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .find(({ status }) => status === 'failed');
    if (numFailedTests === 0 || failed === undefined)
      return { found: false, why: `test/${file} passes${lastLine(err)}` };
    return { found: true, by: 'test', test: failed.fullName };
  }

  /** @param output what becomes of the child's output; what it says of errors is returned if it is not inherited. */
  async #run(
    args: readonly string[],
    output: 'ignore' | 'inherit' = 'ignore',
  ): Promise<{ readonly code: number; readonly err: string }> {
    const child = spawn(process.execPath, args, {
      cwd: this.#directory,
      stdio: ['ignore', output, output === 'inherit' ? 'inherit' : 'pipe'],
      // Whoever watches its output can end it.
      ...(output === 'inherit' ? {} : { timeout: TIMEOUT_MS }),
      killSignal: 'SIGKILL',
      env: { ...process.env, CI: 'true', NO_COLOR: '1' },
    });
    let err = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code: code ?? 1, err };
  }
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : ` (${line.slice(0, 200)})`;
}
