import {
  type Ballot,
  ballotsEqual,
  type ClusterConfig,
  type NodeId,
  type PreviousLease,
} from '../omnipaxos/index.js';

/** How long a lease can last, in ms, on a clock that runs slower by as much as is allowed. */
export function longestMs({ leaseMs, maxClockDrift }: PreviousLease): number {
  return leaseMs * (1 + maxClockDrift);
}

/** A read quorum of durable promises. */
export interface PromisedQuorum {
  readonly ballot: Ballot;
  readonly nodes: readonly NodeId[];
  /** ms since this node itself could last renew a lease of a lower ballot. */
  readonly msSinceOwnRenewal: number;
}

/**
 * How long a new leader must wait until every older lease has run out. Pure: time is handed in, on the monotonic clock of this node.
 *
 * An older lease was last renewed by an answer of some member of the read quorum, before it promised. Each Promise states how long before it left its sender had
 * last given such an answer; `leaseMs` after that answer the lease is over, on the clock of its holder, and `maxClockDrift` bounds how much slower that one may run.
 */
export class LeaseWait {
  readonly #nodeId: NodeId;
  /** What outlasts a lease on the slowest clock. */
  readonly #fullMs: number;
  readonly #members: ReadonlySet<NodeId>;
  /** The ballot whose Promises arrive. */
  #ballot: Ballot | undefined;
  /** Until when the leases that each promiser can have renewed may be valid. */
  readonly #endsMs = new Map<NodeId, number>();

  constructor(nodeId: NodeId, config: ClusterConfig) {
    this.#nodeId = nodeId;
    this.#fullMs = longestMs(config);
    this.#members = new Set(config.nodes);
  }

  /** A Promise of ballot n has arrived. A repeated one says the same of another moment; what is known sooner counts. */
  promiseArrived(from: NodeId, n: Ballot, msSinceLowerBallotReply: number, nowMs: number): void {
    if (n.pid !== this.#nodeId || !this.#members.has(from)) return;
    if (this.#ballot === undefined || !ballotsEqual(this.#ballot, n)) {
      this.#ballot = n;
      this.#endsMs.clear();
    }
    const endMs = this.#endOf(msSinceLowerBallotReply, nowMs);
    this.#endsMs.set(from, Math.min(endMs, this.#endsMs.get(from) ?? endMs));
  }

  /** Until when to wait, now that the quorum has formed: the full time for a member of whose Promise nothing is known. */
  endMs({ ballot, nodes, msSinceOwnRenewal }: PromisedQuorum, nowMs: number): number {
    const isOurs = this.#ballot !== undefined && ballotsEqual(this.#ballot, ballot);
    const ends = nodes.map((nodeId) => {
      if (nodeId === this.#nodeId) return this.#endOf(msSinceOwnRenewal, nowMs);
      return (isOurs ? this.#endsMs.get(nodeId) : undefined) ?? nowMs + this.#fullMs;
    });
    return Math.max(nowMs, ...ends);
  }

  #endOf(msSinceRenewal: number, nowMs: number): number {
    return nowMs + Math.max(0, this.#fullMs - msSinceRenewal);
  }
}
