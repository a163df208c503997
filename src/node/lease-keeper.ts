import {
  type Ballot,
  ballotsEqual,
  type Fact,
  type Message,
  type NodeId,
  type OmniPaxos,
  quorumSizes,
} from '../omnipaxos/index.js';
import type { Clock, Timer } from '../runtime/index.js';
import { readClocks } from './clock-reading.js';
import { LeaderLease } from './leader-lease.js';
import { LeaseWait, longestMs } from './lease-wait.js';
import { RenewalMemory } from './renewal-memory.js';

/** What a keeper is made of. */
export interface LeaseKeeperOptions<E, S> {
  readonly nodeId: NodeId;
  readonly core: OmniPaxos<E, S>;
  readonly clock: Clock;
  /** The wait for older leases is over. Told from a turn of its own. */
  readonly onWaitOver: () => void;
}

type ReadQuorum = Extract<Fact, { readonly kind: 'readQuorum' }>;

/** A leadership that has formed: until when it waits, and its lease. */
interface Term {
  readonly ballot: Ballot;
  /** Absent where leases are off. */
  readonly lease: LeaderLease | undefined;
  /** On the monotonic clock. */
  readonly waitEndMs: number;
  isWaiting: boolean;
}

/**
 * The leader lease: real-time order across leaders. A leader serves only while its lease is valid, and a new one is reported only after every older lease has run out. Owns
 * the clocks: the core only tells who has answered what. With a `leaseMs` of 0 nobody waits, and whoever leads may serve; only leases of the configuration before, if it had
 * any, are waited for.
 *
 * The quorums of two configurations need not intersect. But a lease of the one before was last renewed before its stop sign was decided, and so before any node's entry into this
 * one: every leader waits until the longest such lease has run out since its own entry, or since it was started.
 */
export class LeaseKeeper<E, S> {
  readonly #options: LeaseKeeperOptions<E, S>;
  #wait: LeaseWait;
  /** When this node has entered its configuration, or was started in it, at the latest. */
  #enteredAtMs: number;
  readonly #renewals: RenewalMemory;
  #term: Term | undefined;
  #timer: Timer | undefined;
  #hasEnded = false;

  constructor(options: LeaseKeeperOptions<E, S>) {
    this.#options = options;
    this.#wait = new LeaseWait(options.nodeId, options.core.config);
    this.#enteredAtMs = options.clock.monotonicMs();
    this.#renewals = new RenewalMemory(this.#enteredAtMs);
  }

  /** Whether the leadership at this ballot may be reported: its wait is over. */
  mayReport(ballot: Ballot): boolean {
    if (!this.#hasWaits) return true;
    const term = this.#termOf(ballot);
    return term !== undefined && !term.isWaiting;
  }

  /** Whether the lease of the leadership at this ballot is valid, by both clocks as they stand now. */
  isValid(ballot: Ballot): boolean {
    if (!this.#hasWaits) return true;
    const term = this.#termOf(ballot);
    if (term === undefined || term.isWaiting) return false;
    return term.lease === undefined || term.lease.isValid(readClocks(this.#options.clock));
  }

  /** ms until the wait of the present leadership is over; 0 if there is none. */
  get waitMs(): number {
    const { clock } = this.#options;
    return this.#term?.isWaiting === true ? Math.max(0, this.#term.waitEndMs - clock.monotonicMs()) : 0;
  }

  /** To be called with each message that arrives, before the core has it. */
  receiving({ from, body }: Message<E, S>): void {
    if (body.kind !== 'promise') return;
    this.#wait.promiseArrived(from, body.n, body.msSinceLowerBallotReply, this.#options.clock.monotonicMs());
  }

  /** To be called with each message at the moment when it leaves. @returns what is to be sent in its place. */
  sending(message: Message<E, S>): Message<E, S> {
    const { body } = message;
    const nowMs = this.#options.clock.monotonicMs();
    if (body.kind === 'heartbeatReply') this.#renewals.answered(message.to, body.promise, nowMs);
    if (body.kind !== 'promise') return message;
    const msSinceLowerBallotReply = this.#renewals.msSinceBelow(body.n, nowMs);
    return { ...message, body: { ...body, msSinceLowerBallotReply } };
  }

  /** To be called with each fact, before any message of its batch leaves. */
  applyFact(fact: Fact): void {
    if (fact.kind === 'configuration') this.#enter();
    if (!this.#hasWaits) return;
    if (fact.kind === 'readQuorum') this.#begin(fact);
    else if (fact.kind === 'heartbeatRound') {
      this.#term?.lease?.roundBegan(fact.round, readClocks(this.#options.clock));
    } else if (fact.kind === 'heartbeatReply') {
      this.#term?.lease?.replied(fact.from, fact.round, fact.promise);
    }
  }

  /** No lease is valid any more, and no timer is left. */
  end(): void {
    this.#hasEnded = true;
    this.#term = undefined;
    this.#timer?.cancel();
  }

  /** Whether any lease, of this configuration or of the one before, can be valid anywhere. */
  get #hasWaits(): boolean {
    const { leaseMs, previousLease } = this.#options.core.config;
    return leaseMs > 0 || previousLease !== undefined;
  }

  /** A new configuration is entered: whatever was led before is over. */
  #enter(): void {
    this.#term = undefined;
    this.#timer?.cancel();
    this.#wait = new LeaseWait(this.#options.nodeId, this.#options.core.config);
    this.#enteredAtMs = this.#options.clock.monotonicMs();
  }

  #termOf(ballot: Ballot): Term | undefined {
    return this.#term !== undefined && ballotsEqual(this.#term.ballot, ballot) ? this.#term : undefined;
  }

  #begin(quorum: ReadQuorum): void {
    if (this.#hasEnded) return;
    const { ballot } = quorum;
    const { clock, core } = this.#options;
    const { config } = core;
    const nowMs = clock.monotonicMs();
    const waitEndMs = this.#waitEndMs(quorum, nowMs);
    const lease =
      config.leaseMs === 0
        ? undefined
        : new LeaderLease({ ballot, leaseMs: config.leaseMs, writeQuorum: quorumSizes(config).write });
    this.#term = { ballot, lease, waitEndMs, isWaiting: waitEndMs > nowMs };
    this.#timer?.cancel();
    if (this.#term.isWaiting) this.#armTimer(this.#term);
  }

  #waitEndMs({ ballot, handedOver, nodes }: ReadQuorum, nowMs: number): number {
    const { config } = this.#options.core;
    // A cluster that has had one and the same single node since it was made has had no other leader.
    if (config.configId === 1 && config.nodes.length === 1) return nowMs;
    // The leader before has waited for all older leases, and has given up its own.
    if (handedOver) return nowMs;
    const { previousLease } = config;
    const previousEndMs = previousLease === undefined ? nowMs : this.#enteredAtMs + longestMs(previousLease);
    const msSinceOwnRenewal = this.#renewals.msSinceBelow(ballot, nowMs);
    return Math.max(previousEndMs, this.#wait.endMs({ ballot, nodes, msSinceOwnRenewal }, nowMs));
  }

  #armTimer(term: Term): void {
    const { clock, onWaitOver } = this.#options;
    // At least 1 ms: what is left can be so little that adding it to the time changes nothing.
    this.#timer = clock.setTimer(Math.max(1, term.waitEndMs - clock.monotonicMs()), () => {
      // Timers may fire a little early, or count a time that the clock does not.
      if (clock.monotonicMs() < term.waitEndMs) {
        this.#armTimer(term);
        return;
      }
      term.isWaiting = false;
      onWaitOver();
    });
  }
}
