import { ConsensusError } from '../consensus/index.js';
import type { HighWaterCommand } from '../high-water/index.js';
import type { Deferred } from '../runtime/index.js';

interface ProposalWait {
  readonly kind: HighWaterCommand['kind'];
  readonly result: Deferred<number>;
}

/**
 * The calls that wait for their own proposals, all of one leadership's life, by the seq of the proposal.
 *
 * Proposals of one leadership are in its log in the order of their seq, so a seq that is folded says of every
 * lower one whether it was folded before or dropped. Ending a wait frees its timer and its abort listener.
 */
export class ProposalWaits {
  /** In ascending order of seq: that is the order in which they are added. */
  readonly #waits = new Map<number, ProposalWait>();

  get size(): number {
    return this.#waits.size;
  }

  /** Begins to wait for a command of this life. Its seq must be above that of every earlier one. */
  add(command: HighWaterCommand, result: Deferred<number>): void {
    this.#waits.set(command.id.seq, { kind: command.kind, result });
  }

  /** Forgets a wait that has ended by itself. */
  remove(seq: number): void {
    this.#waits.delete(seq);
  }

  /**
   * The command `seq` has been folded and has taken effect. It ends its own wait, and every earlier one: a
   * barrier is satisfied by any later command, since everything before its call has been folded now; an
   * advance only by its own id, so an earlier one that still waits was dropped.
   */
  folded(seq: number, highWater: number): void {
    for (const [waitingSeq, { kind, result }] of this.#waits) {
      if (waitingSeq > seq) return;
      this.#waits.delete(waitingSeq);
      if (kind === 'barrier' || waitingSeq === seq) result.resolve(highWater);
      else result.reject(new ConsensusError('transient', 'the advance was dropped from the log; try again'));
    }
  }

  /** Ends all waits up to `seq`: it is not known what became of them. */
  endUpTo(seq: number, why: () => ConsensusError): void {
    for (const [waitingSeq, { result }] of this.#waits) {
      if (waitingSeq > seq) return;
      this.#waits.delete(waitingSeq);
      result.reject(why());
    }
  }

  /** Ends all waits. */
  endAll(why: () => ConsensusError): void {
    this.endUpTo(Number.POSITIVE_INFINITY, why);
  }
}
