import type { Ballot, NodeId } from './ballot.js';
import type { ClusterConfig } from './cluster-config.js';
import type { LogRecord, LogSync, Snapshot } from './log-record.js';

/**
 * Tells one Promise from every other of the same node: ordered by incarnation, then counter. An AcceptSync answers exactly
 * the Promise whose token it carries.
 */
export interface SyncToken {
  readonly incarnation: number;
  readonly counter: number;
}

/** A place in the stream of messages from a leader to one follower. Each AcceptSync begins a new session. */
export interface SequenceNumber {
  readonly session: number;
  /** 0 for the AcceptSync itself, then one more for each AcceptDecide or Decide. */
  readonly counter: number;
}

/** Asks a peer whether it is there, and opens round `round` of the sender. */
export interface HeartbeatRequest {
  readonly kind: 'heartbeatRequest';
  readonly round: number;
  /** The sender's life. */
  readonly incarnation: number;
  /** The receiver's life as the sender knows it; 0 if it does not. */
  readonly peerIncarnation: number;
}

/** Answers a HeartbeatRequest. Promise and indexes are told as they stand in memory: they never count as promise or acceptance. */
export interface HeartbeatReply {
  readonly kind: 'heartbeatReply';
  readonly round: number;
  readonly incarnation: number;
  /** The life of the asking node, from its request. */
  readonly peerIncarnation: number;
  /** The replier's own ballot. */
  readonly ballot: Ballot;
  /** The ballot that the replier follows. */
  readonly leader: Ballot;
  /** Whether the replier hears from its leader, or leads and hears from a quorum. */
  readonly happy: boolean;
  readonly promise: Ballot;
  readonly acceptedIdx: number;
  readonly decidedIdx: number;
}

/** Asks for a promise to take part in ballot n, and in none below. */
export interface Prepare {
  readonly kind: 'prepare';
  readonly n: Ballot;
  readonly decidedIdx: number;
  /** The ballot in which the leader's log was accepted. */
  readonly nAccepted: Ballot;
  readonly acceptedIdx: number;
}

/** Promises ballot n, durably, and tells what the promiser has accepted. */
export interface PromiseMessage<E, S> {
  readonly kind: 'promise';
  readonly n: Ballot;
  readonly syncToken: SyncToken;
  readonly nAccepted: Ballot;
  readonly decidedIdx: number;
  readonly acceptedIdx: number;
  readonly compactedIdx: number;
  /** Present only if the promiser is more up to date than the Prepare. */
  readonly logSync?: LogSync<E, S>;
  /** The promise held just before n was first promised; after a restart under the same ballot, that ballot. */
  readonly previousPromise: Ballot;
  /**
   * ms since the promiser last answered a heartbeat of a lower ballot, stamped when the message leaves; 0 if it cannot know.
   */
  readonly msSinceLowerBallotReply: number;
}

/** Begins a session: brings a follower's log in line with the leader's. */
export interface AcceptSync<E, S> {
  readonly kind: 'acceptSync';
  readonly n: Ballot;
  readonly syncToken: SyncToken;
  readonly seqNum: SequenceNumber;
  readonly decidedIdx: number;
  readonly logSync: LogSync<E, S>;
}

/** Appends records (possibly none) to a follower's log and tells what is decided. */
export interface AcceptDecide<E> {
  readonly kind: 'acceptDecide';
  readonly n: Ballot;
  readonly seqNum: SequenceNumber;
  readonly decidedIdx: number;
  readonly records: readonly LogRecord<E>[];
}

/** Claims that the sender has accepted, durably, all records below `acceptedIdx` in ballot n. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly n: Ballot;
  readonly acceptedIdx: number;
}

/** Tells what is decided. */
export interface Decide {
  readonly kind: 'decide';
  readonly n: Ballot;
  readonly seqNum: SequenceNumber;
  readonly decidedIdx: number;
}

/** Asks whoever leads at n (the sender's promise) or above to prepare the sender again. */
export interface PrepareReq {
  readonly kind: 'prepareReq';
  readonly n: Ballot;
}

/** Refuses a message of a ballot below n, the sender's promise. */
export interface NotAccepted {
  readonly kind: 'notAccepted';
  readonly n: Ballot;
}

/** Passes proposals on to the leader, once. */
export interface ProposalForward<E> {
  readonly kind: 'proposalForward';
  readonly entries: readonly E[];
}

/** Hands the leadership of ballot n over to the receiver. */
export interface TakeLeadership {
  readonly kind: 'takeLeadership';
  readonly n: Ballot;
}

/** Tells a node of an earlier configuration that the cluster has moved on, and from where its state can be had. */
export interface ConfigAhead {
  readonly kind: 'configAhead';
  /** The configurations that the sender knows from the receiver's on, ascending. */
  readonly configs: readonly ClusterConfig[];
  readonly decidedIdx: number;
  readonly compactedIdx: number;
}

/** Asks for decided records from `fromIdx` on. */
export interface FetchDecided {
  readonly kind: 'fetchDecided';
  readonly fromIdx: number;
}

/** Gives decided state: `records` follow the snapshot, or `fromIdx` if there is none. */
export interface DecidedSync<E, S> {
  readonly kind: 'decidedSync';
  /** What its sender has promised, in `config`: all that it gives was decided under that ballot or lower ones. */
  readonly promise: Ballot;
  readonly snapshot?: Snapshot<S>;
  readonly fromIdx: number;
  readonly records: readonly LogRecord<E>[];
  readonly config: ClusterConfig;
}

/** What a message says. */
export type MessageBody<E, S> =
  | HeartbeatRequest
  | HeartbeatReply
  | Prepare
  | PromiseMessage<E, S>
  | AcceptSync<E, S>
  | AcceptDecide<E>
  | Accepted
  | Decide
  | PrepareReq
  | NotAccepted
  | ProposalForward<E>
  | TakeLeadership
  | ConfigAhead
  | FetchDecided
  | DecidedSync<E, S>;

/** The kinds of messages. */
export type MessageKind = MessageBody<unknown, unknown>['kind'];

/** One message. It is never changed after it has been handed out. */
export interface Message<E, S> {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's configuration. */
  readonly configId: number;
  /** {@link hashClusterConfig} of the sender's configuration: u48. */
  readonly configHash: number;
  readonly body: MessageBody<E, S>;
}
