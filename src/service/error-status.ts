import type { ConsensusErrorCode } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import { type KnownLeader, OracleError, type OracleErrorCode } from '../oracle/index.js';
import { GRPC_STATUS, MalformedMessageError } from '../wire/index.js';

/** How a request is refused. Nothing of it tells the client what is inside the server. */
export interface Refusal {
  /** The gRPC status code. */
  readonly status: RefusalStatus;
  /** The text that goes with it. */
  readonly details: string;
  /** The leader that the client should ask instead, if one is known. */
  readonly leader?: KnownLeader | undefined;
}

export type RefusalStatus = (typeof GRPC_STATUS)[
  | 'invalidArgument'
  | 'failedPrecondition'
  | 'unavailable'
  | 'internal'];

const NOT_LEADER: Refusal = {
  status: GRPC_STATUS.failedPrecondition,
  details: 'this node does not lead; ask the leader',
};
const UNAVAILABLE: Refusal = { status: GRPC_STATUS.unavailable, details: 'not available now; try again' };
const INTERNAL: Refusal = { status: GRPC_STATUS.internal, details: 'this node has failed' };

/** The answer to a request beyond the server's limit. */
export const OVERLOADED: Refusal = {
  status: GRPC_STATUS.unavailable,
  details: 'too many requests are under way; try again',
};

/** The one place in which the codes of this package's errors become gRPC codes. */
const BY_CODE: Readonly<Record<OracleErrorCode | ConsensusErrorCode, Refusal>> = {
  not_leader: NOT_LEADER,
  fenced: NOT_LEADER,
  transient: UNAVAILABLE,
  // The node is being stopped; another one will lead, or this one after its restart.
  closed: UNAVAILABLE,
  permanent: INTERNAL,
  advance_out_of_range: INTERNAL,
  stream_in_use: INTERNAL,
};

/**
 * The answer to a request that `error` ended. Its message and cause stay here, except those about the request
 * itself.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof InvalidInputError) {
    return { status: GRPC_STATUS.invalidArgument, details: error.message };
  }
  if (error instanceof MalformedMessageError) {
    return { status: GRPC_STATUS.invalidArgument, details: `not a GetTsRequest: ${error.message}` };
  }
  const refusal = byCode(error);
  return refusal === NOT_LEADER && error instanceof OracleError
    ? { ...refusal, leader: error.leader }
    : refusal;
}

function byCode(error: unknown): Refusal {
  if (!(error instanceof Error) || !('code' in error)) return INTERNAL;
  for (const [code, refusal] of Object.entries(BY_CODE)) {
    if (code === error.code) return refusal;
  }
  return INTERNAL;
}
