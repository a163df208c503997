import { EPOCH_ZERO, type Epoch, type LeaderState, type LeadershipStream } from '../consensus/index.js';
import type { Logger } from '../runtime/index.js';
import { epochOfState } from './call-errors.js';
import { LiveLeadershipStream, RefusedLeadershipStream } from './leadership-stream.js';

/** What a channel needs. */
export interface LeadershipChannelOptions {
  /** The leadership in this very turn, as one value: role, epoch and lease belong together. */
  readonly read: () => LeaderState;
  readonly logger: Logger;
}

/**
 * One driver's leadership, with at most one live stream. Whoever drives it calls {@link changed} after each
 * change.
 *
 * The place is taken by {@link open} and freed by the release of that very stream: releasing a stream twice,
 * or late, never frees a newer holder. Epochs never go back: a state whose epoch is below one that was seen
 * before is stale, and is told as `unknown`.
 */
export class LeadershipChannel {
  readonly #read: () => LeaderState;
  readonly #logger: Logger;
  #holder: LiveLeadershipStream | undefined;
  #highestEpoch: Epoch = EPOCH_ZERO;
  #refused = 0;
  #closed = false;

  constructor(options: LeadershipChannelOptions) {
    this.#read = options.read;
    this.#logger = options.logger;
  }

  /** How many streams were refused because another one was live. */
  get refused(): number {
    return this.#refused;
  }

  /** The leadership in this very turn. */
  current(): LeaderState {
    const state = this.#read();
    const epoch = epochOfState(state);
    if (epoch === undefined) return state;
    if (epoch < this.#highestEpoch) {
      this.#logger.warn(
        { role: state.role, epoch, highestEpoch: this.#highestEpoch },
        'a leadership below the highest epoch seen is told as unknown',
      );
      return { role: 'unknown' };
    }
    this.#highestEpoch = epoch;
    return state;
  }

  /**
   * The one live stream; or, if there is one already, a stream whose first `next()` rejects with
   * `stream_in_use`.
   */
  open(): LeadershipStream {
    if (this.#holder !== undefined) {
      this.#refused += 1;
      this.#logger.error({ refused: this.#refused }, 'a second leadership stream was refused: one is live');
      return new RefusedLeadershipStream();
    }
    const stream = new LiveLeadershipStream({
      current: () => this.current(),
      // A stream tells this once, and never after close(): the place that it frees is always its own.
      released: () => {
        this.#holder = undefined;
      },
    });
    if (this.#closed) stream.end();
    else this.#holder = stream;
    return stream;
  }

  /** The leadership may have changed. */
  changed(): void {
    // Read even if nobody waits for it, so that no later state can go below this one.
    const state = this.current();
    this.#holder?.offer(state);
  }

  /** Ends the live stream; streams opened later have ended from the start. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#holder?.end();
    this.#holder = undefined;
  }
}
