import { InvalidInputError, parseInput } from '../errors/index.js';
import type { DecidedItem } from '../omnipaxos/index.js';
import { type Logger, silentLogger } from '../runtime/index.js';
import { type ApplyEngineOptions, applyEngineOptionsSchema } from './apply-engine-options.js';
import type { ApplyStatus, StepReport } from './apply-status.js';
import { ApplyUsageError } from './apply-usage-error.js';
import { type AwaitableSteps, runAsync, runSync } from './awaitable-steps.js';
import type { DecidedLog } from './decided-log.js';
import { drainSteps, type Fold } from './drain-decided.js';
import { DrainError } from './drain-error.js';
import {
  countSnapshot,
  NO_SNAPSHOTS,
  type SnapshotOptions,
  type SnapshotOutcome,
  snapshotSteps,
} from './maybe-snapshot.js';

/** Who drives an engine: nobody yet, its own `step`, or the one task that has attached itself. */
type Drive =
  | { readonly by: 'nobody' }
  | { readonly by: 'step' }
  | { readonly by: 'task'; readonly owner: object };

/**
 * Folds a decided log into a host's state, one bounded step after the other: drain a chunk, then maybe
 * snapshot.
 *
 * It is driven either by its owner, who calls {@link step} (deterministic, synchronous), or by one
 * `ApplyTask`; using both is refused. Its first failure is final: a fold that has thrown may be half done, so
 * nothing is folded after it, and every later step throws the same error. A failing snapshot is no failure of
 * the engine.
 *
 * ```ts
 * const engine = new ApplyEngine({ log: node.log, fold: (item) => store.fold(item), snapshots });
 * engine.recover();
 * while (engine.step().more); // or: new ApplyTask({ engine, subscribe }).start()
 * ```
 */
export class ApplyEngine<E, S> {
  readonly #log: DecidedLog<E, S>;
  readonly #fold: Fold<E, S>;
  readonly #snapshots: SnapshotOptions<S> | undefined;
  readonly #chunkItems: number;
  readonly #logger: Logger;
  #drive: Drive = { by: 'nobody' };
  #busy = false;
  #recovered = false;
  /** The index of the next record to fold. */
  #cursor = 0;
  #foldedItems = 0;
  #snapshotCounts = NO_SNAPSHOTS;
  #failure: DrainError | undefined;

  /** @throws {InvalidInputError} naming the option. */
  constructor(options: ApplyEngineOptions<E, S>) {
    const { chunkItems } = parseInput(applyEngineOptionsSchema, options, 'applyEngine');
    this.#log = options.log;
    this.#fold = options.fold;
    this.#snapshots = options.snapshots;
    this.#chunkItems = chunkItems;
    this.#logger = options.logger ?? silentLogger;
  }

  /** How many records of the log have been folded. It rises with each item, within a step too. */
  get appliedIdx(): number {
    return this.#cursor;
  }

  /** Why nothing will be folded any more; undefined while all is well. */
  get failure(): DrainError | undefined {
    return this.#failure;
  }

  /** Whether decided items wait to be folded. */
  get hasWork(): boolean {
    return this.#log.decidedIdx > this.#cursor;
  }

