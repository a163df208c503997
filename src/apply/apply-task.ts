import { TsoracleError } from '../errors/index.js';
import {
  type Clock,
  delay,
  type Logger,
  silentLogger,
  systemClock,
  withResolvers,
} from '../runtime/index.js';
import type { ApplyEngine } from './apply-engine.js';
import type { StepReport } from './apply-status.js';
import { ApplyUsageError } from './apply-usage-error.js';
import { WakeSignal } from './wake-signal.js';

/** Why a run of the task has ended. */
export type ApplyDeath =
  | { readonly kind: 'stopped' }
  /** The fold or the log failed (a `DrainError`), for good. */
  | { readonly kind: 'failed'; readonly error: Error };

/** The task's life. `dead` is the end of one run; after a stop, but not after a failure, another can begin. */
export type ApplyTaskLife =
  | { readonly state: 'neverStarted' }
  | { readonly state: 'alive' }
  | { readonly state: 'dead'; readonly death: ApplyDeath };

/**
 * Where the task can be held by a test: before it drains a chunk, between draining and telling `onApplied`,
 * between finding nothing to do and waiting, and in `stop()`, after the run has ended and before its last
 * item is waited for.
 */
export type ApplyYieldPoint = 'beforeChunk' | 'beforeNotify' | 'beforeWait' | 'stopping';

/** What an apply task is made of, and whom it tells. */
export interface ApplyTaskOptions<E, S> {
  readonly engine: ApplyEngine<E, S>;
  /**
   * Subscribes to the log's signal that more may be decided: called at each start; the callback may come at
   * any time, as often as it likes, and costs nothing. The returned function is called once, when the run
   * ends. If it throws, `start` throws that and begins nothing.
   */
  readonly subscribe: (wake: () => void) => () => void;
  /**
   * Told the applied index after each chunk in which something was folded, also when the run was ended in the
   * middle of it. What it throws is logged and harms nothing.
   */
  readonly onApplied?: (appliedIdx: number) => void;
  /**
   * Told in the very turn in which a run ends, with the reason: whoever waits for a fold must now fail. What
   * it throws is logged and harms nothing.
   */
  readonly onDied?: (death: ApplyDeath) => void;
  /** Yields to the event loop between two chunks by a timer of 0 ms. Default: the system's clock. */
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** For tests: awaited at each point if it returns a promise. It must not throw. */
  readonly yieldPoint?: (point: ApplyYieldPoint) => void | PromiseLike<void>;
}

/** One run: everything that belongs to it ends with it, so that nothing of it can touch a later one. */
interface Run {
  readonly ending: AbortController;
  readonly wake: WakeSignal;
  readonly step: (keepGoing: () => boolean) => Promise<StepReport>;
  readonly unsubscribe: () => void;
}

/**
 * Runs an apply engine by itself: wakes when more is decided, folds it in bounded chunks, and lets the event
 * loop turn between them.
 *
 * `start` and `stop` may be called in any state and any order.
 *
 * ```ts
 * engine.recover();
 * await using task = new ApplyTask({
 *   engine,
 *   subscribe: (wake) => {
 *     node.events.on('decided', wake);
 *     return () => void node.events.off('decided', wake);
 *   },
 *   onDied: (death) => waiters.failAll(death),
 * });
 * task.start();
 * ```
 */
export class ApplyTask<E, S> implements AsyncDisposable {
  readonly #engine: ApplyEngine<E, S>;
  readonly #options: ApplyTaskOptions<E, S>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #life: ApplyTaskLife = { state: 'neverStarted' };
  #run: Run | undefined;
  /** Resolves when the loop of the newest run has returned: nothing is folded by it any more. */
  #quiet: Promise<void> = Promise.resolve();
  #died = withResolvers<ApplyDeath>();

  constructor(options: ApplyTaskOptions<E, S>) {
    this.#engine = options.engine;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Whether a run is alive, and why the last one has ended. */
  get life(): ApplyTaskLife {
    return this.#life;
  }

  /**
   * Resolves with the reason when the present run ends, or the first one if there was none yet. It never
   * rejects.
   */
  get died(): Promise<ApplyDeath> {
    return this.#died.promise;
  }

  /**
   * Begins a run. What is decided already is folded without waiting for a signal. If an earlier run, stopped,
   * still waits for its last item, this one begins its work after it.
   *
   * @throws {ApplyUsageError} with code `already_running` while a run is alive, `mixed_apply_paths` if the
   * engine is driven otherwise.
   * @throws {DrainError} the engine's failure, if it has failed. In all these cases nothing changes.
   */
  start(): void {
    if (this.#life.state === 'alive') {
      throw new ApplyUsageError('already_running', 'the apply task is running');
    }
    if (this.#engine.failure !== undefined) throw this.#engine.failure;
    const step = this.#engine.attachTask(this);
    const wake = new WakeSignal();
    const unsubscribe = this.#options.subscribe(() => wake.set());
    const run: Run = { ending: new AbortController(), wake, step, unsubscribe };
    if (this.#life.state === 'dead') this.#died = withResolvers();
    this.#run = run;
    this.#life = { state: 'alive' };
    this.#quiet = this.#loop(run, this.#quiet);
  }

  /**
   * Ends the run: in this turn the task is dead, and everybody is told. No further item is folded; resolves
   * when the one that is being folded, if there is one, is done. Idempotent; before the first start it does
   * nothing. It never rejects. A fold must not wait for it: it would wait for itself.
   */
  async stop(): Promise<void> {
    const quiet = this.#quiet;
    if (this.#run !== undefined) this.#die(this.#run, { kind: 'stopped' });
    await this.#yieldPoint('stopping');
    await quiet;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #loop(run: Run, previousQuiet: Promise<void>): Promise<void> {
    try {
      await previousQuiet;
      while (isAlive(run)) await this.#turn(run);
    } catch (error) {
      if (isAlive(run)) this.#die(run, { kind: 'failed', error: toError(error) });
    }
  }

  /**
   * Clears the signal, looks for work, and only then waits: a signal that comes after the look is still there
   * when the wait begins.
   */
  async #turn(run: Run): Promise<void> {
    await this.#yieldPoint('beforeChunk');
    run.wake.clear();
    if (!isAlive(run)) return;
    const { folded, appliedIdx } = await run.step(() => isAlive(run));
    await this.#yieldPoint('beforeNotify');
    if (folded > 0) this.#guard('onApplied', () => this.#options.onApplied?.(appliedIdx));
    if (!isAlive(run)) return;
    if (this.#engine.hasWork) {
      await delay(this.#clock, 0, run.ending.signal);
      return;
    }
    await this.#yieldPoint('beforeWait');
    if (isAlive(run)) await run.wake.wait();
  }

  /** The single place where a run ends. */
  #die(run: Run, death: ApplyDeath): void {
    if (!isAlive(run)) return;
    run.ending.abort();
    run.wake.set();
    this.#life = { state: 'dead', death };
    if (death.kind === 'failed') this.#logger.error({ err: death.error }, 'apply task died');
    this.#died.resolve(death);
    this.#guard('unsubscribe', run.unsubscribe);
    this.#guard('onDied', () => this.#options.onDied?.(death));
  }

  async #yieldPoint(point: ApplyYieldPoint): Promise<void> {
    const held = this.#options.yieldPoint?.(point);
    if (held !== undefined) await held;
  }

  #guard(what: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error({ err: error, callback: what }, 'a callback of the apply task threw');
    }
  }
}

function isAlive(run: Run): boolean {
  return !run.ending.signal.aborted;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new TsoracleError('internal', String(error), { cause: error });
}
