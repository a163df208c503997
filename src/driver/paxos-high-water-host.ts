import type { EventEmitter } from 'eventemitter3';
import type { LeaderState } from '../consensus/index.js';
import type { ApplyState, HighWaterCommand } from '../high-water/index.js';

/** Who a host is: the part of a ProposalId that stays the same for one life. */
export interface HostIdentity {
  readonly nodeId: number;
  /** 16 lower-case hexadecimal digits. */
  readonly directoryId: string;
  readonly incarnation: number;
}

/** What became of a proposal in the turn in which it was made. */
export type ProposeResult =
  /** The command is in this leader's log. Whether it is decided is told by the apply state. */
  | { readonly ok: true }
  /** This node does not lead at the command's epoch. */
  | { readonly ok: false; readonly reason: 'not_leader' }
  /**
   * Not now: a queue is full, or the configuration is about to change and this node is a member of the next
   * one.
   */
  | { readonly ok: false; readonly reason: 'transient'; readonly detail: string }
  /** Never again on this host: it has stopped, or was removed. */
  | { readonly ok: false; readonly reason: 'permanent'; readonly detail: string };

/**
 * The events of a host. They are told after the state has changed, never from within
 * {@link PaxosHighWaterHost.propose}.
 */
export interface PaxosHighWaterHostEvents {
  /** Leadership or apply failure may have changed: ask again. */
  readonly change: () => void;
}

/**
 * The port between `PaxosDriver` and whatever replicates its commands: small and synchronous. All waits, ids,
 * deadlines, fencing and the leadership stream live in the driver.
 *
 * ## What implementors guarantee
 *
 * 1. `propose` appends in the same synchronous turn, and only if this node leads in exactly the command's
 *    epoch at that moment; it never forwards.
 * 2. Every decided command is folded into `applyState` exactly once per life, in log order.
 * 3. `leadership()` is up to date in the turn of each `applied` event and of each `change` event: leadership
 *    is given up before anything that a later leader wrote is folded.
 */
export interface PaxosHighWaterHost {
  readonly identity: HostIdentity;
  readonly applyState: ApplyState;
  readonly events: EventEmitter<PaxosHighWaterHostEvents>;
  /** The leadership in this very turn. */
  leadership(): LeaderState;
  /** Appends the command to the log of this leader, or says why not. Never throws. */
  propose(command: HighWaterCommand): ProposeResult;
  /** Why the apply path has ended for good (it failed, or the host has stopped); undefined while it works. */
  applyFailure(): Error | undefined;
}
