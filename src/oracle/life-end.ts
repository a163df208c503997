import { ConsensusError } from '../consensus/index.js';
import { unreachable } from '../errors/index.js';

/** Why a leadership's life has ended from within. */
export type LifeEnd =
  /** The driver says that this node does not lead at this epoch any more. */
  | { readonly kind: 'steppedDown' }
  /** The driver has been closed. */
  | { readonly kind: 'driverClosed' }
  /** It can never serve again. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** What an error that was not retried means for the leadership. */
export function lifeEndOf(error: unknown): LifeEnd {
  if (!ConsensusError.is(error)) return { kind: 'failed', error };
  switch (error.code) {
    case 'not_leader':
    case 'fenced':
      return { kind: 'steppedDown' };
    case 'closed':
      return { kind: 'driverClosed' };
    case 'transient':
    case 'permanent':
    case 'advance_out_of_range':
    case 'stream_in_use':
      return { kind: 'failed', error };
    default:
      return unreachable(error.code);
  }
}
