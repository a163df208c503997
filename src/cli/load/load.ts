import { setMaxListeners } from 'node:events';
import { type Clock, delay, type Logger, type Random } from '../../runtime/index.js';
import { FailoverGaps } from './failover-gaps.js';
import type { LoadTotals } from './load-messages.js';
import { TimestampOrderChecker } from './timestamp-order-checker.js';

/** One client, as the load needs it. */
export interface TimestampSource {
  /** One timestamp, or a rejection within the client's own deadline. */
  getTimestamp(): Promise<bigint>;
  /** Ends calls under way; they reject. */
  close(): Promise<void>;
}

export interface LoadOptions {
  /** The clients; each makes one call after the other. */
  readonly clients: readonly TimestampSource[];
  /** The name under which a rejection is counted. */
  readonly nameOfError: (error: unknown) => string;
  /**
   * Whether a client has rejected because it was itself granted something out of order: that is a violation,
   * not an error.
   */
  readonly isViolation: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told when the first grant after a kill has come. */
  readonly onFailover: () => void;
}

/**
 * After a failed call a client waits for a random time below this, in ms, so that a refusing server is not
 * stormed.
 */
const PAUSE_AFTER_ERROR_MS = 20;
/** How many violations are logged in full; all are counted. */
const LOGGED_VIOLATIONS_MAX = 20;

/** Clients that ask for one timestamp after the other, and the judge of all that they receive together. */
export class Load {
  readonly #options: LoadOptions;
  readonly #checker = new TimestampOrderChecker();
  readonly #gaps = new FailoverGaps();
  readonly #errors = new Map<string, number>();
  readonly #ending = new AbortController();
  readonly #beganMs: number;
  readonly #loops: Promise<unknown>;
  #timestamps = 0;
  #violationsSeenByClients = 0;

  /** The clients begin at once. */
  constructor(options: LoadOptions) {
    this.#options = options;
    this.#beganMs = options.clock.monotonicMs();
    // Every client listens while it pauses: as many listeners as clients are no leak.
    setMaxListeners(0, this.#ending.signal);
    this.#loops = Promise.all(options.clients.map((client) => this.#callOnAndOn(client)));
  }

  totals(): LoadTotals {
    return {
      elapsedMs: this.#options.clock.monotonicMs() - this.#beganMs,
      timestamps: this.#timestamps,
      violations: this.#checker.violations + this.#violationsSeenByClients,
      errors: Object.fromEntries(this.#errors),
      failoverGapsMs: [...this.#gaps.gaps],
      unansweredKills: this.#gaps.unanswered,
    };
  }

  /** The leader has just been killed. */
  leaderKilled(): void {
    this.#gaps.killed(this.#options.clock.monotonicMs());
  }

  /** Resolves when all clients have ended; rejects if the load cannot go on. */
  get ended(): Promise<unknown> {
    return this.#loops;
  }

  /**
   * Ends all clients; calls under way are given up and not counted as errors. Rejects if the load had broken
   * down.
   */
  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#options.clients.map((client) => client.close()));
    await this.#loops;
  }

  async #callOnAndOn(client: TimestampSource): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      if (await this.#call(client)) continue;
      await delay(clock, random.nextFloat() * PAUSE_AFTER_ERROR_MS, signal).catch(() => undefined);
    }
  }

  async #call(client: TimestampSource): Promise<boolean> {
    const call = this.#checker.begin();
    let timestamp: bigint;
    try {
      timestamp = await client.getTimestamp();
    } catch (error) {
      this.#checker.failed(call);
      if (!this.#ending.signal.aborted) this.#countError(error);
      return false;
    }
    this.#timestamps++;
    const violation = this.#checker.received(call, timestamp, 1);
    if (violation !== undefined && this.#checker.violations <= LOGGED_VIOLATIONS_MAX) {
      this.#options.logger.error(describeBigints(violation), 'a client was granted a timestamp out of order');
    }
    const { unanswered } = this.#gaps;
    this.#gaps.granted(this.#options.clock.monotonicMs());
    if (this.#gaps.unanswered < unanswered) this.#options.onFailover();
    return true;
  }

  #countError(error: unknown): void {
    if (this.#options.isViolation(error)) {
      this.#violationsSeenByClients++;
      this.#options.logger.error({ err: error }, 'a client was granted a timestamp out of order');
      return;
    }
    const name = this.#options.nameOfError(error);
    const count = (this.#errors.get(name) ?? 0) + 1;
    this.#errors.set(name, count);
    if (count === 1)
      this.#options.logger.warn({ err: error, name }, 'a call failed; its kind is counted from now on');
  }
}

function describeBigints(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, typeof value === 'bigint' ? String(value) : value]),
  );
}
