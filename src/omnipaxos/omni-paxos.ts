import { parseInput, unreachable } from '../errors/index.js';
import type { AppendOptions, AppendResult } from './append-result.js';
import { compareBallots, type NodeId } from './ballot.js';
import { BallotLeaderElection } from './ballot-leader-election.js';
import type { ClusterConfig } from './cluster-config.js';
import type { CoreStatus } from './core-status.js';
import type { DecidedItem } from './decided-item.js';
import { Heartbeats } from './heartbeats.js';
import type { HeartbeatReply, Message } from './messages.js';
import { type OmniPaxosOptions, omniPaxosOptionsSchema } from './omni-paxos-options.js';
import type { LeadershipView, OutputBatch } from './output-batch.js';
import { OutputCollector } from './output-collector.js';
import { PaxosState } from './paxos-state.js';
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
  readonly #election: BallotLeaderElection;
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
    this.#heartbeats = new Heartbeats(this.#state);
    this.#election = new BallotLeaderElection({
      pid: parsed.pid,
      configId: recovered.config.configId,
      priority: parsed.priority,
      quorum: this.#state.quorum,
      recoveredPromise: this.#state.hasPromised ? recovered.promise : undefined,
    });
    this.#paxos = new SequencePaxos(this.#state, parsed.proposalBufferLimit);
    this.#beginRound();
  }

  get config(): ClusterConfig {
    return this.#state.config;
  }

  /** 48 bits that stand for {@link config}; every message carries it. */
  get configHash(): number {
    return this.#state.configHash;
  }

  get compactedIdx(): number {
    return this.#state.log.compactedIdx;
  }

  /** How many records are decided, as this node knows. Never falls during its life. */
  get decidedIdx(): number {
    return this.#state.log.decidedIdx;
  }

  get acceptedIdx(): number {
    return this.#state.log.acceptedIdx;
  }

  /**
   * The decided items from `fromIdx` (inclusive), at most `limit` of them; the snapshot first, if the log has been compacted past `fromIdx`.
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
    this.#ticksInRound += 1;
    if (late) {
      this.#beginRound();
    } else if (this.#ticksInRound >= this.#electionTickTimeout) {
      const ballot = this.#election.endRound({
        promise: this.#state.hasPromised ? this.#state.promise : undefined,
        leadsInAccept: this.leadership().role === 'leader',
      });
      this.#beginRound();
      if (ballot !== undefined) this.#paxos.lead(ballot);
    }
    this.#ticksSinceResend += 1;
    if (this.#ticksSinceResend >= this.#resendMessageTickTimeout) {
      this.#ticksSinceResend = 0;
      this.#paxos.resend();
    }
  }

  /** Takes a message from a peer. One that breaks a rule, or is of another configuration, is dropped and told as a fact. */
  handleIncoming(message: Message<E, S>): void {
    const { from, to, configId, configHash, body } = message;
    if (to !== this.#state.pid || !this.#state.peers.includes(from)) {
      this.#state.violation(
        from,
        'messages go between members of one configuration',
        `a ${body.kind} from ${from} to ${to}`,
      );
      return;
    }
    if (configId !== this.#state.config.configId || configHash !== this.#state.configHash) {
      this.#output.fact({ kind: 'foreignConfig', from, configId, configHash });
      return;
    }
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
      case 'configAhead':
      case 'fetchDecided':
      case 'decidedSync':
        this.#state.violation(from, 'no node of this version asks for it', body.kind);
        return;
      default:
        unreachable(body);
    }
  }

  /** Proposes an entry; see {@link AppendResult} for what may become of it. The entry must not be changed afterwards. */
  append(entry: E, options: AppendOptions): AppendResult {
    return this.#paxos.append(entry, options);
  }

  /**
   * Replaces the log below `upToIdx` by the host's state after folding it. A local decision: no peer is asked to do the same.
   * @throws {LogRangeError} unless `compactedIdx < upToIdx <= decidedIdx`; nothing has changed then.
   */
  snapshot(upToIdx: number, value: S): void {
    const snapshot = { value, compactedIdx: upToIdx, config: this.#state.config };
    this.#state.log.compact(snapshot);
    this.#output.write({ kind: 'snapshot', snapshot });
  }

  /** A new connection to this peer is up; whatever was sent over an older one may be lost. */
  reconnected(pid: NodeId): void {
    if (this.#state.peers.includes(pid)) this.#paxos.reconnected(pid);
  }

  /** The durable writes of all batches up to this token are on stable storage. Only now do this node's own claims count. */
  persisted(writeToken: number): void {
    this.#paxos.persisted(writeToken);
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

  status(): CoreStatus {
    const { acceptedRound, config, log, phase, pid, promise, role } = this.#state;
    const { currentBallot, happy, lastHeard, leader, round } = this.#election;
    return {
      nodeId: pid,
      config,
      role,
      phase,
      leadership: this.leadership(),
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
  }
}

function sameLeadership(a: LeadershipView, b: LeadershipView): boolean {
  if (a.role === 'unknown' || b.role === 'unknown') return a.role === b.role;
  return a.role === b.role && compareBallots(a.ballot, b.ballot) === 0;
}
