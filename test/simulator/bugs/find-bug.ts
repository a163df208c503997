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
const STEPS = 2_000;
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

  /** Puts the bug in, looks for it, and takes it out again. */
  async find(bug: SeededBug): Promise<Finding> {
    const path = join(this.#directory, 'src', bug.file);
    const text = await readFile(path, 'utf8');
    await writeFile(path, withBug(text, bug));
    try {
      return 'seeds' in bug.foundBy
        ? await this.#simulate(bug.foundBy.seeds)
        : await this.#test(bug.foundBy.test);
    } finally {
      await writeFile(path, text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #simulate(seeds: number): Promise<Finding> {
    const args = [
      '--import',
      'tsx',
      'test/simulator/run.ts',
      '--seeds',
      String(seeds),
      '--steps',
      String(STEPS),
      '--fail-fast',
    ];
    const { err } = await this.#run(args);
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

  async #run(args: readonly string[]): Promise<{ readonly err: string }> {
    const child = spawn(process.execPath, args, {
      cwd: this.#directory,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      env: { ...process.env, CI: 'true', NO_COLOR: '1' },
    });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    await new Promise((resolve) => child.once('close', resolve));
    return { err };
  }
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : ` (${line.slice(0, 200)})`;
}
