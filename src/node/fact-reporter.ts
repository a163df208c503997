import { unreachable } from '../errors/index.js';
import { type ClusterConfig, type Fact, formatBallot } from '../omnipaxos/index.js';
import type { Logger } from '../runtime/index.js';
import type { EventQueue } from './event-queue.js';
import type { LeadershipReport } from './leadership-report.js';
import type { LeaseKeeper } from './lease-keeper.js';

/** What a reporter is made of. */
export interface FactReporterOptions<E, S> {
  readonly leases: LeaseKeeper<E, S>;
  readonly leadership: LeadershipReport<E, S>;
  readonly events: EventQueue;
  readonly logger: Logger;
  /** This node is not a member any more, and is not needed any more either. */
  readonly onRemoved: (config: ClusterConfig) => void;
}

/** Gives the facts of each batch to whom they concern: the lease, the log and the counters, the events. */
export class FactReporter<E, S> {
  readonly #options: FactReporterOptions<E, S>;
  #violations = 0;
  #foreignConfigMessages = 0;

  constructor(options: FactReporterOptions<E, S>) {
    this.#options = options;
  }

  /** As {@link NodeCounters} has them. */
  get counters() {
    return { violations: this.#violations, foreignConfigMessages: this.#foreignConfigMessages };
  }

  /** To be called with each batch's facts, before any message of it leaves. The events that they cause wait until they are told. */
  apply(facts: readonly Fact[]): void {
    for (const fact of facts) {
      this.#options.leases.applyFact(fact);
      this.#report(fact);
    }
    this.noteLeadership();
  }

  /** Adds an event if the leadership is another one than when it was noted last. */
  noteLeadership(): void {
    const { events, leadership, logger } = this.#options;
    const news = leadership.news();
    if (news === undefined) return;
    const ballot = news.role === 'unknown' ? {} : { ballot: formatBallot(news.ballot) };
    logger.info(ballot, `leadership: ${news.role}`);
    events.push({ name: 'leadership', leadership: news });
  }

  #report(fact: Fact): void {
    const { events, logger, onRemoved } = this.#options;
    switch (fact.kind) {
      case 'decided':
        events.push({ name: 'decided', decidedIdx: fact.decidedIdx });
        return;
      case 'violation':
        this.#violations += 1;
        logger.error({ from: fact.from, detail: fact.detail }, `a message was dropped: ${fact.rule}`);
        return;
      case 'foreignConfig':
        this.#foreignConfigMessages += 1;
        logger.debug(
          { from: fact.from, configId: fact.configId },
          'a message of another configuration was dropped',
        );
        return;
      case 'configuration':
        logger.info(
          { config: fact.config, isMember: fact.isMember },
          `configuration ${fact.config.configId}`,
        );
        events.push({ name: 'configuration', config: fact.config });
        return;
      case 'removed':
        onRemoved(fact.config);
        return;
      case 'leadership':
      case 'heartbeatRound':
      case 'heartbeatReply':
      case 'readQuorum':
        return;
      default:
        unreachable(fact);
    }
  }
}
