import type { Ballot } from '../omnipaxos/index.js';
import type { StopReason } from './stop-reason.js';

/** The right of a leader to serve, asked anew for each use. */
export interface NodeLease {
  /** Synchronous; false from the very step in which this leadership is lost, for ever. */
  isValid(): boolean;
}

/** The leadership as one node sees it. */
export type NodeLeadership =
  | { readonly role: 'leader'; readonly ballot: Ballot; readonly lease: NodeLease }
  /** `endpoint`: the `host:port` of the leader's client service, if it is known. */
  | { readonly role: 'follower'; readonly ballot: Ballot; readonly endpoint?: string }
  | { readonly role: 'unknown' };

/** What a node tells, always after the step that caused it is complete: a listener finds the node in its new state, and may call it. */
export interface PaxosNodeEvents {
  /** decidedIdx has risen to this. */
  readonly decided: (decidedIdx: number) => void;
  /** The leadership, or the leader's endpoint, has changed. */
  readonly leadership: (leadership: NodeLeadership) => void;
  /** The node has stopped, for this reason. Told once, last. */
  readonly stopped: (reason: StopReason) => void;
}
