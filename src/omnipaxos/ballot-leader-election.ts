import { TsoracleError } from '../errors/index.js';
import {
  BALLOT_NUMBER_MAX,
  type Ballot,
  ballotsEqual,
  compareBallots,
  maxBallot,
  type NodeId,
} from './ballot.js';
import type { HeartbeatReply } from './messages.js';
import type { QuorumSizes } from './quorum.js';

/** A ballot's number has reached its end; the node stops rather than wrap it. `code` is `'ballot_exhausted'`. */
export class BallotExhaustedError extends TsoracleError {
  override readonly name = 'BallotExhaustedError';

  constructor() {
    super(
      'ballot_exhausted',
      `the ballot number has reached ${BALLOT_NUMBER_MAX}: reconfigure the cluster, which starts a new count`,
    );
  }
}

/** What an election must know of Sequence Paxos at the end of a round. */
export interface PaxosFacts {
  /** The promise, if it is of the configuration in force. */
  readonly promise: Ballot | undefined;
  /** Whether this node leads in the accept phase. */
  readonly leadsInAccept: boolean;
}

/** Where an election begins. */
export interface ElectionStart {
  readonly pid: NodeId;
  readonly configId: number;
  readonly priority: number;
  readonly quorum: QuorumSizes;
  /** The last round of the configuration before: rounds go on counting, so that none is ever opened twice in one life. Default 0. */
  readonly round?: number;
  /** The recovered promise, if it is of this configuration with n >= 1. */
  readonly recoveredPromise: Ballot | undefined;
}

/**
 * Ballot Leader Election (OmniPaxos, EuroSys 2023, section 5): elects, by heartbeats in rounds, a leader that is connected to
 * a quorum, also where links are cut in part.
 */
export class BallotLeaderElection {
  readonly #pid: NodeId;
  readonly #quorum: QuorumSizes;
  #priority: number;
  #currentBallot: Ballot;
  #leader: Ballot;
  #happy = true;
  #round: number;
  /** The highest ballot, followed or promised by anybody, that was seen in this life. */
  #highestSeen: Ballot;
  #replies = new Map<NodeId, HeartbeatReply>();
  #lastHeard: readonly NodeId[] = [];
  /** The highest promise above our own ballot that was seen in this round. */
  #higherPromise: Ballot | undefined;
  /** Whether the round before this one saw such a promise without its owner. */
  #wasOutbid = false;

  constructor(start: ElectionStart) {
    this.#pid = start.pid;
    this.#quorum = start.quorum;
    this.#priority = start.priority;
    const { recoveredPromise, configId, priority, pid } = start;
    // A restarted leader must not silently resume a ballot of its earlier life: n is 0 until it is raised again.
    const n = recoveredPromise === undefined ? 1 : 0;
    this.#currentBallot = { configId, n, priority, pid };
    this.#leader = recoveredPromise ?? this.#currentBallot;
    this.#highestSeen = this.#leader;
    this.#round = start.round ?? 0;
  }

  get currentBallot(): Ballot {
    return this.#currentBallot;
  }

  get leader(): Ballot {
    return this.#leader;
  }

  get happy(): boolean {
    return this.#happy;
  }

  get round(): number {
    return this.#round;
  }

  /** The peers that answered in the last complete round, ascending. */
  get lastHeard(): readonly NodeId[] {
    return this.#lastHeard;
  }

  /** Taken up when this node's ballot is next raised. */
  set priority(priority: number) {
    this.#priority = priority;
  }

