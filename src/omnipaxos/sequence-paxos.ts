import { unreachable } from '../errors/index.js';
import type { AppendOptions, AppendResult } from './append-result.js';
import { type Ballot, ballotsEqual, compareBallots, type NodeId } from './ballot.js';
import { Follower } from './follower.js';
import { Leader } from './leader.js';
import type { StopSign } from './log-record.js';
import type {
  AcceptDecide,
  Accepted,
  AcceptSync,
  Decide,
  HeartbeatReply,
  NotAccepted,
  Prepare,
  PrepareReq,
  PromiseMessage,
  ProposalForward,
} from './messages.js';
import type { LeadershipView } from './output-batch.js';
import type { PaxosState } from './paxos-state.js';
import type { ReconfigureResult, TransferResult } from './reconfigure-result.js';

/** The messages of Sequence Paxos. */
export type SequencePaxosMessage<E, S> =
  | Prepare
  | PromiseMessage<E, S>
  | AcceptSync<E, S>
  | AcceptDecide<E>
  | Accepted
  | Decide
  | PrepareReq
  | NotAccepted
  | ProposalForward<E>;

/**
 * Sequence Paxos (OmniPaxos, EuroSys 2023, section 4): replicates a log under the leader that the election names. It routes
 * each message to the half, leader or follower, that it concerns.
 */
export class SequencePaxos<E, S> {
  readonly #state: PaxosState<E, S>;
  readonly #follower: Follower<E, S>;
  readonly #proposalBufferLimit: number;
  #leader: Leader<E, S> | undefined;
  /** Entries that wait for a leader: this node itself, or one to forward them to. */
  #buffered: E[] = [];

  constructor(state: PaxosState<E, S>, proposalBufferLimit: number) {
    this.#state = state;
    this.#proposalBufferLimit = proposalBufferLimit;
    this.#follower = new Follower(state);
  }

