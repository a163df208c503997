import { InvalidInputError, unreachable } from '../errors/index.js';
import { packTimestamp } from '../oracle/index.js';
import type { Clock, Logger, Random } from '../runtime/index.js';
import { GET_TS_COUNT_MAX, type GetTsResponse, isGetTsCount } from '../wire/index.js';
import { CallScope } from './call-scope.js';
import { type AttemptOutcome, attemptGetTs, type CallChannel } from './get-ts-attempt.js';
import type { GrantedRange } from './granted-range.js';
import { LeaderSearch, type Turn } from './leader-search.js';
import { OrderGuard } from './order-guard.js';
import { type AttemptError, TsoClientError } from './tso-client-error.js';
import { TIMEOUT_MS_MAX, type TsoCallOptions, type TsoClientSettings } from './tso-client-options.js';

export interface RangeRequestsOptions {
  readonly settings: TsoClientSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Makes the channel to an endpoint; nothing is connected by it. */
  readonly openChannel: (endpoint: string) => CallChannel;
}

interface Call {
  readonly count: number;
  /**
   * How long an attempt may take, in ms: at most half of the call's time, so that one silent endpoint never
   * takes it all.
   */
  readonly attemptMs: number;
  readonly scope: CallScope;
  /** Everything returned before the call began is at or below it. */
  readonly floor: bigint;
  attempts: number;
  lastError: AttemptError | undefined;
}

/**
 * The calls of one client: each goes from endpoint to endpoint, as the search for the leader tells, until it
 * is granted or over.
 */
export class RangeRequests {
  readonly #options: RangeRequestsOptions;
  readonly #search: LeaderSearch;
  readonly #channels = new Map<string, CallChannel>();
  /** The calls under way, and the end of each. */
  readonly #calls = new Map<Call, Promise<GrantedRange>>();
  /** The ends of channels whose endpoints were forgotten. */
  readonly #ending = new Set<Promise<void>>();
  readonly #order = new OrderGuard();
  /** Of any call, since the last grant: what a call that never had a turn is told. */
  #lastError: AttemptError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RangeRequestsOptions) {
    this.#options = options;
    const { settings, clock, random, logger } = options;
    this.#search = new LeaderSearch({
      ...settings,
      clock,
      random,
      logger,
      onForgotten: (endpoint) => this.#forget(endpoint),
    });
  }

  get leader(): LeaderSearch['leader'] {
    return this.#search.leader;
  }

  get callsUnderWay(): number {
    return this.#calls.size;
  }

  async request(count: number, { signal, timeoutMs }: TsoCallOptions): Promise<GrantedRange> {
    const { settings, clock } = this.#options;
    const boundMs = checkTimeout(timeoutMs ?? settings.timeoutMs);
    if (!isGetTsCount(count)) {
      throw new InvalidInputError('count', count, `must be a whole number within [1, ${GET_TS_COUNT_MAX}]`);
    }
    signal?.throwIfAborted();
    if (this.#closing !== undefined) throw closed();
    if (this.#calls.size >= settings.maxConcurrentCalls) {
      throw new TsoClientError('too_many_calls', `${this.#calls.size} calls are under way already`);
    }
    const onTimeout = (): Error => this.#timeout(call, boundMs);
    using scope = new CallScope({ clock, timeoutMs: boundMs, signal, onTimeout });
    const attemptMs = Math.min(settings.attemptTimeoutMs, boundMs / 2);
    const floor = this.#order.begin();
    const call: Call = { count, attemptMs, scope, floor, attempts: 0, lastError: undefined };
    const end = this.#untilGranted(call);
    this.#calls.set(call, end);
    try {
      return await end;
    } finally {
      this.#calls.delete(call);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const { scope } of this.#calls.keys()) scope.end(closed());
    await Promise.allSettled(this.#calls.values());
    const channels = [...this.#channels.values()].map((channel) => channel.close());
    await Promise.all([...channels, ...this.#ending]);
  }

  async #untilGranted(call: Call): Promise<GrantedRange> {
    for (;;) {
      const turn = await this.#search.next(call.scope.signal);
      try {
        const outcome = await this.#attempt(call, turn);
        const range = this.#judge(call, turn, outcome);
        if (range !== undefined) return range;
      } finally {
        // Does nothing if the attempt has been judged.
        turn.abandoned();
      }
    }
  }

  #attempt(call: Call, { endpoint }: Turn): Promise<AttemptOutcome> {
    const { count, attemptMs, scope } = call;
    call.attempts += 1;
    return attemptGetTs({
      channel: this.#channel(endpoint),
      endpoint,
      count,
      waitMs: attemptMs,
      deadlineMs: Math.min(attemptMs, scope.leftMs),
      signal: scope.signal,
    });
  }

  /** What the call has come to by this attempt: its range, a rejection, or undefined if it goes on. */
  #judge(call: Call, turn: Turn, outcome: AttemptOutcome): GrantedRange | undefined {
    if (outcome.kind === 'granted') {
      turn.granted(outcome.response.epoch);
      this.#lastError = undefined;
      return this.#returned(call, turn.endpoint, outcome.response);
    }
    const { error } = outcome;
    call.lastError = error;
    this.#lastError = error;
    this.#options.logger.debug({ error, outcome: outcome.kind }, 'an attempt has failed');
    switch (outcome.kind) {
      case 'notLeader':
        turn.notLeader(outcome.hint);
        return undefined;
      case 'failed':
        turn.failed();
        return undefined;
      case 'silent':
        turn.silent(call.attemptMs);
        return undefined;
      case 'refused':
        throw new TsoClientError('refused', `the request was refused: ${error.message}`, { cause: error });
      case 'badResponse':
        turn.failed();
        throw new TsoClientError('bad_response', error.message, { cause: error });
      default:
        return unreachable(outcome);
    }
  }

  #returned({ floor }: Call, endpoint: string, response: GetTsResponse): GrantedRange {
    const { physicalMs, logicalStart, count, epoch } = response;
    const first = packTimestamp(physicalMs, logicalStart);
    const last = first + BigInt(count) - 1n;
    if (this.#order.admit(floor, first, last)) return { first, last, count, epoch };
    const message = `${endpoint} granted ${first}, which is not above ${floor}, returned before the call began`;
    this.#options.logger.error({ endpoint, epoch: String(epoch) }, message);
    throw new TsoClientError('order_violation', message);
  }

  #channel(endpoint: string): CallChannel {
    let channel = this.#channels.get(endpoint);
    if (channel === undefined) {
      channel = this.#options.openChannel(endpoint);
      this.#channels.set(endpoint, channel);
    }
    return channel;
  }

  #forget(endpoint: string): void {
    const channel = this.#channels.get(endpoint);
    if (channel === undefined) return;
    this.#channels.delete(endpoint);
    const ending = channel.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #timeout({ attempts, lastError }: Call, timeoutMs: number): TsoClientError {
    const cause = lastError ?? this.#lastError;
    const last = cause === undefined ? 'no endpoint has answered' : `last: ${cause.message}`;
    const message = `no timestamp within ${timeoutMs} ms, after ${attempts} attempts of this call; ${last}`;
    return new TsoClientError('timeout', message, cause === undefined ? {} : { cause });
  }
}

function closed(): TsoClientError {
  return new TsoClientError('closed', 'the client has been closed');
}

function checkTimeout(timeoutMs: number): number {
  if (typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX) return timeoutMs;
  throw new InvalidInputError('timeoutMs', timeoutMs, `must be a number of ms within [1, ${TIMEOUT_MS_MAX}]`);
}
