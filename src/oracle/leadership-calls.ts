import { type ConsensusDriver, type Epoch, isHighWater } from '../consensus/index.js';
import { TsoracleError } from '../errors/index.js';

/** What an oracle knows of the high-water, from one leadership to the next. */
export interface HighWaterKnowledge {
  /** The leadership that has asked last. */
  readonly epoch: Epoch;
  /** The highest value that it has asked consensus for; its advance may still take effect. */
  readonly askedMs: number;
  /** The highest value that this oracle was ever told is durable. */
  readonly durableMs: number;
}

/** What a leadership's calls are made of. */
export interface LeadershipCallsOptions {
  readonly driver: ConsensusDriver;
  readonly epoch: Epoch;
  /** Aborted when the leadership's life ends. */
  readonly signal: AbortSignal;
  /** From this oracle's leadership before, if there was one. */
  readonly known: HighWaterKnowledge | undefined;
}

/**
 * The calls of one leadership to its driver. Each ends with the leadership's life: what comes late rejects, and so
 * changes nothing. What a driver must never answer is a violation: this oracle must not serve by it.
 */
export class LeadershipCalls {
  readonly #epoch: Epoch;
  readonly #driver: ConsensusDriver;
  readonly #signal: AbortSignal;
  #askedMs: number;
  #durableMs: number;

  constructor({ driver, epoch, signal, known }: LeadershipCallsOptions) {
    this.#epoch = epoch;
    this.#driver = driver;
    this.#signal = signal;
    this.#askedMs = known?.epoch === epoch ? known.askedMs : 0;
    this.#durableMs = known?.durableMs ?? 0;
  }

  get known(): HighWaterKnowledge {
    return { epoch: this.#epoch, askedMs: this.#askedMs, durableMs: this.#durableMs };
  }

  /**
   * The high-water: at least as high as any window that an earlier leadership may grant from.
   *
   * Rejects as the driver does; with code `violation` for no possible high-water, and for one below what this oracle
   * was told is durable.
   */
  async load(): Promise<number> {
    const priorMs = await this.#driver.loadHighWater({ signal: this.#signal });
    this.#signal.throwIfAborted();
    if (!isHighWater(priorMs)) throw violation(`the high-water was loaded as ${priorMs}`);
    if (priorMs < this.#durableMs) {
      throw violation(`the high-water was loaded as ${priorMs}, but ${this.#durableMs} was durable before`);
    }
    return priorMs;
  }

  /**
   * Makes the high-water durably `atLeastMs`, or what was asked for before if that is more, and returns it: an attempt
   * whose answer was lost may have taken effect.
   *
   * Rejects as the driver does; with code `violation` for any other answer. It could only come from another
   * leadership of the same epoch.
   */
  async persist(atLeastMs: number): Promise<number> {
    const askedMs = Math.max(atLeastMs, this.#askedMs);
    this.#askedMs = askedMs;
    const actualMs = await this.#driver.persistHighWater(askedMs, this.#epoch, { signal: this.#signal });
    this.#signal.throwIfAborted();
    if (actualMs !== askedMs) {
      throw violation(`the high-water is ${actualMs}, but its only leader has asked for ${askedMs} at most`);
    }
    this.#durableMs = askedMs;
    return askedMs;
  }
}

function violation(message: string): TsoracleError {
  return new TsoracleError('violation', message);
}