  /** The highest ballot that was seen, promised or followed by anybody, in this configuration and life. */
  get highestSeen(): Ballot {
    return maxBallot(this.#highestSeen, this.#leader);
  }

  /** Opens a new round, forgetting what the open one has heard. */
  beginRound(): number {
    this.#replies = new Map();
    this.#higherPromise = undefined;
    this.#round += 1;
    return this.#round;
  }

  /** Takes a reply, at most one per peer and round. Replies of an older round do not count. */
  onReply(from: NodeId, reply: HeartbeatReply): void {
    if (reply.round !== this.#round) return;
    this.#replies.set(from, reply);
    this.#highestSeen = maxBallot(this.#highestSeen, maxBallot(reply.ballot, reply.leader));
    this.notePromise(reply.promise);
  }

  /** A peer's promise was seen, in a heartbeat reply or because it refused or asked for a message. */
  notePromise(promise: Ballot): void {
    if (promise.configId !== this.#currentBallot.configId) return;
    this.#highestSeen = maxBallot(this.#highestSeen, promise);
    if (compareBallots(promise, this.#currentBallot) <= 0) return;
    if (this.#higherPromise === undefined || compareBallots(promise, this.#higherPromise) > 0) {
      this.#higherPromise = promise;
    }
  }

  /**
   * Judges the open round. {@link beginRound} must follow.
   * @returns the ballot that this node should lead with, if it is elected.
   * @throws {BallotExhaustedError} if a ballot would have to be raised beyond its end.
   */
  endRound(paxos: PaxosFacts): Ballot | undefined {
    const replies = [...this.#replies.values()];
    this.#lastHeard = [...this.#replies.keys()].sort((a, b) => a - b);
    for (const { ballot } of replies) {
      if (ballot.n >= 1 && compareBallots(ballot, this.#leader) > 0) this.#leader = ballot;
    }
    this.#happy = this.#isHappy(replies, paxos.leadsInAccept);
    const isReady = !this.#happy && !this.#isForestalledBy(paxos.promise);
    if (isReady && replies.length + 1 >= this.#quorum.read && replies.every((reply) => !reply.happy)) {
      // Above every promise that was seen, not step by step: nobody else takes over while this node climbs.
      this.takeOver(this.highestSeen);
    }
    this.#adoptPromise(paxos.promise);
    this.#outbid(replies, paxos.leadsInAccept);
    return this.#isOwnLeader() ? this.#leader : undefined;
  }

  /** Raises this node's own ballot above `above` and follows it. */
  takeOver(above: Ballot): Ballot {
    if (above.n >= BALLOT_NUMBER_MAX) throw new BallotExhaustedError();
    this.#currentBallot = { ...this.#currentBallot, n: above.n + 1, priority: this.#priority };
    this.#leader = this.#currentBallot;
    this.#happy = true;
    return this.#currentBallot;
  }

  #isOwnLeader(): boolean {
    return ballotsEqual(this.#leader, this.#currentBallot);
  }

  #isHappy(replies: readonly HeartbeatReply[], leadsInAccept: boolean): boolean {
    if (!this.#isOwnLeader())
      return replies.some((reply) => ballotsEqual(reply.ballot, this.#leader) && reply.happy);
    const followsHigher = (reply: HeartbeatReply): boolean => compareBallots(reply.leader, this.#leader) > 0;
    const quorum = leadsInAccept ? this.#quorum.write : this.#quorum.read;
    const supporters = replies.filter((reply) => !followsHigher(reply)).length + 1;
    return supporters >= quorum || replies.some((reply) => followsHigher(reply) && reply.happy);
  }

  /**
   * Whether another node, to which this one is not preferred, has just taken over: this node has promised its ballot, and no heartbeat
   * tells of it yet. To take over as well would depose it at once, and clients would wait for its lease too. It has one round to show
   * itself.
   */
  #isForestalledBy(promise: Ballot | undefined): boolean {
    return (
      promise !== undefined && compareBallots(promise, this.#leader) > 0 && promise.priority >= this.#priority
    );
  }

  #adoptPromise(promise: Ballot | undefined): void {
    if (promise === undefined || compareBallots(promise, this.#leader) <= 0) return;
    this.#leader = promise;
    if (promise.pid === this.#pid) this.#currentBallot = promise;
  }

  /**
   * A node whose promise is above the leader's ballot cannot follow, and if nobody leads with that promise it
   * never could: in the second round running that shows it, the leader raises its own ballot above it. But
   * whoever is happy with that promise, or a higher one, hears a leader that this node does not hear: two
   * such leaders with the same followers would outbid each other for ever.
   */
  #outbid(replies: readonly HeartbeatReply[], leadsInAccept: boolean): void {
    const promise = this.#higherPromise;
    const isOutbid =
      leadsInAccept &&
      promise !== undefined &&
      this.#isOwnLeader() &&
      compareBallots(promise, this.#currentBallot) > 0 &&
      !replies.some(({ happy, leader }) => happy && compareBallots(leader, promise) >= 0);
    if (isOutbid && this.#wasOutbid) {
      this.#wasOutbid = false;
      this.takeOver(promise);
    } else {
      this.#wasOutbid = isOutbid;
    }
  }
}
