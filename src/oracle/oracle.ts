import { EventEmitter } from 'eventemitter3';
import type { Epoch, LeaderState, LeadershipStream } from '../consensus/index.js';
import { parseInput, unreachable } from '../errors/index.js';
import {
  type Clock,
  type Deferred,
  deferWithDeadline,
  emitGuarded,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from '../runtime/index.js';
import { LeadershipLife, type LifeEnd } from './leadership-life.js';
import { type KnownLeader, OracleError } from './oracle-error.js';
import { type OracleOptions, type OracleTuning, oracleTuningSchema } from './oracle-options.js';
import { assertCount, type TimestampRange } from './window-allocator.js';

/** Timestamps granted by one leadership, all at one `physicalMs`. */
export interface Grant extends TimestampRange {
  readonly epoch: Epoch;
}

/** What an oracle is doing. */
export type OracleState =
  /** Grants out of a window that reaches up to `limitMs`, as long as the lease is valid. */
  | { readonly role: 'serving'; readonly epoch: Epoch; readonly limitMs: number }
  /** Leads, and is making its first window durable. */
  | { readonly role: 'fencing'; readonly epoch: Epoch }
  | { readonly role: 'follower'; readonly leader: KnownLeader }
  | { readonly role: 'unknown' }
  /** Will never serve again. */
  | { readonly role: 'failed'; readonly error: Error }
  | { readonly role: 'closed' };

/** Why nothing was granted in this turn. */
export type GrantRefusal =
  /** This node does not lead. */
  | { readonly kind: 'notLeader'; readonly leader: KnownLeader | undefined }
  /** The fence, or an extension that the window has run out before, is under way: soon. */
  | { readonly kind: 'notReady' }
  /** This node leads, as far as it knows, but must not serve at this moment. */
  | { readonly kind: 'noLease' }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'closed' };

/** The outcome of {@link Oracle.tryGrant}. */
export type GrantResult =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly refusal: GrantRefusal };

/** Bounds for one grant. */
export interface GrantOptions {
  /** Ends the wait with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** How long the grant may wait for the fence or an extension, in ms. Default: the oracle's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** What an oracle has counted since it was started. */
export interface OracleCounters {
  readonly grants: number;
  readonly timestamps: number;
  /** Leaderships that have begun. */
  readonly leaderships: number;
  readonly extensions: number;
  /** Consensus calls that were repeated after a transient error. */
  readonly retries: number;
}

/** A read-only picture of an oracle. */
export interface OracleStatus {
  readonly state: OracleState;
  /** Grants that wait for the fence or an extension. */
  readonly waitingGrants: number;
  readonly counters: OracleCounters;
}

/** What an oracle tells, after its state has changed. */
export interface OracleEvents {
  readonly state: (state: OracleState) => void;
}

interface WaitingGrant {
  readonly count: number;
  readonly deferred: Deferred<Grant>;
}

/**
 * A timestamp oracle over any `ConsensusDriver`: grants strictly increasing timestamps from memory, out of windows whose end is durable
 * before they are used.
 *
 * **The promise.** Across all nodes, failovers, partitions and jumps of clocks, a timestamp granted to a call that began after another timestamp
 * was received is greater than it; no timestamp is granted twice.
 *
 * **How far timestamps run ahead of the clock.** By at most `windowAheadMs` in steady state. Each failover begins one ms above the window of the leadership
 * before, of whatever is unused of it: k failovers within T ms leave the timestamps at most `(k + 1) * (windowAheadMs + 1) - T` ms ahead, and the
 * lead shrinks again as time passes. A wall clock that was ahead is followed: timestamps wait for it to be caught up, and never go back.
 */
export class Oracle implements AsyncDisposable {
  /** Typed events; see {@link OracleEvents}. A listener that throws is logged, and disturbs nobody. */
  readonly events = new EventEmitter<OracleEvents>();
  readonly #options: OracleOptions;
  readonly #tuning: OracleTuning;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #stream: LeadershipStream;
  readonly #watching: Promise<void>;
  #life: LeadershipLife | undefined;
  #role: Exclude<OracleState, { role: 'serving' | 'fencing' }> = { role: 'unknown' };
  #waiting: WaitingGrant[] = [];
  #grants = 0;
  #timestamps = 0;
  #leaderships = 0;
  #pastExtensions = 0;
  #pastRetries = 0;

