import type { EventEmitter } from 'eventemitter3';
import type { LeaderState, LeadershipStream } from '../consensus/index.js';
import { InvalidInputError, parseInput, unreachable } from '../errors/index.js';
import {
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from '../runtime/index.js';
import { type Grant, type GrantOptions, type GrantRefusal, type GrantResult, refusalError } from './grant.js';
import { LeadershipLife } from './leadership-life.js';
import type { LifeEnd } from './life-end.js';
import { type OracleEvents, OracleEventTeller } from './oracle-events.js';
import {
  GRANT_TIMEOUT_MS_MAX,
  type OracleOptions,
  type OracleTuning,
  oracleTuningSchema,
} from './oracle-options.js';
import { type IdleState, isSameState, type OracleState, type OracleStatus } from './oracle-state.js';
import { WaitingGrants } from './waiting-grants.js';
import { assertCount } from './window-allocator.js';

/**
 * A timestamp oracle over any `ConsensusDriver`: grants strictly increasing timestamps from memory, out of windows
 * whose end is durable before they are used.
 *
 * **The promise.** Across all nodes, failovers, partitions and jumps of clocks, a timestamp granted to a call that
 * began after another timestamp was received is greater than it; no timestamp is granted twice.
 *
 * **Failover.** A new leader grants nothing until it has passed its fence: it loads the high-water, begins one ms
 * above it or at its clock, whichever is later, and has the end of its first window made durable. Grants wait for
 * that, within their deadlines. It retries transient errors as long as it leads.
 *
 * **Behind the clock.** A timestamp is not below what this node's wall clock showed when it was asked for (or shows
 * now, if it was stepped back meanwhile). A window that the clock has left behind is therefore used up, and the next
 * grant waits for consensus; as long as a grant comes in every half window, the window is extended in time and none
 * waits.
 *
 * **Ahead of the clock.** A window reaches `windowAheadMs` beyond the clock, and a failover begins above it,
 * whatever of it is unused. So after k failovers at once windows reach at most
 * `windowAheadMs + k * (failoverAdvanceMs + 1)` ms beyond the clock, and each ms that passes takes one off that: a
 * window is not extended before its first half is used up. (More than 2^18 timestamps asked for at one ms take the
 * next ms early, and may have a window extended early.) A wall clock that was ahead is followed: timestamps go on
 * from there, and never back. Times past `BELIEVED_WALL_MS_MAX` are not followed.
 *
 * **Failure.** A permanent error, an answer that no correct driver gives (`violation`) and the end of time
 * (`time_exhausted`) end it for good: state `failed`, and every grant rejects with `permanent`. Close the driver then:
 * as long as this node leads, no other one serves.
 */
export class Oracle implements AsyncDisposable {
  readonly #options: OracleOptions;
  readonly #tuning: OracleTuning;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #events: OracleEventTeller;
  readonly #waiting: WaitingGrants;
  readonly #stream: LeadershipStream;
  readonly #watching: Promise<void>;
  /** The leadership of this node, from its fence on. */
  #life: LeadershipLife | undefined;
  /** The state while there is no life. */
  #idle: IdleState = { role: 'unknown' };
  #told: OracleState | undefined;
  /** What the life before has known. */
  #known: LeadershipLife['known'] | undefined;
  readonly #counters = {
    grants: 0,
    timestamps: 0,
    waits: 0,
    leaderships: 0,
    fences: 0,
    extensions: 0,
    retries: 0,
  };

  private constructor(options: OracleOptions, tuning: OracleTuning) {
    this.#options = options;
    this.#tuning = tuning;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#logger = options.logger ?? silentLogger;
    this.#events = new OracleEventTeller((error) => this.#logger.error({ error }, 'a listener has failed'));
    this.#waiting = new WaitingGrants(this.#clock, tuning.maxWaitingGrants);
    this.#stream = options.driver.leadershipEvents();
    this.#watching = this.#watch();
  }

  /**
   * Starts to follow the driver's leadership. It takes the driver's only leadership stream; if that is taken already,
   * the oracle fails at once (state `failed`).
   * @throws {InvalidInputError} for an option that is unknown or out of range.
   */
  static start(options: OracleOptions): Oracle {
    const { driver, clock: _clock, random: _random, logger: _logger, ...tuning } = options;
    if (typeof driver?.leadershipEvents !== 'function') {
      throw new InvalidInputError('oracle options.driver', driver, 'must be a ConsensusDriver');
    }
    return new Oracle(options, parseInput(oracleTuningSchema, tuning, 'oracle options'));
  }

  /**
   * Tells changes. A listener that throws is logged and disturbs nobody; one that calls the oracle may do so, and
   * every listener is told of events in the order in which they have happened.
   */
  get events(): EventEmitter<OracleEvents> {
    return this.#events.emitter;
  }

  /** What the oracle is doing in this very turn. */
  state(): OracleState {
    const life = this.#life;
    if (life === undefined) return this.#idle;
    const { epoch, window } = life;
    return window === undefined
      ? { role: 'fencing', epoch }
      : { role: 'serving', epoch, limitMs: window.limitMs };
  }

  /** The state, and what has been counted since the start; made anew for each call. */
  status(): OracleStatus {
    return {
      state: this.state(),
      waitingGrants: this.#waiting.size,
      counters: { ...this.#counters },
    };
  }

  /**
   * Grants `count` timestamps in this turn, all at one ms, or says why not. The lease is asked in the same turn.
   * @throws {InvalidInputError} unless `count` is a whole number within [1, 262144].
   */
  tryGrant(count: number): GrantResult {
    assertCount(count);
    return this.#tryGrant(count);
  }

  /**
   * As {@link tryGrant}, but waits while the fence or an extension is under way: not beyond the moment in which this
   * node does not lead, the deadline or the signal. Grants that wait are served in the order of their calls.
   *
   * Rejects with an {@link OracleError}; with an `InvalidInputError` unless `count` is a whole number within
   * [1, 262144] and `timeoutMs` within [1, 3,600,000].
   */
  async grant(count: number, { signal, timeoutMs }: GrantOptions = {}): Promise<Grant> {
    if (timeoutMs !== undefined) assertTimeout(timeoutMs);
    signal?.throwIfAborted();
    const result = this.tryGrant(count);
    if (result.ok) return result.grant;
    if (result.refusal.kind !== 'notReady') throw refusalError(result.refusal);
    this.#counters.waits += 1;
    return await this.#waiting.wait(
      { count, sinceMs: this.#clock.wallMs() },
      { signal, timeoutMs: timeoutMs ?? this.#tuning.callTimeoutMs },
    );
  }

  /**
   * Ends serving in this turn, and with it all waits (code `closed`); then releases the leadership stream. The driver
   * stays open. Idempotent; it never rejects.
   */
  async close(): Promise<void> {
    if (this.#idle.role !== 'closed') this.#becomeIdle({ role: 'closed' });
    try {
      await this.#stream.return();
    } catch (error) {
      this.#logger.warn({ error }, 'the leadership stream was not released');
    }
    await this.#watching;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tryGrant(count: number, sinceMs?: number): GrantResult {
    const life = this.#life;
    if (life === undefined) return refused(this.#idleRefusal());
    if (life.window === undefined) return refused({ kind: 'notReady' });
    // No await between this and the grant: a lease that has been valid says nothing.
    if (!life.hasLease()) return refused({ kind: 'noLease' });
    const range = life.grant(count, sinceMs);
    if (range === undefined) return refused(this.#life === life ? { kind: 'notReady' } : this.#idleRefusal());
    this.#counters.grants += 1;
    this.#counters.timestamps += count;
    return { ok: true, grant: { ...range, epoch: life.epoch } };
  }

  #idleRefusal(): GrantRefusal {
    const state = this.#idle;
    switch (state.role) {
      case 'follower':
        return { kind: 'notLeader', leader: state.leader };
      case 'unknown':
        return { kind: 'notLeader', leader: undefined };
      case 'failed':
        return { kind: 'failed', error: state.error };
      case 'closed':
        return { kind: 'closed' };
      default:
        return unreachable(state);
    }
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
    if (this.#hasFinished()) return;
    switch (state.role) {
      case 'leader':
        if (this.#life?.epoch === state.epoch) return;
        this.#beginLife(state);
        return;
      case 'follower':
        this.#becomeIdle({ role: 'follower', leader: state.leader });
        return;
      case 'unknown':
        this.#becomeIdle({ role: 'unknown' });
        return;
      default:
        unreachable(state);
    }
  }

  #beginLife({ epoch, lease }: LeaderState & { readonly role: 'leader' }): void {
    this.#endLife();
    const life: LeadershipLife = new LeadershipLife({
      epoch,
      lease,
      driver: this.#options.driver,
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
      tuning: this.#tuning,
      known: this.#known,
      count: (what) => {
        this.#counters[what] += 1;
      },
      onServing: () => this.#changed(),
      onExtended: (limitMs) => this.#extended(limitMs),
      onEnd: (end) => this.#onLifeEnd(end),
    });
    this.#life = life;
    this.#idle = { role: 'unknown' };
    this.#counters.leaderships += 1;
    this.#changed();
    void life.run();
  }

  #extended(limitMs: number): void {
    this.#serveWaiting();
    if (this.#life !== undefined) this.#events.tell('extended', { epoch: this.#life.epoch, limitMs });
  }

  /** Told by the present life only: one that was ended tells nothing. */
  #onLifeEnd(end: LifeEnd): void {
    switch (end.kind) {
      case 'steppedDown':
        this.#becomeIdle({ role: 'unknown' });
        return;
      case 'driverClosed':
        this.#finish({ role: 'closed' });
        return;
      case 'failed':
        this.#finish({ role: 'failed', error: asError(end.error) });
        return;
      default:
        unreachable(end);
    }
  }

  #endLife(): void {
    if (this.#life === undefined) return;
    this.#known = this.#life.known;
    this.#life.end();
    this.#life = undefined;
  }

  #becomeIdle(state: IdleState): void {
    this.#endLife();
    this.#idle = state;
    this.#changed();
  }

  #hasFinished(): boolean {
    return this.#idle.role === 'failed' || this.#idle.role === 'closed';
  }

  /** Ends serving for good. A failure stays visible until the oracle itself is closed. */
  #finish(state: IdleState & { readonly role: 'failed' | 'closed' }): void {
    if (this.#hasFinished()) return;
    if (state.role === 'failed') {
      this.#logger.error({ error: state.error }, 'the oracle has failed and will not serve again');
    }
    this.#becomeIdle(state);
  }

  /** Serves what waits as far as it can be, then tells. */
  #changed(): void {
    this.#serveWaiting();
    const state = this.state();
    if (this.#told !== undefined && isSameState(state, this.#told)) return;
    this.#told = state;
    this.#events.tell('state', state);
  }

  #serveWaiting(): void {
    this.#waiting.serve(({ count, sinceMs }) => this.#tryGrant(count, sinceMs));
  }
}

function refused(refusal: GrantRefusal): GrantResult {
  return { ok: false, refusal };
}

function assertTimeout(timeoutMs: number): void {
  if (timeoutMs >= 1 && timeoutMs <= GRANT_TIMEOUT_MS_MAX) return;
  throw new InvalidInputError('timeoutMs', timeoutMs, `must be within [1, ${GRANT_TIMEOUT_MS_MAX}]`);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
