import type { ApplyStatus } from '../apply/index.js';
import type { Epoch, LeaderState } from '../consensus/index.js';
import { describeStop, type NodeStatus, type StopReason } from '../node/index.js';

/** Why a host has ended. Only `closed` is what somebody asked for. */
export type HostStopReason =
  /** `close` was called. */
  | { readonly kind: 'closed' }
  /** The node has stopped by itself. */
  | { readonly kind: 'nodeStopped'; readonly reason: StopReason }
  /**
   * A decided entry could not be folded. The node has been stopped: it could neither serve nor lead others.
   */
  | { readonly kind: 'applyFailed'; readonly error: Error };

/** Whether a host can do its work. Who leads is no matter of health: see `HostStatus.leadership`. */
export type HostHealth =
  | { readonly state: 'healthy' }
  /** It serves, but something must be looked after, or it will fail one day. */
  | { readonly state: 'degraded'; readonly problems: readonly string[] }
  /** It has ended, and neither leads nor votes any more. */
  | { readonly state: 'stopped'; readonly reason: HostStopReason };

/** A read-only picture of one host, made anew for each call. */
export interface HostStatus {
  readonly health: HostHealth;
  readonly leadership: LeaderState;
  /** The high-water in ms, as folded by this node. */
  readonly highWater: number;
  /** The highest epoch folded by this node. */
  readonly foldedEpoch: Epoch;
  readonly apply: ApplyStatus;
  readonly node: NodeStatus;
  readonly driver: {
    /** Calls that wait. */
    readonly pendingCalls: number;
    /** Leadership streams refused because another one was live. */
    readonly streamsRefused: number;
  };
}

/** What a host tells, after it has happened. A listener that throws is logged and harms nobody. */
export interface StandaloneHostEvents {
  /** The leadership has changed. */
  readonly leadership: (state: LeaderState) => void;
  /** The health has changed. */
  readonly health: (health: HostHealth) => void;
}

/** A sentence for logs and errors. */
export function describeHostStop(reason: HostStopReason): string {
  switch (reason.kind) {
    case 'closed':
      return 'the host was closed';
    case 'nodeStopped':
      return `the node has stopped: ${describeStop(reason.reason)}`;
    case 'applyFailed':
      return `a decided entry could not be folded: ${reason.error.message}`;
  }
}

/** The health of a host that runs. */
export function healthWhileRunning(apply: ApplyStatus): HostHealth {
  const { failedInARow, lastError } = apply.snapshots;
  if (failedInARow === 0) return { state: 'healthy' };
  const problem = `the last ${failedInARow} snapshots have failed, so the log grows: ${String(lastError)}`;
  return { state: 'degraded', problems: [problem] };
}
