import { isHighWater, PHYSICAL_MS_MAX } from '../consensus/index.js';
import {
  decodeGetTsResponse,
  decodeLeaderHint,
  encodeGetTsRequest,
  formatEndpoint,
  GET_TS_COUNT_MAX,
  GET_TS_PATH,
  type GetTsResponse,
  GRPC_STATUS,
  LEADER_HINT_TRAILER,
  type LeaderHint,
  parseEndpoint,
} from '../wire/index.js';
import type { CheckedHint } from './leader-search.js';
import { NoAnswerError } from './no-answer-error.js';
import { AttemptError } from './tso-client-error.js';
import type { UnaryCallBounds } from './unary-channel.js';
import { binaryHeader, type UnaryReply } from './unary-reply.js';

/** How one attempt at one endpoint has ended. */
export type AttemptOutcome =
  | { readonly kind: 'granted'; readonly response: GetTsResponse }
  /** `hint` is there only if it names an endpoint in a form that may be followed. */
  | { readonly kind: 'notLeader'; readonly hint: CheckedHint | undefined; readonly error: AttemptError }
  /** Another endpoint, or the same one later, may do better. */
  | { readonly kind: 'failed'; readonly error: AttemptError }
  /** It has said nothing until the attempt's time was up. */
  | { readonly kind: 'silent'; readonly error: AttemptError }
  /** The request itself is held for wrong. */
  | { readonly kind: 'refused'; readonly error: AttemptError }
  /** It claims success, and what it says makes no sense. */
  | { readonly kind: 'badResponse'; readonly error: AttemptError };

/** What an attempt is made through; `UnaryChannel` is one. */
export interface CallChannel {
  call(path: string, request: Uint8Array, bounds: UnaryCallBounds): Promise<UnaryReply>;
  close(): Promise<void>;
}

export interface AttemptOptions extends UnaryCallBounds {
  readonly channel: CallChannel;
  readonly endpoint: string;
  readonly count: number;
}

/** Asks one endpoint once. Rejects only with `signal.reason`, if that is aborted. */
export async function attemptGetTs(options: AttemptOptions): Promise<AttemptOutcome> {
  const { channel, endpoint, count } = options;
  let reply: UnaryReply;
  try {
    reply = await channel.call(GET_TS_PATH, encodeGetTsRequest({ count }), options);
  } catch (cause) {
    if (!(cause instanceof NoAnswerError)) throw cause;
    const error = new AttemptError(endpoint, cause.message, { cause });
    return { kind: cause.isSilence ? 'silent' : 'failed', error };
  }
  const { status, details, metadata } = reply;
  const error = new AttemptError(endpoint, details || `gRPC status ${status}`, { grpcStatus: status });
  switch (status) {
    case GRPC_STATUS.ok:
      return readResponse(reply, endpoint, count);
    case GRPC_STATUS.failedPrecondition:
      return { kind: 'notLeader', hint: readHint(binaryHeader(metadata, LEADER_HINT_TRAILER)), error };
    case GRPC_STATUS.invalidArgument:
      return { kind: 'refused', error };
    default:
      return { kind: 'failed', error };
  }
}

function readResponse({ message }: UnaryReply, endpoint: string, count: number): AttemptOutcome {
  const bad = (what: string, cause?: unknown): AttemptOutcome => ({
    kind: 'badResponse',
    error: new AttemptError(endpoint, what, {
      grpcStatus: GRPC_STATUS.ok,
      ...(cause !== undefined && { cause }),
    }),
  });
  if (message === undefined) return bad('the answer is not one uncompressed message');
  let response: GetTsResponse;
  try {
    response = decodeGetTsResponse(message);
  } catch (cause) {
    return bad('the answer is no GetTsResponse', cause);
  }
  const fault = faultOf(response, count);
  return fault === undefined ? { kind: 'granted', response } : bad(fault);
}

/** What is wrong with a grant of `count` timestamps, if anything is. */
function faultOf({ physicalMs, logicalStart, count }: GetTsResponse, asked: number): string | undefined {
  if (count !== asked) return `${count} timestamps were granted instead of ${asked}`;
  if (logicalStart + count > GET_TS_COUNT_MAX) {
    return `${count} timestamps from ${logicalStart} on do not fit into one ms`;
  }
  return isHighWater(physicalMs) ? undefined : `the physical time ${physicalMs} is above ${PHYSICAL_MS_MAX}`;
}

/**
 * A hint in the form in which it may be followed: a scheme-less `host:port` (C06). What cannot be read is as
 * good as no hint.
 */
function readHint(bytes: Uint8Array | undefined): CheckedHint | undefined {
  if (bytes === undefined) return undefined;
  let hint: LeaderHint;
  try {
    hint = decodeLeaderHint(bytes);
  } catch {
    return undefined;
  }
  const endpoint = parseEndpoint(hint.leaderEndpoint ?? '');
  if (endpoint === undefined || endpoint.port === 0) return undefined;
  return { endpoint: formatEndpoint(endpoint), epoch: hint.leaderEpoch };
}
