import { TsoracleError } from '../errors/index.js';
import type { Epoch } from './epoch.js';

/**
 * The closed family of a driver's errors.
 *
 * | code | meaning | what to do |
 * | --- | --- | --- |
 * | `not_leader` | this node does not lead (any more); an advance may still have been decided | ask the leader |
 * | `fenced` | a leadership with a higher epoch is known; an advance may still have been decided | step down |
 * | `transient` | not now: a deadline passed, a queue is full, the cluster has no quorum | retry |
 * | `permanent` | it can never succeed on this driver: storage failed, the node was removed | do not retry |
 * | `advance_out_of_range` | `atLeast` is no possible high-water; nothing was proposed | fix the caller |
 * | `stream_in_use` | another leadership stream of this driver is live | release that one first |
 * | `closed` | the driver has been closed | open a new one |
 */
export type ConsensusErrorCode =
  | 'not_leader'
  | 'fenced'
  | 'transient'
  | 'permanent'
  | 'advance_out_of_range'
  | 'stream_in_use'
  | 'closed';

/** All codes of the family, for tables and tests. */
export const CONSENSUS_ERROR_CODES: readonly ConsensusErrorCode[] = [
  'not_leader',
  'fenced',
  'transient',
  'permanent',
  'advance_out_of_range',
  'stream_in_use',
  'closed',
];

/** Facts that travel with a {@link ConsensusError}. */
export interface ConsensusErrorDetails {
  readonly cause?: unknown;
  /** With `fenced`: the higher epoch, if one is known. */
  readonly epoch?: Epoch | undefined;
  /** With `advance_out_of_range`: the value refused. */
  readonly atLeast?: number;
}

/** What a `ConsensusDriver` rejects with, unless its caller's signal aborted the call (then the signal's reason). */
export class ConsensusError extends TsoracleError {
  override readonly name = 'ConsensusError';
  declare readonly code: ConsensusErrorCode;
  /** With `fenced`: the higher epoch, if one is known. */
  readonly epoch: Epoch | undefined;
  /** With `advance_out_of_range`: the value refused. */
  readonly atLeast: number | undefined;

  constructor(code: ConsensusErrorCode, message: string, details: ConsensusErrorDetails = {}) {
    super(code, message, 'cause' in details ? { cause: details.cause } : undefined);
    this.epoch = details.epoch;
    this.atLeast = details.atLeast;
  }

  /**
   * Whether `error` is of this family (and of the given code). It looks at name and code, not at the class, so that it also
   * recognises errors of another copy of this package in the same process.
   */
  static is<Code extends ConsensusErrorCode = ConsensusErrorCode>(
    error: unknown,
    code?: Code,
  ): error is ConsensusError & { readonly code: Code } {
    if (!(error instanceof Error) || error.name !== 'ConsensusError' || !('code' in error)) return false;
    return code === undefined
      ? CONSENSUS_ERROR_CODES.some((known) => known === error.code)
      : error.code === code;
  }
}
