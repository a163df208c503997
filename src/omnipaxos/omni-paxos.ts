import { parseInput, unreachable } from '../errors/index.js';
import type { AppendOptions, AppendResult } from './append-result.js';
import { type Ballot, compareBallots, maxBallot, type NodeId } from './ballot.js';
import { BallotLeaderElection } from './ballot-leader-election.js';
import type { ClusterConfig } from './cluster-config.js';
import { ConfigurationEntry } from './configuration-entry.js';
import type { CoreStatus } from './core-status.js';
import type { DecidedItem } from './decided-item.js';
import { Heartbeats } from './heartbeats.js';
import type { HeartbeatReply, Message, MessageBody } from './messages.js';
import { nextConfigAfter } from './next-config.js';
import { type OmniPaxosOptions, omniPaxosOptionsSchema, prioritySchema } from './omni-paxos-options.js';
import type { LeadershipView, OutputBatch } from './output-batch.js';
import { OutputCollector } from './output-collector.js';
import { PaxosState } from './paxos-state.js';
import type { ReconfigureResult, TransferResult } from './reconfigure-result.js';
import { SequencePaxos } from './sequence-paxos.js';
import type { StableState } from './stable-state.js';

/**
 * One node of OmniPaxos (Ng, Haridi, Carbone, EuroSys 2023) as a deterministic state machine: no clock, timer, socket, disk,
 * promise or random number. Inputs are method calls; what they cause is taken by {@link takeOutput}, and must be carried out
 * as {@link OutputBatch} says. The same inputs always give the same outputs. It never calls back, and never changes what it
 * has handed out; entries and snapshots that it is given must not be changed either.
 *
 * A method that throws (a ballot number at its end, a broken invariant) leaves the core unusable: its node must stop.
 */
export class OmniPaxos<E, S> {
  readonly #state: PaxosState<E, S>;
  readonly #output = new OutputCollector<E, S>();
  readonly #entry: ConfigurationEntry<E, S>;
  #election: BallotLeaderElection;
  #priority: number;
  readonly #heartbeats: Heartbeats<E, S>;
  readonly #paxos: SequencePaxos<E, S>;
  readonly #electionTickTimeout: number;
  readonly #resendMessageTickTimeout: number;
  #ticksInRound = 0;
  #ticksSinceResend = 0;
  #toldLeadership: LeadershipView = { role: 'unknown' };

