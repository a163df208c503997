import {
  assertAdvanceInRange,
  type CallOptions,
  type ConsensusDriver,
  DEFAULT_CALL_TIMEOUT_MS,
  EPOCH_ZERO,
  type Epoch,
  isHighWater,
  type LeaderState,
  type LeadershipStream,
  mergeHighWater,
  PHYSICAL_MS_MAX,
  toEpoch,
} from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import { type Logger, silentLogger } from '../runtime/index.js';
import { closed, lossOfLeadership, notLeader } from './call-errors.js';
import { checkCallTimeout } from './call-timeout.js';
import { LeadershipChannel } from './leadership-channel.js';

/** Options of a {@link MemoryDriver}. */
export interface MemoryDriverOptions {
  /** The epoch of the first leadership. Default 1. */
  readonly epoch?: Epoch;
  /** The high-water at the start, in ms: a whole number within [0, 2^46 - 1]. Default 0. */
  readonly highWaterMs?: number;
  readonly logger?: Logger;
}

/** The leader that a {@link MemoryDriver} is to follow. */
export interface FollowedLeader {
  /** At least the highest epoch so far; above it, if this driver leads. */
  readonly epoch: Epoch;
  /** The scheme-less `host:port` of that leader's client service, if it is known. */
  readonly endpoint?: string;
}

/**
 * The simplest correct driver: one process, nothing durable, leader from the start.
 *
 * The high-water lives as long as this object. Every call takes effect in the turn in which it is made, so no
 * call ever waits. It is meant for tests and for trying things out: timestamps that it backs may repeat after
 * a restart. Its controls ({@link loseLeadership}, {@link gainLeadership}, {@link lapseLease},
 * {@link renewLease}) play the part of an election.
 */
export class MemoryDriver implements ConsensusDriver {
  readonly #channel: LeadershipChannel;
  #leadership: LeaderState;
  #highestEpoch: Epoch;
  #highWaterMs: number;
  #leaseLapsed = false;
  #closed = false;

  /** @throws {InvalidInputError} for an epoch or a high-water out of range. */
  constructor(options: MemoryDriverOptions = {}) {
    const { epoch = toEpoch(1n), highWaterMs = 0, logger = silentLogger } = options;
    if (!isHighWater(highWaterMs)) {
      throw new InvalidInputError(
        'highWaterMs',
        highWaterMs,
        `must be a whole number of ms within [0, ${PHYSICAL_MS_MAX}]`,
      );
    }
    this.#highWaterMs = highWaterMs;
    this.#highestEpoch = toEpoch(epoch);
    this.#leadership = this.#leaderState(this.#highestEpoch);
    this.#channel = new LeadershipChannel({ read: () => this.#leadership, logger });
  }

  /** How many leadership streams were refused because another one was live. */
  get streamsRefused(): number {
    return this.#channel.refused;
  }

  leadershipEvents(): LeadershipStream {
    return this.#channel.open();
  }

  async loadHighWater(options: CallOptions = {}): Promise<number> {
    this.#beginCall(options);
    if (this.#leadership.role !== 'leader') throw notLeader();
    return this.#highWaterMs;
  }

  async persistHighWater(atLeast: number, epoch: Epoch, options: CallOptions = {}): Promise<number> {
    assertAdvanceInRange(atLeast);
    toEpoch(epoch);
    this.#beginCall(options);
    if (this.#leadership.role !== 'leader') throw notLeader();
    const loss = lossOfLeadership(this.#leadership, EPOCH_ZERO, epoch);
    if (loss !== undefined) throw loss;
    this.#highWaterMs = mergeHighWater(this.#highWaterMs, atLeast);
    return this.#highWaterMs;
  }

  /**
   * Ends the leadership: the lease turns false in this turn. The state becomes that of a follower of
   * `leader`, or `unknown`.
   * @throws {InvalidInputError} if the epoch of `leader` is below the highest one so far, or is this driver's
   * own.
   */
  loseLeadership(leader?: FollowedLeader): void {
    if (leader !== undefined) {
      const lowest = this.#leadership.role === 'leader' ? this.#highestEpoch + 1n : this.#highestEpoch;
      if (leader.epoch < lowest) {
        throw new InvalidInputError('leader.epoch', leader.epoch, `must be at least ${lowest}`);
      }
      this.#highestEpoch = toEpoch(leader.epoch);
    }
    this.#change(leader === undefined ? { role: 'unknown' } : { role: 'follower', leader });
  }

  /**
   * Begins a new leadership, whether or not this driver leads already.
   * @param epoch its epoch; the highest one so far, plus 1, if absent.
   * @returns its epoch.
   * @throws {InvalidInputError} if `epoch` is not above the highest one so far.
   */
  gainLeadership(epoch: Epoch = toEpoch(this.#highestEpoch + 1n)): Epoch {
    if (epoch <= this.#highestEpoch) {
      throw new InvalidInputError(
        'epoch',
        epoch,
        `must be above ${this.#highestEpoch}, the highest one so far`,
      );
    }
    this.#highestEpoch = toEpoch(epoch);
    this.#leaseLapsed = false;
    this.#change(this.#leaderState(epoch));
    return epoch;
  }

  /** Lets the lease lapse, without a change of role. */
  lapseLease(): void {
    this.#leaseLapsed = true;
  }

  /** Makes a lapsed lease valid again, if its leadership goes on. */
  renewLease(): void {
    this.#leaseLapsed = false;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leadership = { role: 'unknown' };
    this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #beginCall({ signal, timeoutMs = DEFAULT_CALL_TIMEOUT_MS }: CallOptions): void {
    checkCallTimeout(timeoutMs);
    signal?.throwIfAborted();
    if (this.#closed) throw closed();
  }

  #change(state: LeaderState): void {
    if (this.#closed) return;
    this.#leadership = state;
    this.#channel.changed();
  }

  #leaderState(epoch: Epoch): LeaderState {
    const state: LeaderState = {
      role: 'leader',
      epoch,
      // Tied to this very state: a lease that has ended stays false, also when this driver leads again.
      lease: { isValid: () => this.#leadership === state && !this.#leaseLapsed },
    };
    return state;
  }
}
