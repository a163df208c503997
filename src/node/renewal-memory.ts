import { type Ballot, compareBallots, type NodeId } from '../omnipaxos/index.js';

/**
 * When this node last answered a heartbeat in a way that can renew a lease: an answer to the leader of the very ballot that this node has promised. Promises only rise, so two
 * moments are enough. Pure: time is handed in, on the monotonic clock of this node.
 */
export class RenewalMemory {
  /** The highest ballot answered for, and when last. */
  #ballot: Ballot | undefined;
  #atMs = 0;
  /** When a lower one was last answered for, at the latest. */
  #lowerAtMs: number;

  /** @param bornMs when this life of the node began: whatever an earlier life has answered, it was before that. */
  constructor(bornMs: number) {
    this.#lowerAtMs = bornMs;
  }

  /** A heartbeat of `to` is answered, under `promise`. */
  answered(to: NodeId, promise: Ballot, nowMs: number): void {
    if (promise.pid !== to) return;
    if (this.#ballot !== undefined && compareBallots(promise, this.#ballot) > 0) this.#lowerAtMs = this.#atMs;
    this.#ballot = promise;
    this.#atMs = nowMs;
  }

  /** ms since a ballot below `n` was last answered for, at least. */
  msSinceBelow(n: Ballot, nowMs: number): number {
    const isBelow = this.#ballot !== undefined && compareBallots(this.#ballot, n) < 0;
    return Math.max(0, nowMs - (isBelow ? this.#atMs : this.#lowerAtMs));
  }
}