  /**
   * @param recovered what stable storage holds. A promise of the configuration in force makes the node begin in recovery.
   * @throws {InvalidInputError} for options out of range.
   */
  constructor(options: OmniPaxosOptions, recovered: StableState<E, S>) {
    const parsed = parseInput(omniPaxosOptionsSchema, options, 'OmniPaxos options');
    this.#electionTickTimeout = parsed.electionTickTimeout;
    this.#resendMessageTickTimeout = parsed.resendMessageTickTimeout;
    this.#state = new PaxosState(parsed.pid, parsed.incarnation, recovered, this.#output);
    this.#priority = parsed.priority;
    this.#heartbeats = new Heartbeats(this.#state);
    this.#entry = new ConfigurationEntry(this.#state);
    this.#election = this.#newElection(0);
    this.#paxos = new SequencePaxos(this.#state, parsed.proposalBufferLimit);
    this.#enterIfDue();
    if (this.#entry.takesPart) this.#beginToTakePart();
    else this.#entry.resend();
  }

  /** The configuration in force. */
  get config(): ClusterConfig {
    return this.#state.config;
  }

  /** 48 bits that stand for {@link config}; every message carries it. */
  get configHash(): number {
    return this.#state.configHash;
  }

  /** How many records the snapshot stands for; 0 if there is none. */
  get compactedIdx(): number {
    return this.#state.log.compactedIdx;
  }

  /** How many records are decided, as this node knows. Never falls during its life. */
  get decidedIdx(): number {
    return this.#state.log.decidedIdx;
  }

  /** How long the log is. It can fall, when a new leader replaces an undecided tail. */
  get acceptedIdx(): number {
    return this.#state.log.acceptedIdx;
  }

  /**
   * The decided items from `fromIdx` (inclusive), at most `limit` of them; the snapshot first, if the log has
   * been compacted past `fromIdx`.
   * @throws {LogRangeError} if `fromIdx` is above decidedIdx, or not a whole number from 0.
   */
  read(fromIdx: number, limit?: number): readonly DecidedItem<E, S>[] {
    return this.#state.log.readDecided(fromIdx, limit);
  }

  /**
   * Time passes by one tick.
   * @param options.late this tick came more than a heartbeat round late. Replies may wait unread then, so a new round begins
   * without judging the open one.
   */
  tick({ late = false }: { readonly late?: boolean } = {}): void {
    const { takesPart } = this.#entry;
    if (takesPart) this.#electionTick(late);
    this.#ticksSinceResend += 1;
    if (this.#ticksSinceResend >= this.#resendMessageTickTimeout) {
      this.#ticksSinceResend = 0;
      if (takesPart) this.#paxos.resend();
      this.#entry.resend();
    }
  }

  /** Takes a message from a peer. One that breaks a rule, or is of another configuration, is dropped and told as a fact. */
  handleIncoming(message: Message<E, S>): void {
    const { from, to, configId, configHash } = message;
    const own = this.#state.config.configId;
    if (to !== this.#state.pid || from === this.#state.pid) {
      this.#state.violation(
        from,
        'messages go from one node to another',
        `a ${message.body.kind} from ${from} to ${to}`,
      );
      return;
    }
    if (configId !== own || configHash !== this.#state.configHash) {
      this.#output.fact({ kind: 'foreignConfig', from, configId, configHash });
      if (configId < own) this.#entry.onBehind(message);
      else if (configId > own && this.#entry.onAhead(message)) this.#entered();
      return;
    }
    this.#handleOfConfig(from, message.body);
    this.#enterIfDue();
  }

  #handleOfConfig(from: NodeId, body: MessageBody<E, S>): void {
    if (body.kind === 'configAhead' || body.kind === 'fetchDecided') {
      this.#entry.onSame(from, body);
      return;
    }
    // Asked for before the configuration was entered, and not needed any more.
    if (body.kind === 'decidedSync') return;
    if (!this.#state.peers.includes(from)) {
      this.#state.violation(
        from,
        'messages go between members of one configuration',
        `a ${body.kind} from ${from}`,
      );
      return;
    }
    if (!this.#entry.takesPart) return;
    switch (body.kind) {
      case 'heartbeatRequest':
        this.#heartbeats.onRequest(from, body, this.#election);
        return;
      case 'heartbeatReply':
        this.#onHeartbeatReply(from, body);
        return;
      case 'prepareReq':
      case 'notAccepted':
        this.#election.notePromise(body.n);
        this.#paxos.handle(from, body);
        return;
      case 'prepare':
      case 'promise':
      case 'acceptSync':
      case 'acceptDecide':
      case 'accepted':
      case 'decide':
      case 'proposalForward':
        this.#paxos.handle(from, body);
        return;
      case 'takeLeadership':
        // A late one is of a ballot that is promised no more, or whose session is over.
        if (from === body.n.pid && this.#paxos.acceptsHandOver(body.n)) this.#takeOver(body.n);
        return;
      default:
        unreachable(body);
    }
  }

  /** Proposes an entry; see {@link AppendResult} for what may become of it. The entry must not be changed afterwards. */
  append(entry: E, options: AppendOptions): AppendResult {
    if (this.#entry.isRemoved) return { ok: false, reason: 'stopped' };
    return this.#paxos.append(entry, options);
  }

  /**
   * Proposes the stop sign that ends this configuration and begins `nextConfig`; only where this node leads,
   * and not before its wait for older leases is over. What this configuration's leases are is noted in the
   * next one. Once the stop sign is decided, every member enters the next configuration by itself.
   * @param nextConfig its configId must be one more than the present one, and it must not name a `previousLease`.
   * @param metadata whatever the host wants the next configuration to know; it is copied.
   * @throws {InvalidInputError} naming the field of `nextConfig` that breaks a rule; nothing has changed then.
   */
  reconfigure(nextConfig: ClusterConfig, metadata?: Uint8Array): ReconfigureResult {
    return this.#paxos.appendStopSign({
      nextConfig: nextConfigAfter(this.#state.config, nextConfig),
      ...(metadata === undefined ? {} : { metadata: Uint8Array.from(metadata) }),
    });
  }

  /**
   * Gives the leadership up, in this turn, in favour of `target`, which is asked to take over once it has
   * accepted the whole log. What is proposed meanwhile is buffered, or refused if it must not be forwarded.
   * If nobody has taken over after an election timeout, this node leads again, under a higher ballot. Not to
   * be called before this leader's own wait for older leases is over.
   */
  transferLeadership(target: NodeId): TransferResult {
    return this.#paxos.handOver(target, this.#electionTickTimeout);
  }

  /**
   * Takes over at once, above every ballot that this node has seen; nothing happens while this node takes no part in its configuration.
   * @throws {BallotExhaustedError} if the ballot number is at its end.
   */
  tryBecomeLeader(): void {
    if (this.#entry.takesPart) this.#takeOver();
  }

  /**
   * Prefers this node, or not, among those that raise their ballots to the same n: a whole number within [0,
   * 65,535]. Taken up when this node's ballot is next raised.
   * @throws {InvalidInputError} out of range.
   */
  setPriority(priority: number): void {
    this.#priority = parseInput(prioritySchema, priority, 'priority');
    this.#election.priority = this.#priority;
  }

  /**
   * Replaces the log below `upToIdx` by the host's state after folding it. A local decision: no peer is asked to do the same.
   * @throws {LogRangeError} unless `compactedIdx < upToIdx <= decidedIdx`, or if the last decided stop sign
   * is not below `upToIdx`; nothing has changed then.
   */
  snapshot(upToIdx: number, value: S): void {
    const snapshot = { value, compactedIdx: upToIdx, config: this.#state.config };
    this.#state.log.compact(snapshot);
    this.#output.write({ kind: 'snapshot', snapshot });
  }

  /** A new connection to this peer is up; whatever was sent over an older one may be lost. */
  reconnected(pid: NodeId): void {
    if (this.#entry.takesPart && this.#state.peers.includes(pid)) this.#paxos.reconnected(pid);
  }

  /** The durable writes of all batches up to this token are on stable storage. Only now do this node's own claims count. */
  persisted(writeToken: number): void {
    this.#paxos.persisted(writeToken);
    if (this.#entry.persisted(writeToken)) this.#beginToTakePart();
    this.#enterIfDue();
  }

  /** What has happened since the last call, to be carried out as {@link OutputBatch} says; undefined if nothing has. */
  takeOutput(): OutputBatch<E, S> | undefined {
    this.#paxos.flush();
    this.#tellLeadership();
    return this.#output.take();
  }

  /** The leadership in this very turn. */
  leadership(): LeadershipView {
    return this.#paxos.leadership();
  }

  /** All that the core knows of itself, made anew for each call. */
  status(): CoreStatus {
    const { acceptedRound, config, log, phase, pid, promise, role } = this.#state;
    const { currentBallot, happy, lastHeard, leader, round } = this.#election;
    return {
      nodeId: pid,
      config,
      isMember: this.#state.isMember,
      takesPart: this.#entry.takesPart,
      role,
      phase,
      leadership: this.leadership(),
      handOverTarget: this.#paxos.leader?.handOverTarget,
      promise,
      acceptedRound,
      election: { currentBallot, leader, happy, round, lastHeard },
      compactedIdx: log.compactedIdx,
      decidedIdx: log.decidedIdx,
      acceptedIdx: log.acceptedIdx,
      ownAcceptedIdx: this.#paxos.leader?.ownAcceptedIdx,
      followers: [...(this.#paxos.leader?.followers ?? [])].map(([nodeId, progress]) => ({
        nodeId,
        standing: progress.standing,
        acceptedIdx: progress.acceptedIdx,
        sentIdx: progress.sentIdx,
      })),
      bufferedProposals: this.#paxos.bufferedProposals,
    };
  }

  #electionTick(late: boolean): void {
    this.#ticksInRound += 1;
    if (late) {
      this.#beginRound();
    } else if (this.#ticksInRound >= this.#electionTickTimeout) {
      const ballot = this.#election.endRound({
        promise: this.#state.hasPromised ? this.#state.promise : undefined,
        leadsInAccept: this.#state.role === 'leader' && this.#state.phase === 'accept',
      });
      this.#beginRound();
      if (ballot !== undefined) this.#paxos.lead(ballot);
    }
    // Whoever was asked may have taken over already: the same ballot must never be led on.
    if (this.#paxos.leader?.handOverTick() === true) this.#takeOver();
  }

  /** Leads above everything that was seen, and keeps the election in step. */
  #takeOver(handedOverBy?: Ballot): void {
    const above = maxBallot(this.#state.promise, this.#election.highestSeen);
    this.#paxos.lead(this.#election.takeOver(above), handedOverBy);
  }

  #newElection(round: number): BallotLeaderElection {
    const { config, hasPromised, pid, promise, quorum } = this.#state;
    return new BallotLeaderElection({
      pid,
      configId: config.configId,
      priority: this.#priority,
      quorum,
      round,
      recoveredPromise: hasPromised ? promise : undefined,
    });
  }

  #enterIfDue(): void {
    const { due } = this.#entry;
    if (due === undefined) return;
    // Followers learn that the stop sign is decided while they can still be told in its configuration.
    this.#paxos.flush();
    this.#entry.enterDue(due);
    this.#entered();
  }

