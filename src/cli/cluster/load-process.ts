import { EventEmitter } from 'eventemitter3';
import { TsoracleError } from '../../errors/index.js';
import { type Clock, deferWithDeadline } from '../../runtime/index.js';
import { type LoadOrder, type LoadTotals, loadReportSchema, NO_LOAD } from '../load/load-messages.js';
import type { Child } from './child.js';
import type { Children } from './children.js';

const WORKER_FILE = new URL('../load/load-worker.js', import.meta.url);

export interface LoadProcessEvents {
  /** The totals have changed. */
  readonly totals: (totals: LoadTotals) => void;
}

/** The process that holds all clients and judges what they are granted. */
export class LoadProcess {
  readonly child: Child;
  readonly events = new EventEmitter<LoadProcessEvents>();
  readonly #clock: Clock;
  #totals: LoadTotals = NO_LOAD;
  #kills = 0;
  #stopping = false;

  constructor(
    children: Pick<Children, 'start'>,
    clock: Clock,
    load: { readonly endpoints: readonly string[]; readonly clients: number },
  ) {
    this.#clock = clock;
    this.child = children.start({ file: WORKER_FILE, args: [], readsOutput: false });
    this.child.process.on('message', (message) => {
      const report = loadReportSchema.safeParse(message);
      if (!report.success) return;
      this.#totals = report.data.totals;
      this.events.emit('totals', this.#totals);
    });
    this.#send({ kind: 'start', endpoints: [...load.endpoints], clients: load.clients });
  }

  /** As of the last report. */
  get totals(): LoadTotals {
    return this.#totals;
  }

  /** How many leaders were killed under this load. */
  get kills(): number {
    return this.#kills;
  }

  /** Whether {@link stop} has been called. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /**
   * Waits until the clients have been granted something, or the process has ended. Rejects after `timeoutMs`,
   * or when `signal` is aborted, with its reason.
   */
  async served(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const onTimeout = (): TsoracleError =>
      new TsoracleError('cluster_timeout', `the clients were granted nothing within ${timeoutMs} ms`);
    const wait = deferWithDeadline<void>({ clock: this.#clock, timeoutMs, signal, onTimeout });
    const check = (): void => {
      if (this.#totals.timestamps > 0) wait.resolve();
    };
    this.events.on('totals', check);
    void this.child.exited.then(() => wait.resolve());
    check();
    try {
      await wait.promise;
    } finally {
      this.events.off('totals', check);
    }
  }

  /** To be called when a killed leader has been reaped. */
  leaderKilled(): void {
    this.#kills++;
    this.#send({ kind: 'leaderKilled' });
  }

  /**
   * Waits until each kill has been followed by a grant, the process has ended, or `timeoutMs` have passed.
   */
  async killsAnswered(timeoutMs: number): Promise<void> {
    const onTimeout = (): TsoracleError => new TsoracleError('timeout', 'no grant after a kill');
    const wait = deferWithDeadline<void>({ clock: this.#clock, timeoutMs, onTimeout });
    const check = (): void => {
      if (this.#totals.failoverGapsMs.length >= this.#kills) wait.resolve();
    };
    this.events.on('totals', check);
    void this.child.exited.then(() => wait.resolve());
    check();
    // What is missing after the deadline is told by the totals.
    await wait.promise.catch(() => undefined);
    this.events.off('totals', check);
  }

  /**
   * Ends the load; the totals are complete then. Kills the process after `timeoutMs`. Resolves with whether
   * it ended well.
   */
  async stop(timeoutMs: number): Promise<boolean> {
    this.#stopping = true;
    this.#send({ kind: 'stop' });
    if (!(await this.child.exitedWithin(this.#clock, timeoutMs))) this.child.kill();
    return (await this.child.exited).code === 0;
  }

  #send(order: LoadOrder): void {
    // A process that has ended is noticed by its exit; there is nobody to send to then.
    if (this.child.running && this.child.process.connected) this.child.process.send(order, () => undefined);
  }
}
