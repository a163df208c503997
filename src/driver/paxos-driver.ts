import {
  assertAdvanceInRange,
  type CallOptions,
  type ConsensusDriver,
  ConsensusError,
  type Epoch,
  type LeadershipStream,
  toEpoch,
} from '../consensus/index.js';
import { parseInput, unreachable } from '../errors/index.js';
import type { AppliedEvent, HighWaterCommand, ProposalId } from '../high-water/index.js';
import { type Clock, type Deferred, deferWithDeadline, silentLogger, systemClock } from '../runtime/index.js';
import { applyPathDead, closed, lossOfLeadership, notLeader } from './call-errors.js';
import { checkCallTimeout } from './call-timeout.js';
import { claimHostLife, type HostLife } from './host-life.js';
import { LeadershipChannel } from './leadership-channel.js';
import { type PaxosDriverOptions, paxosDriverLimitsSchema } from './paxos-driver-options.js';
import type { PaxosHighWaterHost, ProposeResult } from './paxos-high-water-host.js';
import { ProposalWaits } from './proposal-waits.js';

/**
 * The consensus driver on a replicated log: an advance is one entry of the log (or shares a pending one that
 * reaches as far), a load is one barrier in it.
 * Each is answered in the turn in which that very entry is folded, if this node still leads at the epoch of
 * the call then.
 *
 * Whatever a call waits for, it ends in exactly one of these, and leaves no timer and no listener behind:
 *
 * | the call | ends with |
 * | --- | --- |
 * | its entry is folded, and this node still leads at the call's epoch | the high-water |
 * | the leadership of its epoch is over | `fenced` with the higher epoch, if one is known, else `not_leader`; at once |
 * | a later proposal of this node is folded, its own advance was dropped | `transient`, at once |
 * | the host's apply path has ended | `permanent`, at once |
 * | its deadline passes, or too many calls wait | `transient` |
 * | its signal is aborted | the signal's reason |
 * | the driver closes | `closed` |
 *
 * After a rejection the entry may still be decided; that is harmless.
 */
export class PaxosDriver implements ConsensusDriver {
  readonly #host: PaxosHighWaterHost;
  readonly #life: HostLife;
  readonly #clock: Clock;
  readonly #callTimeoutMs: number;
  readonly #maxPendingCalls: number;
  readonly #channel: LeadershipChannel;
  /** All of one epoch: {@link #waitsEpoch}. */
  readonly #waits = new ProposalWaits();
  #waitsEpoch: Epoch | undefined;
  #closed = false;
  readonly #onChange = (): void => this.#changed();
  readonly #onApplied = (event: AppliedEvent): void => this.#applied(event);
  readonly #onRestored = (): void => this.#restored();

  /** @throws {InvalidInputError} for a limit out of range, or a host that another driver drives. */
  constructor(options: PaxosDriverOptions) {
    const { host, clock = systemClock, logger = silentLogger } = options;
    const limits = parseInput(paxosDriverLimitsSchema, options, 'PaxosDriver options');
    this.#host = host;
    this.#clock = clock;
    this.#callTimeoutMs = limits.callTimeoutMs;
    this.#maxPendingCalls = limits.maxPendingCalls;
    this.#channel = new LeadershipChannel({ read: () => host.leadership(), logger });
    this.#life = claimHostLife(host);
    host.events.on('change', this.#onChange);
    host.applyState.events.on('applied', this.#onApplied);
    host.applyState.events.on('restored', this.#onRestored);
  }

  /** How many calls wait. */
  get pendingCalls(): number {
    return this.#waits.size;
  }

  /** How many leadership streams were refused because another one was live. */
  get streamsRefused(): number {
    return this.#channel.refused;
  }

  leadershipEvents(): LeadershipStream {
    return this.#channel.open();
  }

  /**
   * One barrier, at the epoch that leads when the call begins: what is folded when it is folded is what it
   * answers.
   */
  async loadHighWater(options: CallOptions = {}): Promise<number> {
    this.#beginCall(options);
    const epoch = this.#leaderEpoch();
    this.#refuseIfLost(epoch);
    return await this.#propose({ kind: 'barrier', epoch, id: this.#takeId() }, options);
  }

  /**
   * One advance. Its epoch is checked and it is proposed in one synchronous step; or it shares the entry of one
   * of the same epoch that is proposed already, is not folded yet, and reaches as far.
   */
  async persistHighWater(atLeast: number, epoch: Epoch, options: CallOptions = {}): Promise<number> {
    assertAdvanceInRange(atLeast);
    toEpoch(epoch);
    this.#beginCall(options);
    this.#leaderEpoch();
    this.#refuseIfLost(epoch);
    this.#endIfLost();
    const seq = this.#waits.advanceReaching(atLeast, epoch);
    if (seq === undefined) {
      return await this.#propose({ kind: 'advance', atLeast, epoch, id: this.#takeId() }, options);
    }
    const result = this.#defer('advance', options);
    this.#waits.join(seq, result);
    return await this.#wait(seq, result);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.events.off('change', this.#onChange);
    this.#host.applyState.events.off('applied', this.#onApplied);
    this.#host.applyState.events.off('restored', this.#onRestored);
    this.#channel.close();
    this.#waits.endAll(closed);
    this.#life.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #beginCall({ signal, timeoutMs = this.#callTimeoutMs }: CallOptions): void {
    checkCallTimeout(timeoutMs);
    signal?.throwIfAborted();
    if (this.#closed) throw closed();
    const failure = this.#host.applyFailure();
    if (failure !== undefined) throw applyPathDead(failure);
    if (this.#waits.size >= this.#maxPendingCalls) {
      throw new ConsensusError('transient', `${this.#maxPendingCalls} calls wait already; try again later`);
    }
  }

  #leaderEpoch(): Epoch {
    const state = this.#host.leadership();
    if (state.role !== 'leader') throw notLeader();
    return state.epoch;
  }

  #refuseIfLost(epoch: Epoch): void {
    const loss = this.#lossOf(epoch);
    if (loss !== undefined) throw loss;
  }

  #takeId(): ProposalId {
    const { directoryId, incarnation } = this.#host.identity;
    return { directoryId, incarnation, seq: this.#life.takeSeq() };
  }

  /**
   * Proposes in the turn of the call, and waits. The wait is there before the proposal, so that no fold can
   * slip between.
   */
  async #propose(command: HighWaterCommand, options: CallOptions): Promise<number> {
    this.#endIfLost();
    const result = this.#defer(command.kind, options);
    this.#waits.add(command, result);
    this.#waitsEpoch = command.epoch;
    const refusal = this.#tryPropose(command);
    if (refusal !== undefined) {
      // At once: nobody may join what was never appended.
      this.#waits.remove(command.id.seq, result);
      result.reject(refusal);
    }
    return await this.#wait(command.id.seq, result);
  }

  #defer(kind: HighWaterCommand['kind'], { signal, timeoutMs }: CallOptions): Deferred<number> {
    return deferWithDeadline<number>({
      clock: this.#clock,
      timeoutMs: timeoutMs ?? this.#callTimeoutMs,
      signal,
      onTimeout: () => new ConsensusError('transient', `a ${kind} was not decided in time; try again`),
    });
  }

