import { TsoracleError } from '../errors/index.js';

/**
 * The codes of {@link TsoClientError}.
 *
 * | code | meaning | what to do |
 * | --- | --- | --- |
 * | `timeout` | no node has granted anything until the deadline; `cause` is the last failure seen | retry, or look after the cluster |
 * | `closed` | the client has been closed | open a new one |
 * | `too_many_calls` | as many calls as allowed are under way; nothing was sent | slow down, or raise `maxConcurrentCalls` |
 * | `refused` | the server holds the request for wrong | do not retry |
 * | `bad_response` | a server's answer makes no sense: it is none of ours, or broken | do not retry; look after the server |
 * | `order_violation` | a granted timestamp is not above one that this client has returned before | do not retry; the oracle's promise is broken |
 */
export type TsoClientErrorCode =
  | 'timeout'
  | 'closed'
  | 'too_many_calls'
  | 'refused'
  | 'bad_response'
  | 'order_violation';

/**
 * What a `TsoClient` rejects with, unless its caller's signal aborted the call (then the signal's reason).
 */
export class TsoClientError extends TsoracleError {
  override readonly name = 'TsoClientError';
  declare readonly code: TsoClientErrorCode;

  constructor(code: TsoClientErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
  }
}

/**
 * One attempt at one endpoint has failed; the `cause` of a `timeout`. `code` is always `'attempt_failed'`.
 */
export class AttemptError extends TsoracleError {
  override readonly name = 'AttemptError';
  /** The `host:port` that was asked. */
  readonly endpoint: string;
  /** The gRPC status of its answer; undefined if there was none. */
  readonly grpcStatus: number | undefined;

  constructor(
    endpoint: string,
    message: string,
    details: { readonly grpcStatus?: number; readonly cause?: unknown } = {},
  ) {
    super(
      'attempt_failed',
      `${endpoint}: ${message}`,
      'cause' in details ? { cause: details.cause } : undefined,
    );
    this.endpoint = endpoint;
    this.grpcStatus = details.grpcStatus;
  }
}
