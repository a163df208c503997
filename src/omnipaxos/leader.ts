import { type Ballot, ballotsEqual, compareBallots, type NodeId } from './ballot.js';
import { FollowerProgress } from './follower-progress.js';
import type { HandOver } from './hand-over.js';
import type { LogRecord, LogSync } from './log-record.js';
import type { Accepted, HeartbeatReply, NotAccepted, PrepareReq, PromiseMessage } from './messages.js';
import type { PaxosState } from './paxos-state.js';
import { quorumIndex } from './quorum.js';

/** The log that won at the read quorum: whoever accepted in its round shares it up to where both reach. */
interface Winner {
  readonly round: Ballot;
  readonly acceptedIdx: number;
}

/** Something of this node's own that counts once its batch is durable. */
interface OwnClaim {
  readonly writeToken: number;
  readonly acceptedIdx: number;
}

/** The leader's half of Sequence Paxos (OmniPaxos, EuroSys 2023, section 4), for one ballot. */
export class Leader<E, S> {
  readonly ballot: Ballot;
  readonly #state: PaxosState<E, S>;
  readonly #followers: ReadonlyMap<NodeId, FollowerProgress<E, S>>;
  readonly #promiseToken: number;
  #ownPromiseIsDurable = false;
  /** This ballot's own acceptances that are not durable yet. Another ballot's never count here: each leadership has its own Leader. */
  #ownClaims: OwnClaim[] = [];
  #ownAcceptedIdx = 0;
  #winner: Winner | undefined;
  #lastSession = 0;
  /** The ballot whose leader has asked this node to take over. */
  readonly #handedOverBy: Ballot | undefined;
  #handOver: HandOver | undefined;
  #adoptedStopSign = false;

  /**
   * Begins to lead: promises `ballot`, which must be above every promise of this node, and asks all peers for theirs.
   * @param handedOverBy the ballot whose leader has asked for it, if one has.
   */
  constructor(state: PaxosState<E, S>, ballot: Ballot, handedOverBy?: Ballot) {
    this.#state = state;
    this.ballot = ballot;
    this.#handedOverBy = handedOverBy;
    this.#followers = new Map(state.peers.map((peer) => [peer, new FollowerProgress<E, S>()]));
    state.raisePromise(ballot);
    state.role = 'leader';
    state.phase = 'prepare';
    this.#promiseToken = state.output.token;
    for (const peer of state.peers) this.#sendPrepare(peer);
  }

  /**
   * Whether this leader may speak for the cluster: it hands nothing over, and its log did not come with a stop sign. That one can be decided elsewhere already, and the next
   * configuration be led, while this leader does not know it yet.
   */
  get isInCharge(): boolean {
    return this.#state.phase === 'accept' && this.#handOver === undefined && !this.#adoptedStopSign;
  }

  /** The node that this leadership is being handed over to. */
  get handOverTarget(): NodeId | undefined {
    return this.#handOver?.target;
  }

  /** What this leader knows of each follower. */
  get followers(): ReadonlyMap<NodeId, FollowerProgress<E, S>> {
    return this.#followers;
  }

  /** The index up to which this leader's own acceptance, in this ballot, is durable. */
  get ownAcceptedIdx(): number {
    return this.#ownAcceptedIdx;
  }