  /** Nothing of the configuration before goes on; the election of the new one begins once the entry is durable. */
  #entered(): void {
    this.#paxos.reset();
    this.#election = this.#newElection(this.#election.round);
    this.#ticksInRound = 0;
    this.#ticksSinceResend = 0;
  }

  #beginToTakePart(): void {
    this.#paxos.begin();
    this.#beginRound();
  }

  #beginRound(): void {
    this.#ticksInRound = 0;
    this.#heartbeats.request(this.#election.beginRound());
  }

  #onHeartbeatReply(from: NodeId, reply: HeartbeatReply): void {
    if (!this.#heartbeats.acceptsReply(from, reply)) return;
    this.#output.fact({ kind: 'heartbeatReply', from, round: reply.round, promise: reply.promise });
    this.#election.onReply(from, reply);
    this.#paxos.onHeartbeatReply(from, reply);
  }

  #tellLeadership(): void {
    const view = this.leadership();
    if (sameLeadership(view, this.#toldLeadership)) return;
    this.#toldLeadership = view;
    this.#output.fact({ kind: 'leadership', view });
    // A lease counts rounds of its own leadership only: the open one left before it, and the next might be a whole round away.
    if (view.role === 'leader') this.#beginRound();
  }
}

function sameLeadership(a: LeadershipView, b: LeadershipView): boolean {
  if (a.role === 'unknown' || b.role === 'unknown') return a.role === b.role;
  return a.role === b.role && compareBallots(a.ballot, b.ballot) === 0;
}
