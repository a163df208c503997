import { TsoClientError, type TsoClientErrorCode } from '../../client/index.js';

/** The names of the gRPC status codes, by number. */
const GRPC_STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** The gRPC status that says what each of the client's own errors means. */
const BY_CODE: Readonly<Record<TsoClientErrorCode, string>> = {
  timeout: 'DEADLINE_EXCEEDED',
  closed: 'CANCELLED',
  too_many_calls: 'RESOURCE_EXHAUSTED',
  refused: 'INVALID_ARGUMENT',
  bad_response: 'INTERNAL',
  order_violation: 'DATA_LOSS',
};

/**
 * Under which gRPC status a failed call is counted. The client repeats what can be repeated until its
 * deadline: such a call is counted under the last status that a server gave, and under `DEADLINE_EXCEEDED` if
 * none answered.
 */
export function nameOfError(error: unknown): string {
  if (!(error instanceof TsoClientError)) return 'UNKNOWN';
  const status = error.code === 'timeout' ? grpcStatusOf(error.cause) : undefined;
  return GRPC_STATUS_NAMES[status ?? -1] ?? BY_CODE[error.code];
}

/** The `grpcStatus` of an error of one attempt. */
function grpcStatusOf(cause: unknown): number | undefined {
  const status = cause instanceof Error && 'grpcStatus' in cause ? cause.grpcStatus : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** Whether a client has found by itself that it was granted a timestamp out of order. */
export function isOrderViolation(error: unknown): boolean {
  return error instanceof TsoClientError && error.code === 'order_violation';
}
