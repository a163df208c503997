import { unreachable } from '../errors/index.js';
import { type Ballot, ballotsEqual, type NodeId, type OmniPaxos } from '../omnipaxos/index.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { type NodeLeadership, type NodeLease, sameLeadership } from './node-events.js';

/** What a report is made of. */
export interface LeadershipReportOptions<E, S> {
  readonly core: OmniPaxos<E, S>;
  readonly leases: LeaseKeeper<E, S>;
  /** Where a node serves clients, if that is known. */
  readonly clientEndpoint: (nodeId: NodeId) => string | undefined;
}

/**
 * The leadership as this node reports it: asked from the core anew each time, so that it is never older than the core's own view. A leader that waits for older leases
 * to run out is not reported as one.
 */
export class LeadershipReport<E, S> {
  readonly #options: LeadershipReportOptions<E, S>;
  #hasEnded = false;
  #told: NodeLeadership = { role: 'unknown' };
  #lease: { readonly ballot: Ballot; readonly lease: NodeLease } | undefined;

  constructor(options: LeadershipReportOptions<E, S>) {
    this.#options = options;
  }

  /** The leadership in this very turn. */
  current(): NodeLeadership {
    if (this.#hasEnded) return { role: 'unknown' };
    const view = this.#options.core.leadership();
    switch (view.role) {
      case 'leader':
        if (!this.#options.leases.mayReport(view.ballot)) return { role: 'unknown' };
        return { role: 'leader', ballot: view.ballot, lease: this.#leaseOf(view.ballot) };
      case 'follower': {
        const endpoint = this.#options.clientEndpoint(view.ballot.pid);
        return { role: 'follower', ballot: view.ballot, ...(endpoint === undefined ? {} : { endpoint }) };
      }
      case 'unknown':
        return view;
      default:
        return unreachable(view);
    }
  }

  /** The leadership if it differs from the one that this method returned last. */
  news(): NodeLeadership | undefined {
    const leadership = this.current();
    if (sameLeadership(leadership, this.#told)) return undefined;
    this.#told = leadership;
    return leadership;
  }

  /** From this turn on nobody leads here, and no lease is valid. */
  end(): void {
    this.#hasEnded = true;
  }

  #leaseOf(ballot: Ballot): NodeLease {
    if (this.#lease !== undefined && ballotsEqual(this.#lease.ballot, ballot)) return this.#lease.lease;
    const lease: NodeLease = {
      isValid: () => this.#leadsAt(ballot) && this.#options.leases.isValid(ballot),
    };
    this.#lease = { ballot, lease };
    return lease;
  }

  #leadsAt(ballot: Ballot): boolean {
    if (this.#hasEnded) return false;
    const view = this.#options.core.leadership();
    return view.role === 'leader' && ballotsEqual(view.ballot, ballot);
  }
}
