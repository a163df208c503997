import type { Epoch } from '../consensus/index.js';
import { TsoracleError } from '../errors/index.js';

/**
 * | code | meaning | what to do |
 * | --- | --- | --- |
 * | `not_leader` | this node does not lead; `leader` tells who does, if it is known | ask the leader |
 * | `transient` | not now: no lease, the deadline passed, too many calls wait | retry |
 * | `permanent` | this oracle will never serve again; `cause` tells why | do not retry |
 * | `closed` | the oracle has been closed | open a new one |
 */
export type OracleErrorCode = 'not_leader' | 'transient' | 'permanent' | 'closed';

/** The leader as an oracle knows it. */
export interface KnownLeader {
  readonly epoch: Epoch;
  /** The `host:port` of its client service, without a scheme. */
  readonly endpoint?: string;
}

/** What {@link Oracle.grant} rejects with, unless the caller's signal aborted the call or `count` was invalid. */
export class OracleError extends TsoracleError {
  override readonly name = 'OracleError';
  declare readonly code: OracleErrorCode;
  /** With `not_leader`: the leader, if one is known. */
  readonly leader: KnownLeader | undefined;

  constructor(
    code: OracleErrorCode,
    message: string,
    details: { readonly cause?: unknown; readonly leader?: KnownLeader | undefined } = {},
  ) {
    super(code, message, 'cause' in details ? { cause: details.cause } : undefined);
    this.leader = details.leader;
  }
}
