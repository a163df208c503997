import type { NodeId } from './ballot.js';
import type { BallotLeaderElection } from './ballot-leader-election.js';
import type { HeartbeatReply, HeartbeatRequest } from './messages.js';
import type { PaxosState } from './paxos-state.js';

/** Asks, answers, and drops what belongs to another life of either side. */
export class Heartbeats<E, S> {
  readonly #state: PaxosState<E, S>;
  /** The highest incarnation heard of each peer. */
  readonly #incarnations = new Map<NodeId, number>();

  constructor(state: PaxosState<E, S>) {
    this.#state = state;
  }

  /** Asks all peers, in a new round. */
  request(round: number): void {
    const { incarnation, output, peers } = this.#state;
    output.fact({ kind: 'heartbeatRound', round });
    for (const peer of peers) {
      const peerIncarnation = this.#incarnations.get(peer) ?? 0;
      this.#state.send(peer, { kind: 'heartbeatRequest', round, incarnation, peerIncarnation });
    }
  }

  onRequest(from: NodeId, request: HeartbeatRequest, election: BallotLeaderElection): void {
    const { incarnation, log, promise } = this.#state;
    if (!this.#isOfThisLife(from, request.incarnation, request.peerIncarnation)) return;
    this.#state.send(from, {
      kind: 'heartbeatReply',
      round: request.round,
      incarnation,
      peerIncarnation: request.incarnation,
      ballot: election.currentBallot,
      leader: election.leader,
      happy: election.happy,
      promise,
      acceptedIdx: log.acceptedIdx,
      decidedIdx: log.decidedIdx,
    });
  }

  /** @returns whether the reply is of this life of both sides. */
  acceptsReply(from: NodeId, reply: HeartbeatReply): boolean {
    return reply.peerIncarnation !== 0 && this.#isOfThisLife(from, reply.incarnation, reply.peerIncarnation);
  }

  /**
   * Whether a message is of the present life of its sender, and meant for the present one here. The sender's
   * life is learned from one that is meant for an earlier life too: two nodes that each remember an earlier
   * life of the other would never hear each other again otherwise.
   */
  #isOfThisLife(from: NodeId, sender: number, receiver: number): boolean {
    const known = this.#incarnations.get(from) ?? 0;
    if (sender < known) return false;
    this.#incarnations.set(from, sender);
    return receiver === 0 || receiver === this.#state.incarnation;
  }
}
