import type { Epoch, LeaderState, Lease } from '../../../consensus/index.js';
import { InvariantViolation } from '../violation.js';

/** The leases that one process was told of, latest last; those that have ended for good are dropped. */
export class HeldLeases {
  readonly #leases = new Map<Epoch, Lease>();

  /** The process was told of this leadership. */
  told(state: LeaderState): void {
    if (state.role === 'leader') this.#leases.set(state.epoch, state.lease);
  }

  /** The epochs at which the process may serve at this moment. */
  valid(): Epoch[] {
    return [...this.#leases].filter(([, lease]) => lease.isValid()).map(([epoch]) => epoch);
  }
}

/**
 * At most one lease is valid at any instant of true time. Invariant 15.
 * @throws {InvariantViolation} if there are two.
 */
export function requireOneLease(leasesByNode: Iterable<readonly [number, HeldLeases]>): void {
  const valid = [...leasesByNode].flatMap(([nodeId, leases]) =>
    leases.valid().map((epoch) => `node ${nodeId} at epoch ${epoch.toString(16)}`),
  );
  if (valid.length > 1) {
    throw new InvariantViolation('at most one lease is valid at any instant', valid.join(' and '));
  }
}
