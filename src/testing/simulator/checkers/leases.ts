import type { Epoch, LeaderState, Lease } from '../../../consensus/index.js';
import { InvariantViolation } from '../violation.js';

/** The leases that one process was told of. None is dropped: nothing says that one which is not valid will not be so again. */
export class HeldLeases {
  readonly #leases = new Map<Epoch, Lease>();

  /** The process was told of this leadership. */
  told(state: LeaderState): void {
    if (state.role === 'leader') this.#leases.set(state.epoch, state.lease);
  }

  /** Whether the process may serve at this moment. */
  get isAnyValid(): boolean {
    for (const lease of this.#leases.values()) if (lease.isValid()) return true;
    return false;
  }

  /** The epochs at which the process may serve at this moment. */
  valid(): Epoch[] {
    const epochs: Epoch[] = [];
    for (const [epoch, lease] of this.#leases) if (lease.isValid()) epochs.push(epoch);
    return epochs;
  }
}

/**
 * At most one lease is valid at any instant of true time. Invariant 15.
 * @throws {InvariantViolation} if there are two.
 */
export function requireOneLease(leasesByNode: Iterable<readonly [number, HeldLeases]>): void {
  const valid: (readonly [number, Epoch])[] = [];
  for (const [nodeId, leases] of leasesByNode)
    for (const epoch of leases.valid()) valid.push([nodeId, epoch]);
  if (valid.length <= 1) return;
  throw new InvariantViolation(
    'at most one lease is valid at any instant',
    valid.map(([nodeId, epoch]) => `node ${nodeId} at epoch ${epoch.toString(16)}`).join(' and '),
  );
}
