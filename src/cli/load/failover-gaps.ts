export interface FailoverGapsOptions {
  /**
   * For how long after a kill a grant still counts as the dead leader's, in ms. Answers that it had sent may
   * still be on their way through the sockets, while no successor can serve before a heartbeat round has
   * passed (100 ms by default). Default 20.
   */
  readonly settleMs?: number;
}

/**
 * Measures how long the clients go without a timestamp when a leader is killed: for each kill, from the last
 * grant before it to the first one after it. All times are in ms of one monotonic clock.
 */
export class FailoverGaps {
  readonly #settleMs: number;
  readonly #gaps: number[] = [];
  #lastGrantMs: number | undefined;
  /** The kills that no grant has followed yet, in order. */
  #open: { readonly killedMs: number }[] = [];

  constructor(options: FailoverGapsOptions = {}) {
    this.#settleMs = options.settleMs ?? 20;
  }

  /** The gap of each kill that a grant has followed, in order of the kills. */
  get gaps(): readonly number[] {
    return this.#gaps;
  }

  /** How many kills no grant has followed yet. */
  get unanswered(): number {
    return this.#open.length;
  }

  /** The leader is dead as of `nowMs`. */
  killed(nowMs: number): void {
    this.#open.push({ killedMs: nowMs });
  }

  /** A client has received a timestamp at `nowMs`. */
  granted(nowMs: number): void {
    const oldest = this.#open[0];
    if (oldest !== undefined && nowMs > oldest.killedMs + this.#settleMs) this.#close(nowMs);
    this.#lastGrantMs = nowMs;
  }

  /** Kills without a grant between them share their last grant and their first one, and so their gap. */
  #close(nowMs: number): void {
    const stillOpen = this.#open.filter(({ killedMs }) => nowMs <= killedMs + this.#settleMs);
    for (const { killedMs } of this.#open.slice(0, this.#open.length - stillOpen.length)) {
      this.#gaps.push(nowMs - (this.#lastGrantMs ?? killedMs));
    }
    this.#open = stillOpen;
  }
}
