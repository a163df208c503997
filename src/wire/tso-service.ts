/** The method's path: service `tsoracle.v1.TsoService`, unary method `GetTs`. */
export const GET_TS_PATH = '/tsoracle.v1.TsoService/GetTs';

/** The binary trailer in which a node that does not lead tells who does: an encoded `LeaderHint`. */
export const LEADER_HINT_TRAILER = 'tsoracle-leader-hint-bin';

/** The most timestamps that one request can ask for: all logical values of one ms. */
export const GET_TS_COUNT_MAX = 2 ** 18;

/** Whether a request may ask for `count` timestamps: a whole number within [1, 2^18]. */
export function isGetTsCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= GET_TS_COUNT_MAX;
}

/** The gRPC status codes that this service gives a meaning to; a server may answer with others. */
export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;
