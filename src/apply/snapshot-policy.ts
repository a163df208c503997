import { InvalidInputError } from '../errors/index.js';

/** What a predicate of `SnapshotPolicy.when` is told. */
export interface SnapshotQuestion {
  /** How many records the host has folded. */
  readonly appliedIdx: number;
  /** The applied index at which the policy last fired, or was rebased to; below `appliedIdx`. */
  readonly lastFiredIdx: number;
}

/**
 * Says when a host snapshots its state and lets the log below it go.
 *
 * It is asked with the *applied* index, since a snapshot covers what has been folded, not what is decided. It
 * has memory, so each host needs one of its own. It fires at most once for one index, and never before
 * something has been folded since it last fired.
 *
 * ```ts
 * SnapshotPolicy.disabled();
 * SnapshotPolicy.every(1024);
 * SnapshotPolicy.when(({ appliedIdx, lastFiredIdx }) => appliedIdx - lastFiredIdx >= 100 && store.isIdle);
 * ```
 */
export class SnapshotPolicy {
  readonly #isDue: (question: SnapshotQuestion) => boolean;
  /** For logs and status. */
  readonly description: string;
  #lastFiredIdx = 0;

  private constructor(description: string, isDue: (question: SnapshotQuestion) => boolean) {
    this.description = description;
    this.#isDue = isDue;
  }

  /** Never. The log then grows for as long as the host runs, in memory too. */
  static disabled(): SnapshotPolicy {
    return new SnapshotPolicy('disabled', () => false);
  }

  /**
   * As soon as at least `records` more have been folded than when it last fired.
   * @throws {InvalidInputError} unless `records` is a whole number, at least 1.
   */
  static every(records: number): SnapshotPolicy {
    if (!Number.isSafeInteger(records) || records < 1) {
      throw new InvalidInputError('every', records, 'must be a whole number, at least 1');
    }
    return new SnapshotPolicy(
      `every ${records}`,
      (question) => question.appliedIdx - question.lastFiredIdx >= records,
    );
  }

  /** Whenever the predicate says so. It is asked after each chunk of records folded. */
  static when(predicate: (question: SnapshotQuestion) => boolean): SnapshotPolicy {
    return new SnapshotPolicy('when', predicate);
  }

  /** Where the policy last fired, or was rebased to. */
  get lastFiredIdx(): number {
    return this.#lastFiredIdx;
  }

  /**
   * Whether to snapshot now. If so, the policy has fired: a snapshot that then fails is due again only when
   * the policy next fires, so that a failure that lasts is not repeated at every step. What a predicate
   * throws passes through; the policy has not fired then.
   */
  fire(appliedIdx: number): boolean {
    const lastFiredIdx = this.#lastFiredIdx;
    if (appliedIdx <= lastFiredIdx || !this.#isDue({ appliedIdx, lastFiredIdx })) return false;
    this.#lastFiredIdx = appliedIdx;
    return true;
  }

  /**
   * Makes the policy count from here: after recovery, so that a restart is not followed by a needless
   * snapshot, and when the log has been compacted otherwise.
   */
  rebase(appliedIdx: number): void {
    this.#lastFiredIdx = appliedIdx;
  }
}
