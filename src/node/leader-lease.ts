import { type Ballot, ballotsEqual, type NodeId } from '../omnipaxos/index.js';
import { type ClockReading, elapsedMs } from './clock-reading.js';

/** What a lease is made of. */
export interface LeaderLeaseOptions {
  /** The ballot that is led. */
  readonly ballot: Ballot;
  /** How long a renewal lasts, above 0. */
  readonly leaseMs: number;
  /** The size of a write quorum, the leader itself included. */
  readonly writeQuorum: number;
}

/**
 * The lease of one leadership: valid while a write quorum, the leader included, has answered a heartbeat of this leadership that left less than
 * `leaseMs` ago, and held this very ballot as its promise when it answered. Pure: time is handed in.
 *
 * A later leader needs promises of a read quorum, which intersects every write quorum; whoever is in both has answered before it promised, and answers
 * for this ballot no more. So this lease has run out `leaseMs` after that answer at the latest, which is what `LeaseWait` waits for.
 */
export class LeaderLease {
  readonly ballot: Ballot;
  readonly #leaseMs: number;
  readonly #othersNeeded: number;
  /** When each round of this leadership left, oldest first; none that could renew nothing any more. */
  readonly #rounds = new Map<number, ClockReading>();
  /** The latest round that each peer has answered under this ballot, and when it left. */
  readonly #renewals = new Map<NodeId, { readonly round: number; readonly leftAt: ClockReading }>();

  constructor({ ballot, leaseMs, writeQuorum }: LeaderLeaseOptions) {
    this.ballot = ballot;
    this.#leaseMs = leaseMs;
    this.#othersNeeded = writeQuorum - 1;
  }

  /** A heartbeat round of this leadership is about to leave. */
  roundBegan(round: number, now: ClockReading): void {
    for (const [older, leftAt] of this.#rounds) {
      if (elapsedMs(leftAt, now) < this.#leaseMs) break;
      this.#rounds.delete(older);
    }
    this.#rounds.set(round, now);
  }

  /** A peer has answered a round, holding `promise`. Rounds of before this leadership, and answers under another ballot, renew nothing. */
  replied(from: NodeId, round: number, promise: Ballot): void {
    const leftAt = this.#rounds.get(round);
    if (leftAt === undefined || !ballotsEqual(promise, this.ballot)) return;
    const renewal = this.#renewals.get(from);
    if (renewal === undefined || round > renewal.round) this.#renewals.set(from, { round, leftAt });
  }

  isValid(now: ClockReading): boolean {
    let fresh = 0;
    for (const { leftAt } of this.#renewals.values()) {
      if (elapsedMs(leftAt, now) < this.#leaseMs) fresh += 1;
    }
    return fresh >= this.#othersNeeded;
  }
}
