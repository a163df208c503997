import { type Ballot, ballotsEqual, compareBallots, type NodeId } from './ballot.js';
import type { LogSync } from './log-record.js';
import type {
  AcceptDecide,
  AcceptSync,
  Decide,
  Prepare,
  PromiseMessage,
  SequenceNumber,
} from './messages.js';
import type { PaxosState } from './paxos-state.js';

/** Where a message stands in the session that a follower is in. */
type SequenceVerdict = 'next' | 'old' | 'gap';

/** The follower's half of Sequence Paxos (OmniPaxos, EuroSys 2023, section 4). */
export class Follower<E, S> {
  readonly #state: PaxosState<E, S>;
  #promiseCounter = 0;
  /** The last Promise made, as long as its AcceptSync is awaited. */
  #sentPromise: PromiseMessage<E, S> | undefined;
  #session: SequenceNumber | undefined;
  /** The ballot whose AcceptSync was taken last, in this life. */
  #syncedBallot: Ballot | undefined;
  /** Whether records were accepted, or a question asked, since the last Accepted. */
  #owesAccepted = false;

  constructor(state: PaxosState<E, S>) {
    this.#state = state;
  }

  /** Whether this node has synchronised, in this life, with the leader of its promise. */
  get isSynced(): boolean {
    return this.#syncedBallot !== undefined && ballotsEqual(this.#syncedBallot, this.#state.promise);
  }

