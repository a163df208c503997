import { ConsensusError, type LeaderState, type LeadershipStream } from '../consensus/index.js';
import { unreachable } from '../errors/index.js';
import { withResolvers } from '../runtime/index.js';

/** Where a stream gets its states from, and whom it tells that it is released. */
export interface LeadershipStreamSource {
  /** The leadership in this very turn. */
  current(): LeaderState;
  /** Called once, when the stream is released by its holder. */
  released(): void;
}

type Result = IteratorResult<LeaderState, undefined>;
const DONE: Result = Object.freeze({ done: true, value: undefined });

/**
 * The stream that a `LeadershipChannel` hands to its one holder.
 *
 * It keeps no queue of states: it remembers only the last one that it has told, and compares the current one
 * with it, so that a slow holder is told the latest. Calls of `next()` that overlap are answered in order, one
 * transition each. The lease of a leader state that it tells is valid only as long as the stream is live:
 * whoever has released its stream can no longer serve by it, so that the next holder is the only one who does.
 */
export class LiveLeadershipStream implements LeadershipStream {
  readonly #source: LeadershipStreamSource;
  readonly #waiting: ((result: Result) => void)[] = [];
  #told: LeaderState | undefined;
  #live = true;

  constructor(source: LeadershipStreamSource) {
    this.#source = source;
  }

  next(): Promise<Result> {
    if (!this.#live) return Promise.resolve(DONE);
    const { promise, resolve } = withResolvers<Result>();
    this.#waiting.push(resolve);
    this.offer(this.#source.current());
    return promise;
  }

  /**
   * Tells the current state to the first call that waits, if there is one and the state is news to the
   * holder.
   */
  offer(state: LeaderState): void {
    if (!this.#live || this.#waiting.length === 0) return;
    if (this.#told !== undefined && isSameLeadership(this.#told, state)) return;
    this.#told = state;
    this.#waiting.shift()?.({ done: false, value: this.#bindLease(state) });
  }

  /** Ends the stream from the driver's side: calls that wait are told that it is done. Idempotent. */
  end(): void {
    this.#live = false;
    for (const resolve of this.#waiting.splice(0)) resolve(DONE);
  }

  return(): Promise<Result> {
    this[Symbol.dispose]();
    return Promise.resolve(DONE);
  }

  [Symbol.dispose](): void {
    if (!this.#live) return;
    this.end();
    this.#source.released();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #bindLease(state: LeaderState): LeaderState {
    if (state.role !== 'leader') return state;
    const { lease } = state;
    return { ...state, lease: { isValid: () => this.#live && lease.isValid() } };
  }
}

/**
 * A stream that was refused because another one is live: its first `next()` says so, then it is done. It
 * holds nothing.
 */
export class RefusedLeadershipStream implements LeadershipStream {
  #told = false;

  next(): Promise<Result> {
    if (this.#told) return Promise.resolve(DONE);
    this.#told = true;
    return Promise.reject(
      new ConsensusError(
        'stream_in_use',
        'another leadership stream of this driver is live; release that one, then ask for a new one',
      ),
    );
  }

  return(): Promise<Result> {
    this[Symbol.dispose]();
    return Promise.resolve(DONE);
  }

  [Symbol.dispose](): void {
    this.#told = true;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Whether a holder that was told `a` learns nothing from `b`: same role, epoch and endpoint. */
export function isSameLeadership(a: LeaderState, b: LeaderState): boolean {
  switch (a.role) {
    case 'leader':
      return b.role === 'leader' && a.epoch === b.epoch;
    case 'follower':
      return (
        b.role === 'follower' && a.leader.epoch === b.leader.epoch && a.leader.endpoint === b.leader.endpoint
      );
    case 'unknown':
      return b.role === 'unknown';
    default:
      return unreachable(a);
  }
}
