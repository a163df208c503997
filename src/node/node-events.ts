import { type Ballot, ballotsEqual, type ClusterConfig } from '../omnipaxos/index.js';
import type { StopReason } from './stop-reason.js';

/** The right of a leader to serve, asked anew for each use. */
export interface NodeLease {
  /**
   * Whether this node may serve as the leader right now. Synchronous: both clocks are read anew for each call, so it must be asked in the turn in which each use is granted. False as
   * long as no write quorum has renewed it (a lapsed lease can be renewed), and for ever from the very step in which this leadership is lost.
   */
  isValid(): boolean;
}

/** The leadership as one node sees it. */
export type NodeLeadership =
  /** `lease` is the same object as long as this ballot is led. */
  | { readonly role: 'leader'; readonly ballot: Ballot; readonly lease: NodeLease }
  /** `endpoint`: the `host:port` of the leader's client service, without a scheme, if it is known. */
  | { readonly role: 'follower'; readonly ballot: Ballot; readonly endpoint?: string }
  | { readonly role: 'unknown' };

/**
 * What a node tells, in the order in which it happened, always after the step that caused it is complete and its messages have been handed to
 * the transport: a listener finds the node at rest, and may call any of its methods.
 */
export interface PaxosNodeEvents {
  /** decidedIdx has risen to this. */
  readonly decided: (decidedIdx: number) => void;
  /** The leadership, or the leader's client endpoint, has changed to this. */
  readonly leadership: (leadership: NodeLeadership) => void;
  /** The node has entered this configuration, of which it may be a member or not. */
  readonly configuration: (config: ClusterConfig) => void;
  /** The node has stopped taking part, for this reason. Told once, last. */
  readonly stopped: (reason: StopReason) => void;
}

/** Whether both tell the same to whoever has to act on it. */
export function sameLeadership(a: NodeLeadership, b: NodeLeadership): boolean {
  if (a.role === 'unknown' || b.role === 'unknown') return a.role === b.role;
  if (!ballotsEqual(a.ballot, b.ballot)) return false;
  if (a.role === 'leader' || b.role === 'leader') return a.role === b.role;
  return a.endpoint === b.endpoint;
}
