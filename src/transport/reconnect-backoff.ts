import type { Random } from '../runtime/index.js';

/** Bounds of a {@link ReconnectBackoff}, in ms. */
export interface ReconnectLimits {
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
}

/** Says how long to wait before a peer is dialled again: doubled at each failure, up to a limit, and jittered. */
export class ReconnectBackoff {
  readonly #limits: ReconnectLimits;
  readonly #random: Random;
  #failures = 0;

  constructor(limits: ReconnectLimits, random: Random) {
    this.#limits = limits;
    this.#random = random;
  }

  /**
   * The next pause, in ms: within [1/2, 1] of the doubled one, so that nodes which lost each other together do not come back
   * together.
   */
  nextMs(): number {
    const { reconnectMinMs, reconnectMaxMs } = this.#limits;
    const pauseMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.#failures, 32));
    this.#failures += 1;
    return pauseMs * (0.5 + this.#random.nextFloat() / 2);
  }

  /** The peer has been well for a while. */
  reset(): void {
    this.#failures = 0;
  }
}
