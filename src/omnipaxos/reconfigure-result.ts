import type { Ballot } from './ballot.js';

/** What became of a reconfiguration. Accepted does not mean decided: it can still be lost with its leader. */
export type ReconfigureResult =
  /** The stop sign is in this leader's log at index `idx`. */
  | { readonly ok: true; readonly idx: number; readonly ballot: Ballot }
  /** This node does not lead, or is handing its leadership over. */
  | { readonly ok: false; readonly reason: 'notLeader' }
  /** A stop sign has been accepted before. */
  | { readonly ok: false; readonly reason: 'pendingReconfiguration' }
  /** The node has stopped. */
  | { readonly ok: false; readonly reason: 'stopped' };

/** What became of a request to hand the leadership over. */
export type TransferResult =
  /** The leadership is given up in this turn; the target is asked as soon as it has accepted the whole log. */
  | { readonly ok: true }
  /** This node does not lead (or its own wait for older leases is not over). */
  | { readonly ok: false; readonly reason: 'notLeader' }
  /** The leadership is being handed over already. */
  | { readonly ok: false; readonly reason: 'handOverUnderWay' }
  /** The target is this node itself, not a member, or not in a session with this leader. */
  | { readonly ok: false; readonly reason: 'targetNotReady' };
