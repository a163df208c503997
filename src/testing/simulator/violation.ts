import { TsoracleError } from '../../errors/index.js';

/** A promise of the system was broken in a simulated world. `code` is `'invariant_violated'`. */
export class InvariantViolation extends TsoracleError {
  override readonly name = 'InvariantViolation';
  /** The invariant, in words. */
  readonly invariant: string;
  /** What was seen. */
  readonly detail: string;

  constructor(invariant: string, detail: string) {
    super('invariant_violated', `${invariant}: ${detail}`);
    this.invariant = invariant;
    this.detail = detail;
  }
}