  /**
   * Takes a Prepare: promises it if it is above our promise, or equal to it while our session with its leader is over or broken.
   * @returns whether a higher ballot than before was promised.
   */
  onPrepare(from: NodeId, prepare: Prepare): boolean {
    const state = this.#state;
    const order = compareBallots(prepare.n, state.promise);
    if (order < 0) {
      state.send(from, { kind: 'notAccepted', n: state.promise });
      return false;
    }
    if (order > 0) {
      state.raisePromise(prepare.n);
      state.role = 'follower';
      this.#promiseTo(from, prepare);
      return true;
    }
    if (state.phase === 'prepare') {
      if (this.#sentPromise !== undefined) state.sendAfterWrites(from, this.#sentPromise);
    } else {
      this.#promiseTo(from, prepare);
    }
    return false;
  }

  onAcceptSync(from: NodeId, message: AcceptSync<E, S>): void {
    const state = this.#state;
    if (!this.#isOfPromise(from, message.n)) return;
    // An AcceptSync is awaited in phase prepare only, as the answer to the last Promise.
    const awaited = this.#sentPromise?.syncToken;
    // A late copy of an older AcceptSync of this ballot would cut records that were acknowledged since.
    if (
      awaited === undefined ||
      message.syncToken.incarnation !== awaited.incarnation ||
      message.syncToken.counter !== awaited.counter
    ) {
      return;
    }
    const refusal = state.log.refuseSync(message.logSync);
    if (refusal !== undefined) {
      state.violation(from, 'an AcceptSync must not reach below decidedIdx or beyond acceptedIdx', refusal);
      return;
    }
    this.#applySync(message);
    state.phase = 'accept';
    this.#session = message.seqNum;
    this.#sentPromise = undefined;
    this.#syncedBallot = message.n;
    this.#owesAccepted = true;
  }

  onAcceptDecide(from: NodeId, message: AcceptDecide<E>): void {
    if (!this.#isOfPromise(from, message.n) || !this.#takeNext(message.seqNum)) return;
    this.#state.append(message.records);
    this.#state.raiseDecided(message.decidedIdx);
    this.#owesAccepted = true;
  }

  onDecide(from: NodeId, message: Decide): void {
    if (!this.#isOfPromise(from, message.n) || !this.#takeNext(message.seqNum)) return;
    this.#state.raiseDecided(message.decidedIdx);
  }

  /** A new connection to `pid`: what was sent over the old one may be lost. */
  reconnected(pid: NodeId): void {
    const state = this.#state;
    if (state.role === 'follower' && state.hasPromised && pid === state.promise.pid) this.#endSession();
    state.send(pid, { kind: 'prepareReq', n: state.promise });
  }

  /** Gives up the session and calls for a new Prepare. */
  recover(): void {
    this.#endSession();
    this.#requestPrepare();
  }

  /** A new configuration is entered: nothing of a session goes on. */
  reset(): void {
    this.#session = undefined;
    this.#sentPromise = undefined;
    this.#syncedBallot = undefined;
    this.#owesAccepted = false;
  }

  /** Takes up a hand-over, if this follower is in a session with the leader of ballot n. */
  acceptsHandOver(n: Ballot): boolean {
    const { phase, promise, role } = this.#state;
    return role === 'follower' && phase === 'accept' && ballotsEqual(n, promise);
  }

  /** A resend period has passed. */
  resend(): void {
    const state = this.#state;
    if (state.phase === 'prepare' && this.#sentPromise !== undefined) {
      state.sendAfterWrites(state.promise.pid, this.#sentPromise);
    } else if (state.phase === 'recover') {
      this.#requestPrepare();
    } else if (state.phase === 'accept' && state.log.acceptedIdx > state.log.decidedIdx) {
      this.#owesAccepted = true;
    }
  }

  /** Before a batch is taken: one Accepted for all that was accepted in it. */
  flush(): void {
    const state = this.#state;
    if (this.#owesAccepted && state.role === 'follower' && state.phase === 'accept') {
      state.sendAfterWrites(state.promise.pid, {
        kind: 'accepted',
        n: state.promise,
        acceptedIdx: state.log.acceptedIdx,
      });
    }
    this.#owesAccepted = false;
  }

  #applySync(message: AcceptSync<E, S>): void {
    const { log, output } = this.#state;
    const decidedBefore = log.decidedIdx;
    log.applySync(message.logSync);
    this.#state.acceptedRound = message.n;
    log.decide(Math.min(message.decidedIdx, log.acceptedIdx));
    output.write({
      kind: 'sync',
      acceptedRound: message.n,
      logSync: message.logSync,
      decidedIdx: log.decidedIdx,
    });
    if (log.decidedIdx > decidedBefore) output.fact({ kind: 'decided', decidedIdx: log.decidedIdx });
  }

  /** Whether a message of ballot n is of our promise; otherwise its sender is told, or asked for a Prepare. */
  #isOfPromise(from: NodeId, n: Ballot): boolean {
    const state = this.#state;
    const order = compareBallots(n, state.promise);
    if (order < 0) state.send(from, { kind: 'notAccepted', n: state.promise });
    else if (order > 0) state.send(from, { kind: 'prepareReq', n: state.promise });
    return order === 0 && state.role === 'follower';
  }

  /** Moves the session on to `seqNum` if that is its next; a gap ends the session. */
  #takeNext(seqNum: SequenceNumber): boolean {
    if (this.#state.phase !== 'accept' || this.#session === undefined) return false;
    const verdict = judge(this.#session, seqNum);
    if (verdict === 'gap') this.recover();
    if (verdict !== 'next') return false;
    this.#session = seqNum;
    return true;
  }

  #endSession(): void {
    this.#state.phase = 'recover';
    this.#session = undefined;
    this.#sentPromise = undefined;
  }

  #requestPrepare(): void {
    for (const peer of this.#state.peers)
      this.#state.send(peer, { kind: 'prepareReq', n: this.#state.promise });
  }

  #promiseTo(from: NodeId, prepare: Prepare): void {
    const state = this.#state;
    const { log } = state;
    state.phase = 'prepare';
    this.#session = undefined;
    this.#promiseCounter += 1;
    const logSync = this.#logSyncFor(prepare);
    this.#sentPromise = {
      kind: 'promise',
      n: prepare.n,
      syncToken: { incarnation: state.incarnation, counter: this.#promiseCounter },
      nAccepted: state.acceptedRound,
      decidedIdx: log.decidedIdx,
      acceptedIdx: log.acceptedIdx,
      compactedIdx: log.compactedIdx,
      ...(logSync === undefined ? {} : { logSync }),
      previousPromise: state.previousPromise,
      msSinceLowerBallotReply: 0,
    };
    state.sendAfterWrites(from, this.#sentPromise);
  }

  /** What a leader that is behind us lacks: our log from where it is certain to share it. */
  #logSyncFor(prepare: Prepare): LogSync<E, S> | undefined {
    const { acceptedRound, log } = this.#state;
    const order = compareBallots(acceptedRound, prepare.nAccepted);
    // Who has entered the configuration by a snapshot may know more decided than we have accepted in a higher round.
    if (order > 0) return log.syncFrom(Math.min(prepare.decidedIdx, log.acceptedIdx));
    return order === 0 && log.acceptedIdx > prepare.acceptedIdx
      ? log.syncFrom(prepare.acceptedIdx)
      : undefined;
  }
}

function judge(at: SequenceNumber, seqNum: SequenceNumber): SequenceVerdict {
  if (seqNum.session !== at.session) return seqNum.session > at.session ? 'gap' : 'old';
  if (seqNum.counter === at.counter + 1) return 'next';
  return seqNum.counter > at.counter ? 'gap' : 'old';
}