  /**
   * Begins to take part in the configuration in force: a promise that was not made in this life, or was told with
   * decided state, asks its leader for a Prepare.
   */
  begin(): void {
    if (this.#state.hasPromised) this.#follower.recover();
  }

  /** This node's leadership, if its role is leader; in any phase. */
  get leader(): Leader<E, S> | undefined {
    return this.#state.role === 'leader' ? this.#leader : undefined;
  }

  get bufferedProposals(): number {
    return this.#buffered.length;
  }

  /** The leadership as it stands: nobody leads in phase prepare, and nobody is followed before this life has synchronised with it. */
  leadership(): LeadershipView {
    const { role, promise } = this.#state;
    if (role === 'leader') {
      return this.#leader?.isInCharge === true ? { role, ballot: promise } : { role: 'unknown' };
    }
    return this.#follower.isSynced ? { role, ballot: promise } : { role: 'unknown' };
  }

  /** Begins to lead with `ballot`, unless it is not above every ballot promised here. */
  lead(ballot: Ballot, handedOverBy?: Ballot): void {
    if (compareBallots(ballot, this.#state.promise) <= 0) return;
    this.#leader = new Leader(this.#state, ballot, handedOverBy);
  }

  /** Appends a stop sign: the last record of the configuration in force. */
  appendStopSign(stopSign: StopSign): ReconfigureResult {
    if (!this.#leads()) return { ok: false, reason: 'notLeader' };
    if (this.#state.pendingStopSign !== undefined) return { ok: false, reason: 'pendingReconfiguration' };
    this.#leader?.append([{ kind: 'stopSign', stopSign }]);
    return { ok: true, idx: this.#state.log.acceptedIdx - 1, ballot: this.#state.promise };
  }

  /** Gives the leadership up in favour of `target`. */
  handOver(target: NodeId, ticks: number): TransferResult {
    const { leader } = this;
    if (leader?.handOverTarget !== undefined) return { ok: false, reason: 'handOverUnderWay' };
    if (leader === undefined || !leader.isInCharge) return { ok: false, reason: 'notLeader' };
    if (!leader.canHandOverTo(target)) return { ok: false, reason: 'targetNotReady' };
    leader.handOver(target, ticks);
    return { ok: true };
  }

  /** Whether a hand-over of ballot n may be taken up. */
  acceptsHandOver(n: Ballot): boolean {
    return this.#follower.acceptsHandOver(n);
  }

  /** A new configuration is entered: neither leadership nor session goes on; what is buffered waits for the new leader. */
  reset(): void {
    this.#leader = undefined;
    this.#follower.reset();
  }

  handle(from: NodeId, message: SequencePaxosMessage<E, S>): void {
    switch (message.kind) {
      case 'prepare':
      case 'acceptSync':
      case 'acceptDecide':
      case 'decide':
        this.#handleFromLeader(from, message);
        return;
      case 'promise':
        this.leader?.onPromise(from, message);
        this.#proposeBuffered();
        return;
      case 'accepted':
        this.leader?.onAccepted(from, message);
        return;
      case 'prepareReq':
        this.leader?.onPrepareReq(from, message);
        return;
      case 'notAccepted':
        this.leader?.onNotAccepted(from, message);
        return;
      case 'proposalForward':
        // A node that does not lead drops what it is sent: forwarding it again could loop.
        if (this.#leads() && this.#state.pendingStopSign === undefined) this.#appendEntries(message.entries);
        return;
      default:
        unreachable(message);
    }
  }

  onHeartbeatReply(from: NodeId, reply: HeartbeatReply): void {
    this.leader?.onHeartbeatReply(from, reply);
  }

  append(entry: E, options: AppendOptions): AppendResult {
    const { log, pendingStopSign, phase, promise, role } = this.#state;
    const leads = this.#leads();
    if (options.ballot !== undefined && !(leads && ballotsEqual(options.ballot, promise))) {
      return { ok: false, reason: 'notLeader' };
    }
    if (pendingStopSign !== undefined) return { ok: false, reason: 'pendingReconfiguration' };
    if (leads) {
      this.#appendEntries([entry]);
      return { ok: true, outcome: 'appended', idx: log.acceptedIdx - 1, ballot: promise };
    }
    if (!options.forward) return { ok: false, reason: 'notLeader' };
    if (role === 'follower' && phase === 'accept') {
      this.#state.send(promise.pid, { kind: 'proposalForward', entries: [entry] });
      return { ok: true, outcome: 'forwarded', to: promise.pid };
    }
    if (this.#buffered.length >= this.#proposalBufferLimit) {
      return { ok: false, reason: 'bufferFull', limit: this.#proposalBufferLimit };
    }
    this.#buffered.push(entry);
    return { ok: true, outcome: 'buffered' };
  }

  reconnected(pid: NodeId): void {
    this.#follower.reconnected(pid);
  }

  persisted(writeToken: number): void {
    this.leader?.persisted(writeToken);
    this.#proposeBuffered();
  }

  /** A resend period has passed. */
  resend(): void {
    if (this.#state.role === 'leader') this.#leader?.resend();
    else this.#follower.resend();
  }

  /** Before a batch is taken: makes what is told once for all that happened in it. */
  flush(): void {
    this.leader?.flush();
    this.#follower.flush();
  }

  /** Whether records may be appended here: this node leads in phase accept, and is not handing over. */
  #leads(): boolean {
    const { leader } = this;
    return this.#state.phase === 'accept' && leader !== undefined && leader.handOverTarget === undefined;
  }

  #handleFromLeader(from: NodeId, message: Prepare | AcceptSync<E, S> | AcceptDecide<E> | Decide): void {
    if (message.n.pid !== from || message.n.configId !== this.#state.config.configId) {
      this.#state.violation(
        from,
        'a ballot is led only by its own node',
        `${message.kind} of ${JSON.stringify(message.n)}`,
      );
      return;
    }
    switch (message.kind) {
      case 'prepare':
        if (this.#follower.onPrepare(from, message)) this.#leader = undefined;
        return;
      case 'acceptSync':
        this.#follower.onAcceptSync(from, message);
        this.#forwardBuffered();
        return;
      case 'acceptDecide':
        this.#follower.onAcceptDecide(from, message);
        return;
      case 'decide':
        this.#follower.onDecide(from, message);
        return;
      default:
        unreachable(message);
    }
  }

  #appendEntries(entries: readonly E[]): void {
    this.#leader?.append(entries.map((entry) => ({ kind: 'entry', entry })));
  }

  #proposeBuffered(): void {
    if (this.#buffered.length === 0 || !this.#leads()) return;
    // A stop sign in the adopted log ends the configuration: what waits can only go into the next one.
    if (this.#state.pendingStopSign !== undefined) return;
    this.#appendEntries(this.#takeBuffered());
  }

  #forwardBuffered(): void {
    const { phase, promise, role } = this.#state;
    if (this.#buffered.length === 0 || role !== 'follower' || phase !== 'accept') return;
    this.#state.send(promise.pid, { kind: 'proposalForward', entries: this.#takeBuffered() });
  }

  #takeBuffered(): E[] {
    const entries = this.#buffered;
    this.#buffered = [];
    return entries;
  }
}
