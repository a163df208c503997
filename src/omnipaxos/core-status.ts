import type { Ballot, NodeId } from './ballot.js';
import type { ClusterConfig } from './cluster-config.js';
import type { FollowerStanding } from './follower-progress.js';
import type { LeadershipView } from './output-batch.js';
import type { Phase, Role } from './paxos-state.js';

/** What a leader knows of one follower in its ballot. */
export interface FollowerStatus {
  readonly nodeId: NodeId;
  readonly standing: FollowerStanding;
  /** Up to where it has told to have accepted, durably, in this ballot. */
  readonly acceptedIdx: number;
  /** Up to where records were sent in its session. */
  readonly sentIdx: number;
}

/** A read-only picture of one core, made anew for each call. Health, metrics and displays are made from it. */
export interface CoreStatus {
  readonly nodeId: NodeId;
  readonly config: ClusterConfig;
  /** Whether this node is a member of the configuration in force. */
  readonly isMember: boolean;
  /** Whether it takes part: it is a member, and its entry into the configuration is durable. */
  readonly takesPart: boolean;
  readonly role: Role;
  readonly phase: Phase;
  readonly leadership: LeadershipView;
  /** The node that this one is handing its leadership over to. */
  readonly handOverTarget: NodeId | undefined;
  readonly promise: Ballot;
  readonly acceptedRound: Ballot;
  /** The election: this node's own ballot, the one it follows, and whether it hears from its leader (or, leading, from a quorum). */
  readonly election: {
    readonly currentBallot: Ballot;
    readonly leader: Ballot;
    readonly happy: boolean;
    readonly round: number;
    /** The peers that answered in the last complete round, ascending. */
    readonly lastHeard: readonly NodeId[];
  };
  readonly compactedIdx: number;
  readonly decidedIdx: number;
  readonly acceptedIdx: number;
  /** While leading, in any phase: up to where the own acceptance is durable. */
  readonly ownAcceptedIdx: number | undefined;
  /** While leading, in any phase. */
  readonly followers: readonly FollowerStatus[];
  readonly bufferedProposals: number;
}
