import type { Ballot, NodeId } from './ballot.js';
import type { ClusterConfig } from './cluster-config.js';
import type { Message } from './messages.js';
import type { StableWrite } from './stable-state.js';

/** The leadership as one node sees it. */
export type LeadershipView =
  /** This node leads: role leader, phase accept, at this very ballot. */
  | { readonly role: 'leader'; readonly ballot: Ballot }
  /** This node has synchronised with the leader of this ballot, in this life, and promised no higher one. */
  | { readonly role: 'follower'; readonly ballot: Ballot }
  | { readonly role: 'unknown' };

/** Something that has happened in the core. The runner applies facts before any message of their batch leaves. */
export type Fact =
  /** The leadership view has changed. */
  | { readonly kind: 'leadership'; readonly view: LeadershipView }
  /** decidedIdx has risen to this. */
  | { readonly kind: 'decided'; readonly decidedIdx: number }
  /** A heartbeat round of this node has begun. */
  | { readonly kind: 'heartbeatRound'; readonly round: number }
  /** A peer has answered a heartbeat of `round` (possibly an older one), holding this promise. */
  | {
      readonly kind: 'heartbeatReply';
      readonly from: NodeId;
      readonly round: number;
      readonly promise: Ballot;
    }
  /** A leader's read quorum of durable promises has formed, of these nodes. */
  | {
      readonly kind: 'readQuorum';
      readonly ballot: Ballot;
      readonly nodes: readonly NodeId[];
      /**
       * The leader before has handed its leadership over, and nobody of this quorum has promised anybody in between: no older lease than the one that was given up
       * can be valid.
       */
      readonly handedOver: boolean;
    }
  /** The node has entered this configuration; it takes part in it, if it is a member, once the entry is durable. */
  | { readonly kind: 'configuration'; readonly config: ClusterConfig; readonly isMember: boolean }
  /** The node was a member, is one no more, and a read quorum of the configuration that is in force has gone on without it: it may stop. */
  | { readonly kind: 'removed'; readonly config: ClusterConfig }
  /** A peer has broken a rule of the protocol; its message was dropped. To be counted, and logged as an error. */
  | { readonly kind: 'violation'; readonly from: NodeId; readonly rule: string; readonly detail: string }
  /** A message was dropped because it is of another configuration. To be counted. */
  | {
      readonly kind: 'foreignConfig';
      readonly from: NodeId;
      readonly configId: number;
      readonly configHash: number;
    };

/**
 * What one or more inputs have caused, to be carried out by the node runner in this order: facts are applied; `messages`
 * leave at once; `writes` go to storage, in order with those of earlier batches; when this batch's and every earlier batch's
 * durable writes are fsynced, `persisted(writeToken)` is called and `messagesAfterWrites` leave.
 */
export interface OutputBatch<E, S> {
  /** Rises by one with each batch. */
  readonly writeToken: number;
  readonly facts: readonly Fact[];
  readonly writes: readonly StableWrite<E, S>[];
  /** These claim nothing about stable storage. In the order in which they must go to each peer. */
  readonly messages: readonly Message<E, S>[];
  /** These claim what `writes`, or earlier ones, make durable. */
  readonly messagesAfterWrites: readonly Message<E, S>[];
}
