import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** The built command line. */
const MAIN_FILE = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A process of the command line, run for real, and everything that it has written. */
export class CliProcess {
  readonly #process: ChildProcess;
  readonly out: string[] = [];
  readonly err: string[] = [];
  /**
   * Resolves with the exit code, or the name of the signal that ended it, once all its output has been read.
   */
  readonly ended: Promise<number | string>;
  #ended = false;

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const env = { ...process.env, NO_COLOR: '1', ...environment };
    this.#process = spawn(process.execPath, [MAIN_FILE, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#process;
    if (stdout !== null) createInterface(stdout).on('line', (line) => this.out.push(line));
    if (stderr !== null) createInterface(stderr).on('line', (line) => this.err.push(line));
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#ended = true;
        resolve(code ?? String(signal));
      });
    });
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error('the process was not started');
    return pid;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Waits for a line that matches; fails with all output if the process ends first, or after `timeoutMs`. */
  async line(pattern: RegExp, from: 'out' | 'err' = 'out', timeoutMs = 30_000): Promise<RegExpExecArray> {
    const found = (): RegExpExecArray | undefined => {
      for (const line of this[from]) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      return undefined;
    };
    await expect
      .poll(() => found() !== undefined || this.#ended, {
        timeout: timeoutMs,
        interval: 20,
        message: `${pattern}`,
      })
      .toBe(true);
    const match = found();
    if (match === undefined) throw new Error(`no line matches ${pattern}:\n${this.transcript()}`);
    return match;
  }

  /** Waits for the end; fails with all output after `timeoutMs`. */
  async exit(timeoutMs = 30_000): Promise<number | string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`still running after ${timeoutMs} ms:\n${this.transcript()}`)),
        timeoutMs,
      );
    });
    try {
      return await Promise.race([this.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  transcript(): string {
    return ['stdout:', ...this.out, 'stderr:', ...this.err].join('\n');
  }

  /** Kills it, if it still runs, and waits for its end. */
  async destroy(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}

/** Processes started by one test. */
export class CliProcesses {
  readonly #started: CliProcess[] = [];

  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): CliProcess {
    const started = new CliProcess(args, environment);
    this.#started.push(started);
    return started;
  }

  /** Runs to the end. */
  async run(args: readonly string[], environment: Readonly<Record<string, string>> = {}, timeoutMs = 30_000) {
    const started = this.start(args, environment);
    const code = await started.exit(timeoutMs);
    return { code, out: started.out, err: started.err, transcript: started.transcript() };
  }

  async destroyAll(): Promise<void> {
    await Promise.all(this.#started.splice(0).map((started) => started.destroy()));
  }
}

/** The processes that `pid` has started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** The command line of a process. */
export async function commandOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
}

/** Whether a process with this number exists (a zombie counts: nobody has reaped it). */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until none of these processes exists. */
export async function allGone(pids: readonly number[], timeoutMs = 15_000): Promise<void> {
  expect(pids.length).toBeGreaterThan(0);
  await expect.poll(() => pids.filter(processExists), { timeout: timeoutMs, interval: 50 }).toEqual([]);
}

/** Whether somebody listens at `host:port`. */
export function answers(endpoint: string): Promise<boolean> {
  const [host = '', port = ''] = endpoint.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Fails unless nobody listens at any of these. */
export async function nobodyListens(endpoints: readonly string[]): Promise<void> {
  expect(endpoints.length).toBeGreaterThan(0);
  for (const endpoint of endpoints) expect(await answers(endpoint), endpoint).toBe(false);
}

/** All `host:port` that these lines name. */
export function endpointsIn(lines: readonly string[]): string[] {
  return lines.flatMap((line) => [...line.matchAll(/127\.0\.0\.1:\d+/g)].map(([endpoint]) => endpoint));
}
