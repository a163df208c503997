import type { Ballot, NodeId } from './ballot.js';

/** How to append a proposal. */
export interface AppendOptions {
  /** Whether a node that does not lead may pass the entry on to the leader, or keep it until one is known. */
  readonly forward: boolean;
  /** Append only if this node leads in exactly this ballot. */
  readonly ballot?: Ballot;
}

/** What became of a proposal. None of these says that it will be decided. */
export type AppendResult =
  /** It is in this leader's log at index `idx`. */
  | { readonly ok: true; readonly outcome: 'appended'; readonly idx: number; readonly ballot: Ballot }
  /** It was passed on to the leader, once; it can be lost, duplicated, or decided much later. */
  | { readonly ok: true; readonly outcome: 'forwarded'; readonly to: NodeId }
  /** It is kept until a leader is known. */
  | { readonly ok: true; readonly outcome: 'buffered' }
  /** This node does not lead (in the ballot asked for), and the entry was not to be forwarded. */
  | { readonly ok: false; readonly reason: 'notLeader' }
  /** The buffer for proposals holds `limit` entries already. */
  | { readonly ok: false; readonly reason: 'bufferFull'; readonly limit: number }
  /** It takes more bytes than an entry may. Told by a node that measures its entries, never by the core. */
  | { readonly ok: false; readonly reason: 'entryTooLarge'; readonly bytes: number; readonly limit: number }
  /** A stop sign has been accepted: this configuration takes no more entries. */
  | { readonly ok: false; readonly reason: 'pendingReconfiguration' }
  /** The node has stopped, or the configuration is over and this node is not a member of the next one. */
  | { readonly ok: false; readonly reason: 'stopped' };
