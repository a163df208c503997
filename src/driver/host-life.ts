import { InvalidInputError } from '../errors/index.js';
import type { ApplyState } from '../high-water/index.js';
import type { PaxosHighWaterHost } from './paxos-high-water-host.js';

/**
 * What must outlast a driver: the counter of proposals, of which no number is used twice in one life of a
 * host, and whether the host is being driven. A second driver at the same time would hand out a second
 * leadership stream of the same epochs.
 */
export interface HostLife {
  /** The seq of the next proposal; the first of a life is 1. */
  takeSeq(): number;
  /** Lets another driver claim the host. */
  release(): void;
}

interface Claim {
  nextSeq: number;
  driven: boolean;
}

/** Keyed by the apply state: there is one for each life, whatever wraps the host. */
const claims = new WeakMap<ApplyState, Claim>();

/**
 * Claims a host for one driver.
 * @throws {InvalidInputError} if another driver has claimed it and not released it.
 */
export function claimHostLife(host: PaxosHighWaterHost): HostLife {
  const claim = claims.get(host.applyState) ?? { nextSeq: 1, driven: false };
  if (claim.driven) {
    throw new InvalidInputError(
      'host',
      host.identity,
      'is driven by another PaxosDriver; close that one first',
    );
  }
  claim.driven = true;
  claims.set(host.applyState, claim);
  return {
    takeSeq: () => claim.nextSeq++,
    release: () => {
      claim.driven = false;
    },
  };
}
