import type { AcceptSync, HeartbeatReply, PromiseMessage, SequenceNumber, SyncToken } from './messages.js';

/** Where a leader stands with one follower. */
export type FollowerStanding =
  /** Its promise is awaited. */
  | 'unpromised'
  /** It has promised; the read quorum is awaited. */
  | 'promised'
  /** An AcceptSync was sent for its promise; it is in a session. */
  | 'synced'
  /** It has promised somebody else; nothing is sent until it asks by PrepareReq. */
  | 'struck';

/** What was sent to, and heard from, a follower at the start of a resend period. */
interface RepairMark {
  readonly sentIdx: number;
  readonly sentDecidedIdx: number;
  readonly heardAcceptedIdx: number;
  readonly heardDecidedIdx: number;
}

/** What a leader knows of one follower in one ballot. */
export class FollowerProgress<E, S> {
  standing: FollowerStanding = 'unpromised';
  /** The highest index that this follower has accepted in this ballot; it stays true whatever happens to the session. */
  acceptedIdx = 0;
  #promise: PromiseMessage<E, S> | undefined;
  #acceptSync: AcceptSync<E, S> | undefined;
  #session = 0;
  #counter = 0;
  #sentIdx = 0;
  #sentDecidedIdx = 0;
  #heardAcceptedIdx = 0;
  #heardDecidedIdx = 0;
  #mark: RepairMark | undefined;

  /** The promise in force; undefined as long as none was made. */
  get promise(): PromiseMessage<E, S> | undefined {
    return this.#promise;
  }

  /** The answer to the promise in force, once it was given. */
  get acceptSync(): AcceptSync<E, S> | undefined {
    return this.#acceptSync;
  }

  get sentIdx(): number {
    return this.#sentIdx;
  }

  get sentDecidedIdx(): number {
    return this.#sentDecidedIdx;
  }

  /** How a Promise with this token compares with the last one of this follower. */
  compareToken(token: SyncToken): number {
    const last = this.#promise?.syncToken;
    if (last === undefined) return 1;
    return token.incarnation - last.incarnation || token.counter - last.counter;
  }

  /** Takes a promise that is newer than the last one. */
  takePromise(promise: PromiseMessage<E, S>): void {
    this.#promise = promise;
    this.#acceptSync = undefined;
    this.standing = 'promised';
  }

  /** Begins a session with this AcceptSync, which brings the follower up to `sentIdx`. */
  beginSession(acceptSync: AcceptSync<E, S>, sentIdx: number): void {
    this.#acceptSync = acceptSync;
    this.#session = acceptSync.seqNum.session;
    this.#counter = acceptSync.seqNum.counter;
    this.#sentIdx = sentIdx;
    this.#sentDecidedIdx = acceptSync.decidedIdx;
    this.#mark = undefined;
    this.standing = 'synced';
  }

  /** The next place in the session, for a message that brings the follower up to these indexes. */
  nextSequenceNumber(sentIdx: number, sentDecidedIdx: number): SequenceNumber {
    this.#sentIdx = sentIdx;
    this.#sentDecidedIdx = sentDecidedIdx;
    this.#counter += 1;
    return { session: this.#session, counter: this.#counter };
  }

  /** What a heartbeat reply tells of this follower's log, as it stands in its memory. */
  hear(reply: HeartbeatReply): void {
    this.#heardAcceptedIdx = reply.acceptedIdx;
    this.#heardDecidedIdx = reply.decidedIdx;
  }

  /**
   * At the end of a resend period: whether the follower is behind what had been sent at the period's start and has not moved since. Opens the next
   * period.
   */
  isStuck(): boolean {
    const mark = this.#mark;
    this.#mark = {
      sentIdx: this.#sentIdx,
      sentDecidedIdx: this.#sentDecidedIdx,
      heardAcceptedIdx: this.#heardAcceptedIdx,
      heardDecidedIdx: this.#heardDecidedIdx,
    };
    if (mark === undefined) return false;
    return (
      (this.#heardAcceptedIdx < mark.sentIdx && this.#heardAcceptedIdx === mark.heardAcceptedIdx) ||
      (this.#heardDecidedIdx < mark.sentDecidedIdx && this.#heardDecidedIdx === mark.heardDecidedIdx)
    );
  }
}
