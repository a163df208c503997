import type { Epoch } from '../consensus/index.js';

/** Consecutive timestamps: `first`, `first + 1n`, ..., `last`. */
export interface GrantedRange {
  readonly first: bigint;
  /** `first + BigInt(count) - 1n`; inclusive. */
  readonly last: bigint;
  /** As many as were asked for. */
  readonly count: number;
  /** The leadership that granted them. */
  readonly epoch: Epoch;
}
