/** A node's number within a cluster: a whole number within [1, 2^48 - 1]. 0 stands for no node. */
export type NodeId = number;

/**
 * Names one attempt to lead (OmniPaxos, EuroSys 2023, section 4). Ballots are totally ordered by
 * `(configId, n, priority, pid)`; one ballot is led by at most one node, in at most one of its lives.
 */
export interface Ballot {
  /** The configuration that this ballot belongs to: u32. */
  readonly configId: number;
  /** Raised by each takeover: u32. 0 only in {@link BALLOT_ZERO} and in the first promise of a configuration. */
  readonly n: number;
  /** Prefers a node among those that raise to the same n: u16. */
  readonly priority: number;
  /** The node that leads this ballot: u48; 0 is no node. */
  readonly pid: NodeId;
}

/** The largest u32; a ballot's n at this end stops the node rather than wrap. */
export const BALLOT_NUMBER_MAX = 0xffff_ffff;

/** The largest pid: 2^48 - 1. */
export const NODE_ID_MAX = 2 ** 48 - 1;

/** The largest priority: 2^16 - 1. */
export const PRIORITY_MAX = 0xffff;

/** Below every ballot that anybody leads. */
export const BALLOT_ZERO: Ballot = Object.freeze({ configId: 0, n: 0, priority: 0, pid: 0 });

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
  return a.configId - b.configId || a.n - b.n || a.priority - b.priority || a.pid - b.pid;
}

/** Whether both name the same ballot. */
export function ballotsEqual(a: Ballot, b: Ballot): boolean {
  return a.pid === b.pid && a.n === b.n && a.configId === b.configId && a.priority === b.priority;
}

/** The higher of both. */
export function maxBallot(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) >= 0 ? a : b;
}

/** A text for logs: `configId.n.priority.pid`. */
export function formatBallot(ballot: Ballot): string {
  return `${ballot.configId}.${ballot.n}.${ballot.priority}.${ballot.pid}`;
}
