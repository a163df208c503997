import type { ChildProcess } from 'node:child_process';
import { type Clock, delay } from '../../runtime/index.js';

/** How a process ended: one of both is not null. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A process of this supervisor from its start to the moment when its end has been seen. Children run in
 * process groups of their own, so that a Ctrl-C in the terminal reaches the supervisor alone; they notice its
 * end by their IPC channel.
 */
export class Child {
  readonly process: ChildProcess;
  /** Resolves when the process has ended and been reaped, or could not be started at all. Never rejects. */
  readonly exited: Promise<ChildExit>;
  #exit: ChildExit | undefined;

  constructor(process: ChildProcess) {
    this.process = process;
    this.exited = new Promise((resolve) => {
      const settle = (exit: ChildExit): void => {
        this.#exit ??= exit;
        resolve(this.#exit);
      };
      process.once('exit', (code, signal) => settle({ code, signal }));
      // A process that was never started has no exit event.
      process.on('error', () => {
        if (process.pid === undefined) settle({ code: null, signal: null });
      });
    });
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** SIGKILL, at once. Harmless when the process has ended. */
  kill(): void {
    if (this.running) this.process.kill('SIGKILL');
  }

  /**
   * Asks the process to end (SIGTERM) and kills it after `graceMs`. Resolves with whether its end was seen.
   */
  async stop(clock: Clock, graceMs: number): Promise<boolean> {
    if (this.running) this.process.kill('SIGTERM');
    if (await this.exitedWithin(clock, graceMs)) return true;
    this.kill();
    return this.exitedWithin(clock, graceMs);
  }

  /** Whether the process has ended by itself within `timeoutMs`. */
  async exitedWithin(clock: Clock, timeoutMs: number): Promise<boolean> {
    const enough = new AbortController();
    const timeout = delay(clock, timeoutMs, enough.signal).catch(() => undefined);
    await Promise.race([this.exited, timeout]);
    enough.abort();
    return !this.running;
  }
}

/** How a process ended, in words. */
export function describeExit({ code, signal }: ChildExit): string {
  if (signal !== null) return `by ${signal}`;
  return code === null ? 'it could not be started' : `with exit code ${code}`;
}
