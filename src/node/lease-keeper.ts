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
import { LeaseWait } from './lease-wait.js';
import { RenewalMemory } from './renewal-memory.js';

/** What a keeper is made of. */
export interface LeaseKeeperOptions<E, S> {
  readonly nodeId: NodeId;
  readonly core: OmniPaxos<E, S>;
  readonly clock: Clock;
  /** The wait for older leases is over. Told from a turn of its own. */
  readonly onWaitOver: () => void;
}

/** A leadership that has formed: until when it waits, and its lease. */
interface Term {
  readonly ballot: Ballot;
  readonly lease: LeaderLease;
  /** On the monotonic clock. */
  readonly waitEndMs: number;
  isWaiting: boolean;
}

/**
 * The leader lease: real-time order across leaders. A leader serves only while its lease is valid, and a new one is reported only after every older lease has run out. Owns
 * the clocks: the core only tells who has answered what. With a `leaseMs` of 0 nobody waits, and whoever leads may serve.
 */
export class LeaseKeeper<E, S> {
  readonly #options: LeaseKeeperOptions<E, S>;
  readonly #wait: LeaseWait;
  readonly #renewals: RenewalMemory;
  #term: Term | undefined;
  #timer: Timer | undefined;
  #hasEnded = false;

  constructor(options: LeaseKeeperOptions<E, S>) {
    this.#options = options;
    this.#wait = new LeaseWait(options.nodeId, options.core.config);
    this.#renewals = new RenewalMemory(options.clock.monotonicMs());
  }

  /** Whether the leadership at this ballot may be reported: its wait is over. */
  mayReport(ballot: Ballot): boolean {
    if (!this.#isOn) return true;
    const term = this.#termOf(ballot);
    return term !== undefined && !term.isWaiting;
  }

  /** Whether the lease of the leadership at this ballot is valid, by both clocks as they stand now. */
  isValid(ballot: Ballot): boolean {
    if (!this.#isOn) return true;
    const term = this.#termOf(ballot);
    return term !== undefined && !term.isWaiting && term.lease.isValid(readClocks(this.#options.clock));
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
    if (!this.#isOn) return;
    if (fact.kind === 'readQuorum') this.#begin(fact.ballot, fact.nodes);
    else if (fact.kind === 'heartbeatRound') {
      this.#term?.lease.roundBegan(fact.round, readClocks(this.#options.clock));
    } else if (fact.kind === 'heartbeatReply') {
      this.#term?.lease.replied(fact.from, fact.round, fact.promise);
    }
  }

  /** No lease is valid any more, and no timer is left. */
  end(): void {
    this.#hasEnded = true;
    this.#term = undefined;
    this.#timer?.cancel();
  }

  get #isOn(): boolean {
    return this.#options.core.config.leaseMs > 0;
  }

  #termOf(ballot: Ballot): Term | undefined {
    return this.#term !== undefined && ballotsEqual(this.#term.ballot, ballot) ? this.#term : undefined;
  }

  #begin(ballot: Ballot, nodes: readonly NodeId[]): void {
    if (this.#hasEnded) return;
    const { clock, core } = this.#options;
    const { config } = core;
    const nowMs = clock.monotonicMs();
    const msSinceOwnRenewal = this.#renewals.msSinceBelow(ballot, nowMs);
    // A cluster that has had one and the same single node since it was made has had no other leader.
    const isAlone = config.configId === 1 && config.nodes.length === 1;
    const waitEndMs = isAlone ? nowMs : this.#wait.endMs({ ballot, nodes, msSinceOwnRenewal }, nowMs);
    const lease = new LeaderLease({
      ballot,
      leaseMs: config.leaseMs,
      writeQuorum: quorumSizes(config).write,
    });
    this.#term = { ballot, lease, waitEndMs, isWaiting: waitEndMs > nowMs };
    this.#timer?.cancel();
    if (this.#term.isWaiting) this.#armTimer(this.#term);
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