  async #wait(seq: number, result: Deferred<number>): Promise<number> {
    try {
      return await result.promise;
    } finally {
      this.#waits.remove(seq, result);
    }
  }

  /** @returns why the command cannot be decided, if the host says so at once. */
  #tryPropose(command: HighWaterCommand): ConsensusError | undefined {
    try {
      return this.#refusalOf(this.#host.propose(command), command.epoch);
    } catch (cause) {
      // A host must not throw here; whether it has appended the command is not known. The call must end all
      // the same.
      return new ConsensusError('permanent', 'the host failed when it was asked to propose', { cause });
    }
  }

  #refusalOf(result: ProposeResult, epoch: Epoch): ConsensusError | undefined {
    if (result.ok) return undefined;
    switch (result.reason) {
      case 'not_leader':
        return this.#lossOf(epoch) ?? notLeader();
      case 'transient':
      case 'permanent':
        return new ConsensusError(result.reason, result.detail);
      default:
        return unreachable(result);
    }
  }

  /**
   * The error of a call whose leadership, that of `epoch`, is over; undefined as long as this node leads at
   * `epoch`.
   */
  #lossOf(epoch: Epoch): ConsensusError | undefined {
    return lossOfLeadership(this.#host.leadership(), this.#host.applyState.epoch, epoch);
  }

  /** Ends all waits if the leadership that they belong to is over. */
  #endIfLost(): void {
    const epoch = this.#waitsEpoch;
    if (epoch === undefined || this.#waits.size === 0 || this.#lossOf(epoch) === undefined) return;
    this.#waits.endAll(() => this.#lossOf(epoch) ?? notLeader());
  }

  #changed(): void {
    this.#channel.changed();
    const failure = this.#host.applyFailure();
    if (failure === undefined) this.#endIfLost();
    else this.#waits.endAll(() => applyPathDead(failure));
  }

  #applied({ command, highWater }: AppliedEvent): void {
    this.#endIfLost();
    if (this.#isOfThisLife(command.id)) this.#waits.folded(command.id.seq, highWater);
  }

  /**
   * The log jumped by a snapshot, which a leader never does within its ballot. What a snapshot covers gets no
   * verdict of its own.
   */
  #restored(): void {
    this.#endIfLost();
    const { directoryId } = this.#host.identity;
    const last = this.#host.applyState.lastFolded(directoryId);
    if (last === undefined || !this.#isOfThisLife({ directoryId, ...last })) return;
    this.#waits.endUpTo(
      last.seq,
      () => new ConsensusError('transient', 'the log jumped over the entry by a snapshot; try again'),
    );
  }

  /** Only proposals of this life answer waits: an earlier life has used the same numbers for other calls. */
  #isOfThisLife(id: ProposalId): boolean {
    const { directoryId, incarnation } = this.#host.identity;
    return id.directoryId === directoryId && id.incarnation === incarnation;
  }
}
