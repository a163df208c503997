import type { Epoch } from '../consensus/index.js';
import { unreachable } from '../errors/index.js';
import type { KnownLeader } from './oracle-error.js';

/** What an oracle is doing. */
export type OracleState =
  /**
   * Grants out of a window that reaches up to and including `limitMs`, as long as the lease is valid (which each
   * grant asks anew; a lapse changes no state).
   */
  | { readonly role: 'serving'; readonly epoch: Epoch; readonly limitMs: number }
  /** Leads, and is making its first window durable. Grants wait. */
  | { readonly role: 'fencing'; readonly epoch: Epoch }
  | { readonly role: 'follower'; readonly leader: KnownLeader }
  /** Nobody is known to lead. */
  | { readonly role: 'unknown' }
  /** Will never serve again; `error` tells why. */
  | { readonly role: 'failed'; readonly error: Error }
  /** Closed, or its driver was. */
  | { readonly role: 'closed' };

/** The states of an oracle that does not lead. */
export type IdleState = Exclude<OracleState, { role: 'serving' | 'fencing' }>;

/** What an oracle has counted since it was started. */
export interface OracleCounters {
  /** Grants, and how many timestamps they were of. */
  readonly grants: number;
  readonly timestamps: number;
  /** Grants that had to wait, whatever became of them: none in steady state. */
  readonly waits: number;
  /** Leaderships that have begun, and how many of them have come to serve. */
  readonly leaderships: number;
  readonly fences: number;
  /** Windows that were extended. */
  readonly extensions: number;
  /** Attempts to fence or extend that were repeated after a transient error. */
  readonly retries: number;
}

/** A read-only picture of an oracle. */
export interface OracleStatus {
  readonly state: OracleState;
  /** Grants that wait for the fence or an extension. */
  readonly waitingGrants: number;
  readonly counters: OracleCounters;
}

/** Whether both tell the same leadership, in the same role. How far a window reaches makes no difference. */
export function isSameState(a: OracleState, b: OracleState): boolean {
  switch (a.role) {
    case 'serving':
    case 'fencing':
      return b.role === a.role && a.epoch === b.epoch;
    case 'follower':
      return (
        b.role === 'follower' && a.leader.epoch === b.leader.epoch && a.leader.endpoint === b.leader.endpoint
      );
    case 'unknown':
    case 'failed':
    case 'closed':
      return a.role === b.role;
    default:
      return unreachable(a);
  }
}
