import { ConsensusError, type Epoch } from '../consensus/index.js';
import type { HighWaterCommand } from '../high-water/index.js';
import type { Deferred } from '../runtime/index.js';

/** A proposal, and the calls that it answers: at least one. */
interface PendingProposal {
  readonly command: HighWaterCommand;
  readonly results: Set<Deferred<number>>;
}

/**
 * The calls that wait for proposals, all of one leadership's life, by the seq of the proposal.
 *
 * Proposals of one leadership are in its log in the order of their seq, so a seq that is folded says of every
 * lower one whether it was folded before or dropped. Ending a wait frees its timer and its abort listener.
 */
export class ProposalWaits {
  /** In ascending order of seq: that is the order in which they are added. */
  readonly #proposals = new Map<number, PendingProposal>();
  #size = 0;

  /** How many calls wait. */
  get size(): number {
    return this.#size;
  }

  /** Begins to wait for a command of this life. Its seq must be above that of every earlier one. */
  add(command: HighWaterCommand, result: Deferred<number>): void {
    this.#proposals.set(command.id.seq, { command, results: new Set([result]) });
    this.#size += 1;
  }

  /** The seq of the first advance of this epoch that is proposed already, is not folded yet, and reaches `atLeast`. */
  advanceReaching(atLeast: number, epoch: Epoch): number | undefined {
    for (const [seq, { command }] of this.#proposals) {
      if (command.kind === 'advance' && command.epoch === epoch && command.atLeast >= atLeast) return seq;
    }
    return undefined;
  }

  /** Begins to wait for a proposal that others wait for already. */
  join(seq: number, result: Deferred<number>): void {
    if (this.#proposals.get(seq)?.results.add(result) !== undefined) this.#size += 1;
  }

  /** Forgets a wait that has ended by itself. */
  remove(seq: number, result: Deferred<number>): void {
    const proposal = this.#proposals.get(seq);
    if (proposal?.results.delete(result) !== true) return;
    this.#size -= 1;
    // Nobody can join what nobody waits for: whether it was ever appended may be unknown.
    if (proposal.results.size === 0) this.#proposals.delete(seq);
  }

  /**
   * The command `seq` has been folded and has taken effect. It ends its own wait, and every earlier one: a
   * barrier is satisfied by any later command, since everything before its call has been folded now; an
   * advance only by its own id, so an earlier one that still waits was dropped.
   */
  folded(seq: number, highWater: number): void {
    for (const [waitingSeq, { command, results }] of this.#proposals) {
      if (waitingSeq > seq) return;
      this.#take(waitingSeq, results);
      const isAnswered = command.kind === 'barrier' || waitingSeq === seq;
      for (const result of results) {
        if (isAnswered) result.resolve(highWater);
        else
          result.reject(new ConsensusError('transient', 'the advance was dropped from the log; try again'));
      }
    }
  }

  /** Ends all waits up to `seq`: it is not known what became of them. */
  endUpTo(seq: number, why: () => ConsensusError): void {
    for (const [waitingSeq, { results }] of this.#proposals) {
      if (waitingSeq > seq) return;
      this.#take(waitingSeq, results);
      for (const result of results) result.reject(why());
    }
  }

  /** Ends all waits. */
  endAll(why: () => ConsensusError): void {
    this.endUpTo(Number.POSITIVE_INFINITY, why);
  }

  #take(seq: number, results: ReadonlySet<unknown>): void {
    this.#proposals.delete(seq);
    this.#size -= results.size;
  }
}
