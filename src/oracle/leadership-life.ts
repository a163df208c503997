import { type ConsensusDriver, type Epoch, type Lease, PHYSICAL_MS_MAX } from '../consensus/index.js';
import { TsoracleError } from '../errors/index.js';
import type { Clock, Logger, Random } from '../runtime/index.js';
import { type HighWaterKnowledge, LeadershipCalls } from './leadership-calls.js';
import { type LifeEnd, lifeEndOf } from './life-end.js';
import type { OracleTuning } from './oracle-options.js';
import { retryTransient } from './retry-transient.js';
import { believedMs } from './wall-time.js';
import { type TimestampRange, timeExhausted, type Window, WindowAllocator } from './window-allocator.js';

/** What a life is made of. */
export interface LeadershipLifeOptions {
  readonly epoch: Epoch;
  readonly lease: Lease;
  readonly driver: ConsensusDriver;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly tuning: OracleTuning;
  /** From this oracle's life before, if there was one. */
  readonly known: HighWaterKnowledge | undefined;
  /** The fence has been passed: it serves. */
  readonly onServing: () => void;
  readonly onExtended: (limitMs: number) => void;
  readonly count: (what: 'fences' | 'extensions' | 'retries') => void;
  /** It has ended by itself. */
  readonly onEnd: (end: LifeEnd) => void;
}

/**
 * One leadership of this node, from its fence to its end.
 *
 * Everything that it awaits is tied to it: {@link end} aborts its calls and its pauses, and whatever comes late
 * changes nothing. Nobody waits for extensions in flight before the next leadership begins: they are of an epoch
 * that the next fence ends, and nobody is told of them.
 */
export class LeadershipLife {
  readonly epoch: Epoch;
  readonly #options: LeadershipLifeOptions;
  readonly #ending = new AbortController();
  readonly #calls: LeadershipCalls;
  #priorMs: number | undefined;
  #allocator: WindowAllocator | undefined;
  #isExtending = false;
  #isClockDoubted = false;

  constructor(options: LeadershipLifeOptions) {
    const { driver, epoch, known } = options;
    this.#options = options;
    this.epoch = epoch;
    this.#calls = new LeadershipCalls({ driver, epoch, known, signal: this.#ending.signal });
  }

  /** The window that it serves from; undefined before its fence has been passed. */
  get window(): Window | undefined {
    return this.#allocator?.window;
  }

  /** What the next life is to know. */
  get known(): HighWaterKnowledge {
    return this.#calls.known;
  }

  /** Whether the leadership may serve in this very turn. */
  hasLease(): boolean {
    return !this.#ending.signal.aborted && this.#options.lease.isValid();
  }

  /** Passes the fence, however long that takes. Never rejects. */
  run(): Promise<void> {
    return this.#retry('fence', () => this.#fence());
  }

  /** Nothing is granted, asked or told any more. Idempotent. */
  end(): void {
    this.#ending.abort(new TsoracleError('closed', 'this leadership has ended'));
  }

  /**
   * Grants out of the window, and has it extended if that is due. The caller has asked the lease in this turn.
   * @param count a valid count.
   * @param sinceMs what the wall clock showed when the grant was asked for. Default: now.
   * @returns undefined if the window is exhausted, and if this life has ended over that: no time is left.
   */
  grant(count: number, sinceMs?: number): TimestampRange | undefined {
    const allocator = this.#allocator;
    if (allocator === undefined || this.#ending.signal.aborted) return undefined;
    try {
      const range = allocator.grant(count, this.#wallMs(), sinceMs);
      this.#extendIfDue(allocator);
      return range;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /**
   * Whatever earlier leaderships can have granted lies at or below what is loaded here: the load is linearizable, and
   * no advance that takes effect after it is acknowledged to an earlier leadership any more. Hence it is loaded once;
   * loading again for each attempt would go past this life's own lost attempts, and run away from the clock.
   */
  async #fence(): Promise<void> {
    const { count, onServing, tuning } = this.#options;
    this.#priorMs ??= await this.#calls.load();
    const floorMs = Math.max(this.#priorMs + 1, believedMs(this.#wallMs()) ?? 0);
    if (floorMs > PHYSICAL_MS_MAX) throw timeExhausted();
    const limitMs = await this.#calls.persist(Math.min(floorMs + tuning.failoverAdvanceMs, PHYSICAL_MS_MAX));
    const { windowAheadMs } = tuning;
    this.#allocator = new WindowAllocator({ epoch: this.epoch, floorMs, limitMs, windowAheadMs });
    count('fences');
    onServing();
  }

  /** One extension at a time, ahead of need; grants go on meanwhile. */
  #extendIfDue(allocator: WindowAllocator): void {
    if (this.#isExtending || this.#ending.signal.aborted) return;
    if (allocator.prepareExtension(this.#wallMs()) === undefined) return;
    this.#isExtending = true;
    void this.#retry('extension', () => this.#extend(allocator)).then(() => {
      this.#isExtending = false;
      // The clock, or grants that have waited, may have used up at once what has just been added.
      this.#extendIfDue(allocator);
    });
  }

  async #extend(allocator: WindowAllocator): Promise<void> {
    // Prepared anew at each attempt: time has passed since the last one.
    const extension = allocator.prepareExtension(this.#wallMs());
    if (extension === undefined) return;
    await this.#calls.persist(extension.limitMs);
    if (!allocator.commit(extension)) return;
    this.#options.count('extensions');
    this.#options.onExtended(extension.limitMs);
  }

  async #retry(what: string, attempt: () => Promise<void>): Promise<void> {
    const { clock, count, logger, random, tuning } = this.#options;
    try {
      await retryTransient(attempt, {
        clock,
        random,
        signal: this.#ending.signal,
        ...tuning,
        onRetry: (error, failures) => {
          count('retries');
          logger.warn({ error, failures, epoch: this.epoch }, `the ${what} is tried again`);
        },
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  #wallMs(): number {
    const wallMs = this.#options.clock.wallMs();
    if (!this.#isClockDoubted && believedMs(wallMs) === undefined) {
      this.#isClockDoubted = true;
      this.#options.logger.error(
        { wallMs },
        'the wall clock cannot be believed: timestamps go on without it',
      );
    }
    return wallMs;
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.end();
    this.#options.onEnd(lifeEndOf(error));
  }
}