  onPromise(from: NodeId, message: PromiseMessage<E, S>): void {
    const progress = this.#followers.get(from);
    if (progress === undefined || !ballotsEqual(message.n, this.ballot)) return;
    const order = progress.compareToken(message.syncToken);
    if (order < 0) return;
    if (order === 0) {
      this.#repeatAcceptSync(from, progress);
      return;
    }
    const refusal = this.#refusePromise(message);
    if (refusal !== undefined) {
      this.#state.violation(from, 'a Promise must fit to the Prepare that it answers', refusal);
      return;
    }
    progress.takePromise(message);
    if (this.#state.phase === 'prepare') this.#tryReadQuorum();
    else this.#sync(from, progress, message);
  }

  onAccepted(from: NodeId, message: Accepted): void {
    const progress = this.#followers.get(from);
    if (progress === undefined || !ballotsEqual(message.n, this.ballot) || this.#state.phase !== 'accept')
      return;
    if (message.acceptedIdx > this.#state.log.acceptedIdx) {
      this.#state.violation(
        from,
        'a follower accepts only what its leader has sent',
        `Accepted names ${message.acceptedIdx}, the log here ends at ${this.#state.log.acceptedIdx}`,
      );
      return;
    }
    progress.acceptedIdx = Math.max(progress.acceptedIdx, message.acceptedIdx);
    this.#evaluateDecided();
    this.#askToTakeOver();
  }

  onPrepareReq(from: NodeId, message: PrepareReq): void {
    const progress = this.#followers.get(from);
    // Whoever has promised a higher ballot would refuse this leader's Prepare; outbidding brings it back.
    if (progress === undefined || compareBallots(message.n, this.ballot) > 0) return;
    progress.standing = 'unpromised';
    this.#sendPrepare(from);
  }

  onNotAccepted(from: NodeId, message: NotAccepted): void {
    const progress = this.#followers.get(from);
    if (progress === undefined || compareBallots(message.n, this.ballot) <= 0) return;
    progress.standing = 'struck';
  }

  onHeartbeatReply(from: NodeId, reply: HeartbeatReply): void {
    this.#followers.get(from)?.hear(reply);
  }

  /** Appends to the log; only in phase accept. */
  append(records: readonly LogRecord<E>[]): void {
    this.#state.append(records);
    this.#claimOwn();
  }

  /** Batches up to `writeToken` are durable: this node's own promise and acceptance may count now. */
  persisted(writeToken: number): void {
    if (!this.#ownPromiseIsDurable && this.#promiseToken <= writeToken) {
      this.#ownPromiseIsDurable = true;
      this.#tryReadQuorum();
    }
    const durable = this.#ownClaims.filter((claim) => claim.writeToken <= writeToken);
    if (durable.length === 0) return;
    this.#ownClaims = this.#ownClaims.filter((claim) => claim.writeToken > writeToken);
    for (const claim of durable) this.#ownAcceptedIdx = Math.max(this.#ownAcceptedIdx, claim.acceptedIdx);
    this.#evaluateDecided();
  }

  /** Whether `target` is in a session with this leader. */
  canHandOverTo(target: NodeId): boolean {
    return this.#followers.get(target)?.standing === 'synced';
  }

  /** Gives the leadership up; `target` is asked to take over once it has accepted the whole log. Nothing may be appended from now on. */
  handOver(target: NodeId, ticks: number): void {
    this.#handOver = { target, asked: false, ticksLeft: ticks };
    this.#askToTakeOver();
  }

  /** A tick has passed. @returns whether the time to take over is up: this node may lead again, under a higher ballot only. */
  handOverTick(): boolean {
    if (this.#handOver === undefined) return false;
    this.#handOver.ticksLeft -= 1;
    return this.#handOver.ticksLeft <= 0;
  }

  /** A resend period has passed. */
  resend(): void {
    for (const [peer, progress] of this.#followers) {
      if (progress.standing === 'unpromised') this.#sendPrepare(peer);
      else if (progress.standing === 'synced' && progress.isStuck()) this.#sendAcceptDecide(peer, progress);
    }
  }

  /** Before a batch is taken: brings every follower in a session up to date, with one message each. */
  flush(): void {
    if (this.#state.phase !== 'accept') return;
    const { acceptedIdx, decidedIdx } = this.#state.log;
    for (const [peer, progress] of this.#followers) {
      if (progress.standing !== 'synced') continue;
      if (progress.sentIdx < acceptedIdx) this.#sendAcceptDecide(peer, progress);
      else if (progress.sentDecidedIdx < decidedIdx) {
        const seqNum = progress.nextSequenceNumber(acceptedIdx, decidedIdx);
        this.#state.send(peer, { kind: 'decide', n: this.ballot, seqNum, decidedIdx });
      }
    }
  }

  #askToTakeOver(): void {
    const handOver = this.#handOver;
    if (handOver === undefined || handOver.asked) return;
    if (this.#followers.get(handOver.target)?.acceptedIdx !== this.#state.log.acceptedIdx) return;
    handOver.asked = true;
    this.#state.send(handOver.target, { kind: 'takeLeadership', n: this.ballot });
  }

  #sendPrepare(to: NodeId): void {
    const { acceptedRound, log } = this.#state;
    this.#state.sendAfterWrites(to, {
      kind: 'prepare',
      n: this.ballot,
      decidedIdx: log.decidedIdx,
      nAccepted: acceptedRound,
      acceptedIdx: log.acceptedIdx,
    });
  }