  private constructor(options: OracleOptions, tuning: OracleTuning) {
    this.#options = options;
    this.#tuning = tuning;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#logger = options.logger ?? silentLogger;
    this.#stream = options.driver.leadershipEvents();
    this.#watching = this.#watch();
  }

  /**
   * Starts to follow the driver's leadership. It takes the driver's only leadership stream.
   * @throws {InvalidInputError} for tuning out of range.
   */
  static start(options: OracleOptions): Oracle {
    const { driver: _driver, clock: _clock, random: _random, logger: _logger, ...tuning } = options;
    return new Oracle(options, parseInput(oracleTuningSchema, tuning, 'oracle options'));
  }

  state(): OracleState {
    const life = this.#life;
    if (life === undefined) return this.#role;
    return life.limitMs === undefined
      ? { role: 'fencing', epoch: life.epoch }
      : { role: 'serving', epoch: life.epoch, limitMs: life.limitMs };
  }

  status(): OracleStatus {
    return {
      state: this.state(),
      waitingGrants: this.#waiting.length,
      counters: {
        grants: this.#grants,
        timestamps: this.#timestamps,
        leaderships: this.#leaderships,
        extensions: this.#pastExtensions + (this.#life?.counters.extensions ?? 0),
        retries: this.#pastRetries + (this.#life?.counters.retries ?? 0),
      },
    };
  }

