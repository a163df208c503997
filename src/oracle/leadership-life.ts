import {
  type ConsensusDriver,
  ConsensusError,
  type Epoch,
  type Lease,
  PHYSICAL_MS_MAX,
} from '../consensus/index.js';
import { TsoracleError } from '../errors/index.js';
import { type Clock, delay, type Logger, type Random } from '../runtime/index.js';
import type { OracleTuning } from './oracle-options.js';
import { plausibleMs, type TimestampRange, timeExhausted, WindowAllocator } from './window-allocator.js';

/** Why a leadership's life has ended from within. */
export type LifeEnd =
  /** The driver says that this node does not lead at this epoch any more. */
  | { readonly kind: 'steppedDown' }
  /** It can never serve again. */
  | { readonly kind: 'failed'; readonly error: Error };

export interface LeadershipLifeOptions {
  readonly epoch: Epoch;
  readonly lease: Lease;
  readonly driver: ConsensusDriver;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly tuning: OracleTuning;
  /** The first window is there, or it was extended. */
  readonly onWindow: () => void;
  readonly onEnd: (end: LifeEnd) => void;
}

/** What one life has counted. */
export interface LifeCounters {
  extensions: number;
  retries: number;
}

/**
 * One leadership of this node, from its fence to its end. All that it awaits is tied to it: after {@link end}, whatever comes late changes
 * nothing.
 */
export class LeadershipLife {
  readonly epoch: Epoch;
  readonly counters: LifeCounters = { extensions: 0, retries: 0 };
  readonly #options: LeadershipLifeOptions;
  readonly #ending = new AbortController();
  #allocator: WindowAllocator | undefined;
  /** The highest value that this life has asked consensus for; an answer above it comes from nobody that may exist. */
  #askedMs = 0;
  #isExtending = false;

  constructor(options: LeadershipLifeOptions) {
    this.#options = options;
    this.epoch = options.epoch;
  }

  get isServing(): boolean {
    return this.#allocator !== undefined && !this.#ending.signal.aborted;
  }

  /** The window's end in ms, once it is there. */
  get limitMs(): number | undefined {
    return this.#allocator?.window.limitMs;
  }

  /** Whether the leadership may serve in this very turn. */
  hasLease(): boolean {
    return !this.#ending.signal.aborted && this.#options.lease.isValid();
  }

  /** Begins with the fence. Never rejects. */
  async run(): Promise<void> {
    await this.#untilDone('fence', () => this.#fence());
  }

  /** Nothing is granted, asked or told any more. Idempotent. */
  end(): void {
    this.#ending.abort(new TsoracleError('closed', 'this leadership has ended'));
  }

  /** Grants out of the window, and has it extended when it needs to be; undefined if it is exhausted. Only while serving. */
  grant(count: number): TimestampRange | undefined {
    const nowMs = this.#options.clock.wallMs();
    const range = this.#allocator?.grant(nowMs, count);
    this.#extendIfNeeded(nowMs);
    return range;
  }

  /**
   * Fails over: everything below the new window may have been granted by earlier leaderships. The driver's load is linearizable and its persist
   * fences earlier epochs, so no earlier leadership can be told of an advance beyond what was loaded here.
   */
  async #fence(): Promise<void> {
    const { clock, driver, tuning } = this.#options;
    const { signal } = this.#ending;
    const priorMs = await driver.loadHighWater({ signal });
    signal.throwIfAborted();
    const floorMs = Math.max(priorMs + 1, plausibleMs(clock.wallMs()) ?? 0);
    if (floorMs > PHYSICAL_MS_MAX) throw timeExhausted();
    const limitMs = await this.#persist(Math.min(floorMs + tuning.failoverAdvanceMs, PHYSICAL_MS_MAX));
    this.#allocator = new WindowAllocator({ floorMs, limitMs });
    this.#options.onWindow();
    this.#extendIfNeeded(clock.wallMs());
  }

  /** One extension at a time, ahead of need; grants go on meanwhile. */
  #extendIfNeeded(nowMs: number): void {
    if (this.#isExtending || this.#ending.signal.aborted) return;
    try {
      if (this.#allocator?.extensionNeeded(nowMs, this.#options.tuning.windowAheadMs) === undefined) return;
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#isExtending = true;
    void this.#untilDone('extension', () => this.#extend()).then(() => {
      this.#isExtending = false;
      // Grants that have waited may have used up at once what has just been added.
      this.#extendIfNeeded(this.#options.clock.wallMs());
    });
  }

  async #extend(): Promise<void> {
    const allocator = this.#allocator;
    // Asked anew at each attempt: time has passed since the last one.
    const limitMs = allocator?.extensionNeeded(
      this.#options.clock.wallMs(),
      this.#options.tuning.windowAheadMs,
    );
    if (allocator === undefined || limitMs === undefined) return;
    allocator.extend(await this.#persist(limitMs));
    this.counters.extensions += 1;
    this.#options.onWindow();
  }

  /** Makes the high-water durable up to `atLeastMs`, or to what was asked for before if that is more, and returns it. */
  async #persist(atLeastMs: number): Promise<number> {
    const { driver } = this.#options;
    const { signal } = this.#ending;
    // An earlier attempt whose answer was lost may still take effect, and its value be answered here.
    const askedMs = Math.max(atLeastMs, this.#askedMs);
    this.#askedMs = askedMs;
    const actualMs = await driver.persistHighWater(askedMs, this.epoch, { signal });
    signal.throwIfAborted();
    if (actualMs !== askedMs) {
      throw new TsoracleError(
        'violation',
        `the high-water is ${actualMs} although this leadership, the only one at its epoch, has asked for ${askedMs} at most`,
      );
    }
    return askedMs;
  }

  /** Repeats `attempt` until it succeeds or this life ends: a leadership retries for as long as it lasts. */
  async #untilDone(what: string, attempt: () => Promise<void>): Promise<void> {
    const { signal } = this.#ending;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await attempt();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!ConsensusError.is(error, 'transient')) {
          this.#fail(error);
          return;
        }
        this.counters.retries += 1;
        this.#options.logger.warn({ error, failures }, `the ${what} is tried again`);
        await this.#pause(failures);
      }
    }
  }

  async #pause(failures: number): Promise<void> {
    const { clock, random, tuning } = this.#options;
    const pauseMs = Math.min(tuning.retryMaxMs, tuning.retryMinMs * 2 ** Math.min(failures, 16));
    // The only way that this wait rejects is the end of this life, which the caller looks at.
    await delay(clock, pauseMs * (0.5 + random.nextFloat() / 2), this.#ending.signal).catch(() => undefined);
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.end();
    const hasLost = ConsensusError.is(error, 'not_leader') || ConsensusError.is(error, 'fenced');
    this.#options.onEnd(
      hasLost
        ? { kind: 'steppedDown' }
        : {
            kind: 'failed',
            error: error instanceof Error ? error : new Error(String(error), { cause: error }),
          },
    );
  }
}
