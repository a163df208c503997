import { createInterface } from 'node:readline';
import { TsoracleError } from '../../errors/index.js';
import type { Clock, Timer } from '../../runtime/index.js';
import type { LogLevel } from '../logging.js';
import { parseStatusLine, type StatusLine } from '../serve/status-line.js';
import { type Child, type ChildExit, describeExit } from './child.js';
import type { Children } from './children.js';
import type { NodePlace } from './layout.js';

/** After how many ms a node that was killed, or ended by itself, is started again on its directory. */
const RESTART_DELAY_MS = 2_000;
/** After how many ms a node is started again that ended before it was ready, and how often in a row. */
const START_RETRY_DELAY_MS = 500;
const START_ATTEMPTS_MAX = 60;
/** How many ms a node is given to stop before it is killed. */
const STOP_GRACE_MS = 10_000;

const MAIN_FILE = new URL('../main.js', import.meta.url);

/** What a node process tells its supervisor. */
export interface NodeProcessHandlers {
  /** It is ready: for the first time, or `again` after it had ended. Comes before the status that says so. */
  onReady(node: NodeProcess, status: StatusLine, again: boolean): void;
  onStatus(node: NodeProcess, status: StatusLine): void;
  /** It was ready, and has ended without being asked to. It will be started again. */
  onEnded(node: NodeProcess, exit: ChildExit): void;
  /** It has ended, in any way; it has no status now. */
  onDown(node: NodeProcess): void;
  /** It cannot be started. */
  onFailed(node: NodeProcess, error: TsoracleError): void;
}

export interface NodeProcessOptions {
  readonly place: NodePlace;
  readonly children: Children;
  readonly logLevel: LogLevel;
  readonly clock: Clock;
  readonly handlers: NodeProcessHandlers;
}

/**
 * One node of a local cluster over all of its lives: a `serve paxos` process, started again on the same
 * directory whenever it has ended, until it is stopped.
 */
export class NodeProcess {
  readonly place: NodePlace;
  readonly #children: Children;
  readonly #logLevel: LogLevel;
  readonly #clock: Clock;
  readonly #handlers: NodeProcessHandlers;
  #child: Child | undefined;
  #status: StatusLine | undefined;
  #lives = 0;
  #failedStarts = 0;
  #killed = false;
  #stopping = false;
  #restart: Timer | undefined;
  #kills = 0;
  #pauses = 0;

  constructor(options: NodeProcessOptions) {
    this.place = options.place;
    this.#children = options.children;
    this.#logLevel = options.logLevel;
    this.#clock = options.clock;
    this.#handlers = options.handlers;
  }

  /** The last status of the present life; undefined until it is ready, and once it has ended. */
  get status(): StatusLine | undefined {
    return this.#status;
  }

  /** How often it was killed by {@link kill} while it ran. */
  get kills(): number {
    return this.#kills;
  }

  /** How often it was paused while it ran. */
  get pauses(): number {
    return this.#pauses;
  }

  /** How often it was ready again after it had ended. */
  get restarts(): number {
    return Math.max(0, this.#lives - 1);
  }

  start(): void {
    const { dataDir, peerAddress, clientEndpoint } = this.place;
    const child = this.#children.start({
      file: MAIN_FILE,
      args: [
        ...['serve', 'paxos', '--status-json', '--data-dir', dataDir, '--peer-listen', peerAddress],
        ...['--listen', clientEndpoint, '--advertise', clientEndpoint, '--log-level', this.#logLevel],
      ],
      readsOutput: true,
    });
    this.#child = child;
    this.#readStatus(child);
    void child.exited.then((exit) => this.#onExit(exit));
  }

  /** SIGKILL; resolves when the process has been reaped. It is started again two seconds later. */
  async kill(): Promise<void> {
    if (this.#child?.running !== true) return;
    this.#killed = true;
    this.#kills++;
    this.#child.kill();
    await this.#child.exited;
  }

  /** SIGSTOP: the process stands still until {@link resume}, or until it is killed. */
  pause(): void {
    if (this.#child?.running !== true) return;
    this.#pauses++;
    this.#child.process.kill('SIGSTOP');
  }

  /** SIGCONT. Harmless when the process is not paused. */
  resume(): void {
    if (this.#child?.running === true) this.#child.process.kill('SIGCONT');
  }

  /**
   * Ends the node for good: SIGTERM, and SIGKILL if that does not help. Resolves with whether its end was
   * seen.
   */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    this.#restart?.cancel();
    this.resume();
    return (await this.#child?.stop(this.#clock, STOP_GRACE_MS)) ?? true;
  }

  #readStatus(child: Child): void {
    const { stdout } = child.process;
    if (stdout === null) return;
    createInterface({ input: stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      const status = parseStatusLine(line);
      // What the pipe still holds after the process has ended says nothing of the present.
      if (status !== undefined && child.running) this.#onStatus(status);
    });
  }

  #onStatus(status: StatusLine): void {
    if (this.#status === undefined) {
      this.#failedStarts = 0;
      this.#lives++;
      this.#handlers.onReady(this, status, this.#lives > 1);
    }
    this.#status = status;
    this.#handlers.onStatus(this, status);
  }

  #onExit(exit: ChildExit): void {
    const wasReady = this.#status !== undefined;
    const killed = this.#killed;
    this.#status = undefined;
    this.#killed = false;
    if (!this.#stopping) {
      if (wasReady && !killed) this.#handlers.onEnded(this, exit);
      if (wasReady || killed) this.#startAgainIn(RESTART_DELAY_MS);
      else this.#retryStart(exit);
    }
    this.#handlers.onDown(this);
  }

  /** A start can fail because something else has taken the port for the moment. */
  #retryStart(exit: ChildExit): void {
    this.#failedStarts++;
    if (this.#failedStarts < START_ATTEMPTS_MAX) {
      this.#startAgainIn(START_RETRY_DELAY_MS);
      return;
    }
    const { nodeId } = this.place;
    const message = `node ${nodeId} ended before it was ready (${describeExit(exit)}), ${START_ATTEMPTS_MAX} times in a row; its log on stderr says why`;
    this.#handlers.onFailed(this, new TsoracleError('node_start_failed', message));
  }

  #startAgainIn(delayMs: number): void {
    this.#restart = this.#clock.setTimer(delayMs, () => this.start());
  }
}