  /** How far the host has come, and how its snapshots have fared; made anew for each call. */
  status(): ApplyStatus {
    const { decidedIdx } = this.#log;
    return {
      appliedIdx: this.#cursor,
      decidedIdx,
      lag: Math.max(0, decidedIdx - this.#cursor),
      foldedItems: this.#foldedItems,
      snapshots: this.#snapshotCounts,
      failure: this.#failure,
    };
  }

  /**
   * Brings the host's state up to the decided index when a host opens: folds everything decided from
   * `fromIdx` on, makes no snapshot, and lets the policy count from there. At most once, and before the first
   * step.
   *
   * @param fromIdx how many records the host's own durable state covers already; 0, the default, for a host
   * that keeps none: its state then comes from the log's snapshot, if there is one. It may lie above the
   * decided index, which a crash can set back; the records in between are not folded again.
   * @returns the applied index.
   * @throws {DrainError} as {@link step} does. @throws {ApplyUsageError} with code `recovery_too_late`.
   * @throws {InvalidInputError} for a bad `fromIdx`.
   */
  recover(fromIdx = 0): number {
    return this.#exclusively(() => runSync(this.#recoverySteps(fromIdx)));
  }

  /** As {@link recover}, for a host whose fold returns promises. */
  recoverAsync(fromIdx = 0): Promise<number> {
    return this.#exclusivelyAsync(() => runAsync(this.#recoverySteps(fromIdx)));
  }

  /**
   * Folds at most one chunk of what is decided, then maybe makes a snapshot; all in this turn.
   *
   * @throws {DrainError} if the fold throws or returns a promise, or the log cannot be read; now and at every
   * later call.
   * @throws {ApplyUsageError} with code `mixed_apply_paths` once a task has been started on this engine,
   * `apply_busy` from within a fold.
   */
  step(): StepReport {
    if (this.#drive.by === 'task') throw mixedPaths('this engine is run by a task, and cannot be stepped');
    return this.#exclusively(() => {
      this.#drive = { by: 'step' };
      return runSync(this.#stepSteps(() => true));
    });
  }

  /**
   * Hands the engine to a task for good. Idempotent for the same owner.
   *
   * @returns the asynchronous twin of {@link step}: it waits for a fold that returns a promise, and asks
   * `keepGoing` before each item; where that says false it ends, without a snapshot. Calls must not overlap
   * (`apply_busy`).
   * @throws {ApplyUsageError} with code `mixed_apply_paths` if the engine has been stepped, or belongs to
   * another task; `apply_busy` while it recovers.
   */
  attachTask(owner: object): (keepGoing: () => boolean) => Promise<StepReport> {
    if (this.#drive.by === 'step')
      throw mixedPaths('this engine has been stepped, and cannot be run by a task');
    if (this.#drive.by === 'task' && this.#drive.owner !== owner) {
      throw mixedPaths('this engine belongs to another task');
    }
    if (this.#drive.by === 'nobody' && this.#busy) throw busy();
    this.#drive = { by: 'task', owner };
    return (keepGoing) => this.#exclusivelyAsync(() => runAsync(this.#stepSteps(keepGoing)));
  }

  *#recoverySteps(fromIdx: number): AwaitableSteps<number> {
    if (this.#recovered || this.#drive.by !== 'nobody') {
      throw new ApplyUsageError('recovery_too_late', 'recovery must come once, and before the first step');
    }
    if (!Number.isSafeInteger(fromIdx) || fromIdx < 0) {
      throw new InvalidInputError(
        'fromIdx',
        fromIdx,
        `must be a whole number within [0, ${Number.MAX_SAFE_INTEGER}]`,
      );
    }
    this.#recovered = true;
    this.#cursor = fromIdx;
    while (this.hasWork) yield* this.#drainChunk(() => true);
    this.#snapshots?.policy.rebase(this.#cursor);
    this.#logger.info({ appliedIdx: this.#cursor, foldedItems: this.#foldedItems }, 'apply path recovered');
    return this.#cursor;
  }

  *#stepSteps(keepGoing: () => boolean): AwaitableSteps<StepReport> {
    const before = this.#foldedItems;
    if (this.hasWork) yield* this.#drainChunk(keepGoing);
    const snapshot: SnapshotOutcome = keepGoing() ? yield* this.#maybeSnapshot() : { kind: 'notDue' };
    return {
      folded: this.#foldedItems - before,
      appliedIdx: this.#cursor,
      more: this.hasWork,
      snapshot,
    };
  }

  *#drainChunk(keepGoing: () => boolean): AwaitableSteps<void> {
    const onFolded = (item: DecidedItem<E, S>, cursor: number): void => {
      this.#cursor = cursor;
      this.#foldedItems += 1;
      // The log has been compacted up to here by a sync: a snapshot of our own is not due yet.
      if (item.kind === 'snapshot') this.#snapshots?.policy.rebase(cursor);
    };
    yield* drainSteps(this.#log, this.#cursor, {
      fold: this.#fold,
      limit: this.#chunkItems,
      keepGoing,
      onFolded,
    });
  }

  *#maybeSnapshot(): AwaitableSteps<SnapshotOutcome> {
    if (this.#snapshots === undefined) return { kind: 'notDue' };
    const outcome = yield* snapshotSteps(this.#cursor, this.#snapshots, this.#logger);
    this.#snapshotCounts = countSnapshot(this.#snapshotCounts, outcome);
    return outcome;
  }

  #exclusively<R>(work: () => R): R {
    this.#enter();
    try {
      return work();
    } catch (error) {
      throw this.#noteFailure(error);
    } finally {
      this.#busy = false;
    }
  }

  async #exclusivelyAsync<R>(work: () => Promise<R>): Promise<R> {
    this.#enter();
    try {
      return await work();
    } catch (error) {
      throw this.#noteFailure(error);
    } finally {
      this.#busy = false;
    }
  }

  #enter(): void {
    if (this.#busy) throw busy();
    if (this.#failure !== undefined) throw this.#failure;
    this.#busy = true;
  }

  /** A caller's mistake passes through; everything else is the end of the apply path. */
  #noteFailure(error: unknown): unknown {
    if (error instanceof ApplyUsageError || error instanceof InvalidInputError) return error;
    this.#failure = error instanceof DrainError ? error : new DrainError(this.#cursor, error);
    this.#logger.error(
      { err: this.#failure, cursor: this.#failure.cursor },
      'apply path failed: nothing more will be folded',
    );
    return this.#failure;
  }
}

function mixedPaths(message: string): ApplyUsageError {
  return new ApplyUsageError('mixed_apply_paths', message);
}

function busy(): ApplyUsageError {
  return new ApplyUsageError('apply_busy', 'a step of this engine, or its recovery, is under way');
}
