import type { Epoch } from '../consensus/index.js';
import { unreachable } from '../errors/index.js';
import { type KnownLeader, OracleError } from './oracle-error.js';
import type { TimestampRange } from './window-allocator.js';

/** Timestamps granted by one leadership, all at one `physicalMs`. */
export interface Grant extends TimestampRange {
  readonly epoch: Epoch;
}

/** Why nothing was granted in this turn. */
export type GrantRefusal =
  /** This node does not lead. */
  | { readonly kind: 'notLeader'; readonly leader: KnownLeader | undefined }
  /** The fence, or the extension of an exhausted window, is under way: soon. */
  | { readonly kind: 'notReady' }
  /** This node leads, as far as it knows, but must not serve at this moment. */
  | { readonly kind: 'noLease' }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'closed' };

/** The outcome of an attempt to grant in this very turn. */
export type GrantResult =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly refusal: GrantRefusal };

/** Bounds for one grant. */
export interface GrantOptions {
  /** Ends the wait with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long the grant may wait for the fence or an extension, in ms: within [1, 3,600,000]. Default: the oracle's
   * `callTimeoutMs`.
   */
  readonly timeoutMs?: number | undefined;
}

/** A refusal as the error that a grant rejects with. */
export function refusalError(refusal: GrantRefusal): OracleError {
  switch (refusal.kind) {
    case 'notLeader':
      return new OracleError('not_leader', 'this node does not lead', { leader: refusal.leader });
    case 'notReady':
      return new OracleError('transient', 'no window is ready at this moment');
    case 'noLease':
      return new OracleError('transient', 'this node holds no valid lease at this moment');
    case 'failed':
      return new OracleError('permanent', `this oracle has failed: ${refusal.error.message}`, {
        cause: refusal.error,
      });
    case 'closed':
      return new OracleError('closed', 'this oracle has been closed');
    default:
      return unreachable(refusal);
  }
}
