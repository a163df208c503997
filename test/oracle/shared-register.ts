import {
  assertAdvanceInRange,
  type CallOptions,
  type ConsensusDriver,
  ConsensusError,
  type Epoch,
  type LeaderState,
  type LeadershipStream,
  mergeHighWater,
  toEpoch,
} from '../../src/consensus/index.js';
import { LeadershipChannel } from '../../src/driver/index.js';
import { type Clock, delay, silentLogger } from '../../src/runtime/index.js';

/** What becomes of one call of a {@link RegisterDriver}. */
export interface Fate {
  /** How long it takes until it takes effect, in ms. */
  readonly beforeMs: number;
  /** How long it takes from then until it is answered, in ms. */
  readonly afterMs: number;
  /**
   * `answer`: told what has happened, also if its leadership has ended since its effect.
   * `lose`: nothing happens, and it is told `transient`.
   * `loseAnswer`: it takes effect, and is told `transient`.
   * `outlive`: it is told `transient` at once, and takes effect later.
   */
  readonly ending: 'answer' | 'lose' | 'loseAnswer' | 'outlive';
  /** Goes on, and answers, although its caller has given up. */
  readonly ignoresSignal: boolean;
}

/**
 * What all nodes share: a high-water, and who leads at which epoch. Every effect is one turn's, so that it is linearizable;
 * it is the least that the contract demands, at its most adverse timing.
 */
export class SharedRegister {
  highWaterMs: number;
  /** The highest value that each epoch has made durable. */
  readonly durable = new Map<Epoch, number>();
  /** Every value that was asked for. */
  readonly asked: number[] = [];
  epoch: Epoch = toEpoch(0n);
  leader: RegisterDriver | undefined;
  readonly drivers: RegisterDriver[] = [];

  constructor(highWaterMs: number) {
    this.highWaterMs = highWaterMs;
  }

  /** Ends the present leadership, and begins another one at a higher epoch; of nobody, if no driver is named. */
  elect(driver: RegisterDriver | undefined): void {
    if (driver !== undefined) this.epoch = toEpoch(this.epoch + 1n);
    this.leader = driver;
    for (const each of this.drivers) each.leadershipChanged();
  }

  leads(driver: RegisterDriver, epoch: Epoch): boolean {
    return this.leader === driver && this.epoch === epoch;
  }

  advance(atLeast: number, epoch: Epoch): number {
    this.highWaterMs = mergeHighWater(this.highWaterMs, atLeast);
    this.durable.set(epoch, Math.max(atLeast, this.durable.get(epoch) ?? 0));
    return this.highWaterMs;
  }
}

/** One node's driver on a {@link SharedRegister}. */
export class RegisterDriver implements ConsensusDriver {
  /** The fates of the next calls; those after them are simply answered. */
  fates: Fate[] = [];
  leaseLapsed = false;
  readonly #register: SharedRegister;
  readonly #clock: Clock;
  readonly #channel: LeadershipChannel;
  #state: LeaderState = { role: 'unknown' };

  constructor(register: SharedRegister, clock: Clock) {
    this.#register = register;
    this.#clock = clock;
    this.#channel = new LeadershipChannel({ read: () => this.#state, logger: silentLogger });
    register.drivers.push(this);
  }

  leadershipChanged(): void {
    const { epoch, leader } = this.#register;
    if (leader === undefined) this.#state = { role: 'unknown' };
    else if (leader !== this) this.#state = { role: 'follower', leader: { epoch, endpoint: 'other:1' } };
    else {
      this.leaseLapsed = false;
      this.#state = {
        role: 'leader',
        epoch,
        lease: { isValid: () => this.#register.leads(this, epoch) && !this.leaseLapsed },
      };
    }
    this.#channel.changed();
  }

  leadershipEvents(): LeadershipStream {
    return this.#channel.open();
  }

  loadHighWater(options: CallOptions = {}): Promise<number> {
    const { epoch } = this.#register;
    return this.#meet(options, epoch, () => this.#register.highWaterMs);
  }

  persistHighWater(atLeast: number, epoch: Epoch, options: CallOptions = {}): Promise<number> {
    this.#register.asked.push(atLeast);
    assertAdvanceInRange(atLeast);
    return this.#meet(options, epoch, () => this.#register.advance(atLeast, epoch));
  }

  async close(): Promise<void> {
    this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #meet({ signal }: CallOptions, epoch: Epoch, effect: () => number): Promise<number> {
    signal?.throwIfAborted();
    const { afterMs, beforeMs, ending, ignoresSignal } = this.fates.shift() ?? PROMPT;
    const abort = ignoresSignal ? undefined : signal;
    if (ending === 'outlive') {
      this.#clock.setTimer(beforeMs, () => this.#register.leads(this, epoch) && effect());
      throw new ConsensusError('transient', 'the deadline has passed');
    }
    if (beforeMs > 0) await delay(this.#clock, beforeMs, abort);
    if (!this.#register.leads(this, epoch)) throw new ConsensusError('fenced', 'another one leads');
    if (ending === 'lose') throw new ConsensusError('transient', 'it was lost');
    const value = effect();
    if (afterMs > 0) await delay(this.#clock, afterMs, abort);
    if (ending === 'loseAnswer') throw new ConsensusError('transient', 'its answer was lost');
    return value;
  }
}

const PROMPT: Fate = { beforeMs: 0, afterMs: 0, ending: 'answer', ignoresSignal: false };