  /**
   * Grants `count` timestamps in this turn, all at one ms, or says why not. The lease is asked in the same turn.
   * @throws {InvalidInputError} unless `count` is a whole number within [1, 262144].
   */
  tryGrant(count: number): GrantResult {
    assertCount(count);
    const life = this.#life;
    if (life === undefined) return { ok: false, refusal: this.#refusal() };
    if (!life.isServing) return { ok: false, refusal: { kind: 'notReady' } };
    if (!life.hasLease()) return { ok: false, refusal: { kind: 'noLease' } };
    const range = life.grant(count);
    if (range === undefined)
      return { ok: false, refusal: this.#life === life ? { kind: 'notReady' } : this.#refusal() };
    this.#grants += 1;
    this.#timestamps += count;
    return { ok: true, grant: { ...range, epoch: life.epoch } };
  }

  /**
   * As {@link tryGrant}, but waits while the fence or an extension is under way: not beyond the loss of the leadership, the deadline or the
   * signal.
   *
   * Rejects with an {@link OracleError}; with an `InvalidInputError` unless `count` is a whole number within [1, 262144].
   */
  async grant(
    count: number,
    { signal, timeoutMs = this.#tuning.callTimeoutMs }: GrantOptions = {},
  ): Promise<Grant> {
    signal?.throwIfAborted();
    const result = this.tryGrant(count);
    if (result.ok) return result.grant;
    if (result.refusal.kind !== 'notReady') throw errorOf(result.refusal);
    if (this.#waiting.length >= this.#tuning.maxWaitingGrants) {
      throw new OracleError('transient', `${this.#waiting.length} grants wait for a window already`);
    }
    const deferred = deferWithDeadline<Grant>({
      clock: this.#clock,
      timeoutMs,
      signal,
      onTimeout: () => new OracleError('transient', `no window was ready within ${timeoutMs} ms`),
    });
    const waiting = { count, deferred };
    this.#waiting.push(waiting);
    try {
      return await deferred.promise;
    } finally {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    }
  }

  /** Ends the leadership stream and all waits (code `closed`); the driver stays open. Idempotent; it never rejects. */
  async close(): Promise<void> {
    this.#finish({ role: 'closed' });
    await this.#stream.return();
    await this.#watching;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Follows the stream to its end. However it ends, nothing is granted afterwards. Never rejects. */
  async #watch(): Promise<void> {
    try {
      for await (const state of this.#stream) this.#onLeaderState(state);
      this.#finish({ role: 'closed' });
    } catch (error) {
      this.#finish({ role: 'failed', error: asError(error) });
    }
  }

  #onLeaderState(state: LeaderState): void {
    if (this.#role.role === 'closed' || this.#role.role === 'failed') return;
    if (state.role === 'leader' && this.#life?.epoch === state.epoch) return;
    this.#endLife();
    switch (state.role) {
      case 'leader':
        this.#role = { role: 'unknown' };
        this.#beginLife(state);
        break;
      case 'follower':
        this.#role = { role: 'follower', leader: state.leader };
        break;
      case 'unknown':
        this.#role = { role: 'unknown' };
        break;
      default:
        unreachable(state);
    }
    this.#changed();
  }

  #beginLife({ epoch, lease }: LeaderState & { readonly role: 'leader' }): void {
    this.#leaderships += 1;
    const { driver } = this.#options;
    const life: LeadershipLife = new LeadershipLife({
      epoch,
      lease,
      driver,
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
      tuning: this.#tuning,
      onWindow: () => this.#changed(),
      onEnd: (end) => this.#onLifeEnd(life, end),
    });
    this.#life = life;
    void life.run();
  }

  #onLifeEnd(life: LeadershipLife, end: LifeEnd): void {
    if (this.#life !== life) return;
    if (end.kind === 'failed') {
      this.#logger.error({ error: end.error }, 'the oracle has failed and will not serve again');
      this.#finish({ role: 'failed', error: end.error });
      return;
    }
    this.#endLife();
    this.#role = { role: 'unknown' };
    this.#changed();
  }

  #endLife(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#pastExtensions += life.counters.extensions;
    this.#pastRetries += life.counters.retries;
    life.end();
  }

  #finish(role: Extract<OracleState, { role: 'closed' | 'failed' }>): void {
    if (this.#role.role === 'closed') return;
    this.#endLife();
    this.#role = role;
    this.#changed();
  }

  #refusal(): GrantRefusal {
    const role = this.#role;
    switch (role.role) {
      case 'follower':
        return { kind: 'notLeader', leader: role.leader };
      case 'unknown':
        return { kind: 'notLeader', leader: undefined };
      case 'failed':
        return { kind: 'failed', error: role.error };
      case 'closed':
        return { kind: 'closed' };
      default:
        return unreachable(role);
    }
  }

  /** Serves what waits as far as it can be, then tells. */
  #changed(): void {
    for (const { count, deferred } of [...this.#waiting]) {
      if (deferred.settled) continue;
      const result = this.tryGrant(count);
      if (result.ok) deferred.resolve(result.grant);
      else if (result.refusal.kind !== 'notReady') deferred.reject(errorOf(result.refusal));
    }
    emitGuarded(this.events, 'state', [this.state()], (error) => {
      this.#logger.error({ error }, 'a listener has failed');
    });
  }
}

function errorOf(refusal: Exclude<GrantRefusal, { kind: 'notReady' }>): OracleError {
  switch (refusal.kind) {
    case 'notLeader':
      return new OracleError('not_leader', 'this node does not lead', { leader: refusal.leader });
    case 'noLease':
      return new OracleError('transient', 'this node holds no valid lease at this moment');
    case 'failed':
      return new OracleError('permanent', `this oracle has failed: ${refusal.error.message}`, {
        cause: refusal.error,
      });
    case 'closed':
      return new OracleError('closed', 'this oracle has been closed');
    default:
      return unreachable(refusal);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