  #sendAcceptDecide(to: NodeId, progress: FollowerProgress<E, S>): void {
    const { acceptedIdx, decidedIdx } = this.#state.log;
    const records = this.#state.log.records(progress.sentIdx);
    const seqNum = progress.nextSequenceNumber(acceptedIdx, decidedIdx);
    this.#state.send(to, { kind: 'acceptDecide', n: this.ballot, seqNum, decidedIdx, records });
  }

  /**
   * A Promise came again: its answer may be lost, so the identical one is sent, and the session that it began goes on. Only if
   * the log has been compacted past what that session has sent, a new one must begin.
   */
  #repeatAcceptSync(to: NodeId, progress: FollowerProgress<E, S>): void {
    const { acceptSync, promise } = progress;
    if (acceptSync !== undefined && progress.sentIdx >= this.#state.log.compactedIdx) {
      progress.standing = 'synced';
      this.#state.send(to, acceptSync);
      return;
    }
    progress.standing = 'promised';
    if (this.#state.phase === 'prepare') this.#tryReadQuorum();
    else if (promise !== undefined) this.#sync(to, progress, promise);
  }

  #refusePromise(message: PromiseMessage<E, S>): string | undefined {
    const { acceptedRound, log } = this.#state;
    if (this.#state.phase === 'accept') {
      // Its log counts no more; only what it shares with ours does, and that cannot reach beyond ours.
      const sharedIdx = this.#keptIdx(message);
      return sharedIdx > log.acceptedIdx
        ? `it shares the log up to ${sharedIdx}, which ends at ${log.acceptedIdx} here`
        : undefined;
    }
    const { logSync } = message;
    if (logSync === undefined) {
      const order = compareBallots(message.nAccepted, acceptedRound);
      return order > 0 || (order === 0 && message.acceptedIdx > log.acceptedIdx)
        ? 'it is more up to date but brings no logSync'
        : undefined;
    }
    if (logSync.syncIdx + logSync.suffix.length !== message.acceptedIdx) {
      return `its logSync ends at ${logSync.syncIdx + logSync.suffix.length}, its acceptedIdx is ${message.acceptedIdx}`;
    }
    return this.#isWithinDecided(message) ? undefined : log.refuseSync(logSync);
  }

  /** Whether a promised log ends within what is decided here: then it is a prefix of that, and brings nothing. */
  #isWithinDecided({ acceptedIdx }: PromiseMessage<E, S>): boolean {
    return acceptedIdx <= this.#state.log.decidedIdx;
  }

  #tryReadQuorum(): void {
    const state = this.#state;
    if (state.phase !== 'prepare') return;
    const promised = [...this.#followers].filter(([, progress]) => progress.standing === 'promised');
    if (promised.length + (this.#ownPromiseIsDurable ? 1 : 0) < state.quorum.read) return;
    const promises = promised.flatMap(([, progress]) => progress.promise ?? []);
    this.#adoptLog(promises);
    state.phase = 'accept';
    this.#adoptedStopSign = state.pendingStopSign !== undefined;
    state.output.fact({
      kind: 'readQuorum',
      ballot: this.ballot,
      nodes: [...(this.#ownPromiseIsDurable ? [state.pid] : []), ...promised.map(([peer]) => peer)],
      handedOver: this.#wasHandedOver(promises),
    });
    for (const [peer, progress] of promised) {
      if (progress.promise !== undefined) this.#sync(peer, progress, progress.promise);
    }
  }

  /** Whether nobody of the quorum has promised anybody between the leader that has handed over and this one. */
  #wasHandedOver(promises: readonly PromiseMessage<E, S>[]): boolean {
    const by = this.#handedOverBy;
    if (by === undefined) return false;
    const previous = [this.#state.previousPromise, ...promises.map(({ previousPromise }) => previousPromise)];
    return previous.every((promise) => compareBallots(promise, by) <= 0);
  }

  /** Takes over the most recent log of the read quorum, in one durable write: every decided record is in it. */
  #adoptLog(promises: readonly PromiseMessage<E, S>[]): void {
    const { log, output } = this.#state;
    let winner: Winner = { round: this.#state.acceptedRound, acceptedIdx: log.acceptedIdx };
    let logSync: LogSync<E, S> = { suffix: [], syncIdx: log.acceptedIdx };
    for (const promise of promises) {
      const order =
        compareBallots(promise.nAccepted, winner.round) || promise.acceptedIdx - winner.acceptedIdx;
      if (order <= 0 || promise.logSync === undefined) continue;
      winner = { round: promise.nAccepted, acceptedIdx: promise.acceptedIdx };
      // Of a higher round than this node's own log, so that only what is decided of that one counts.
      logSync = this.#isWithinDecided(promise) ? { suffix: [], syncIdx: log.decidedIdx } : promise.logSync;
    }
    const decidedBefore = log.decidedIdx;
    log.applySync(logSync);
    log.decide(
      Math.min(log.acceptedIdx, Math.max(log.decidedIdx, ...promises.map((promise) => promise.decidedIdx))),
    );
    this.#winner = winner;
    this.#state.acceptedRound = this.ballot;
    output.write({ kind: 'sync', acceptedRound: this.ballot, logSync, decidedIdx: log.decidedIdx });
    if (log.decidedIdx > decidedBefore) output.fact({ kind: 'decided', decidedIdx: log.decidedIdx });
    this.#claimOwn();
  }

  /** Begins a session with a follower that has promised. */
  #sync(to: NodeId, progress: FollowerProgress<E, S>, promise: PromiseMessage<E, S>): void {
    const { log } = this.#state;
    this.#lastSession += 1;
    const acceptSync = {
      kind: 'acceptSync',
      n: this.ballot,
      syncToken: promise.syncToken,
      seqNum: { session: this.#lastSession, counter: 0 },
      decidedIdx: log.decidedIdx,
      logSync: log.syncFrom(this.#keptIdx(promise)),
    } as const;
    progress.beginSession(acceptSync, log.acceptedIdx);
    this.#state.send(to, acceptSync);
  }

  /** How much of its log a follower keeps: what it is certain to share with this leader's. */
  #keptIdx(promise: PromiseMessage<E, S>): number {
    if (ballotsEqual(promise.nAccepted, this.ballot)) return promise.acceptedIdx;
    const decidedIdx = Math.max(promise.decidedIdx, promise.compactedIdx);
    if (this.#winner !== undefined && ballotsEqual(promise.nAccepted, this.#winner.round)) {
      // Who has entered the configuration by a snapshot may know more decided than anybody has accepted in its round.
      return Math.max(decidedIdx, Math.min(promise.acceptedIdx, this.#winner.acceptedIdx));
    }
    return decidedIdx;
  }

  #claimOwn(): void {
    this.#ownClaims.push({ writeToken: this.#state.output.token, acceptedIdx: this.#state.log.acceptedIdx });
  }

  #evaluateDecided(): void {
    if (this.#state.phase !== 'accept') return;
    const indexes = [this.#ownAcceptedIdx];
    for (const progress of this.#followers.values()) indexes.push(progress.acceptedIdx);
    this.#state.raiseDecided(quorumIndex(indexes, this.#state.quorum.write));
  }
}
