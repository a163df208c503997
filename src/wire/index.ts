export type { Endpoint } from './endpoint.js';
export { formatEndpoint, parseEndpoint } from './endpoint.js';
export type { GetTsRequest } from './get-ts-request.js';
export { decodeGetTsRequest, encodeGetTsRequest } from './get-ts-request.js';
export type { GetTsResponse } from './get-ts-response.js';
export { decodeGetTsResponse, encodeGetTsResponse } from './get-ts-response.js';
export type { LeaderHint } from './leader-hint.js';
export { decodeLeaderHint, encodeLeaderHint } from './leader-hint.js';
export { MalformedMessageError } from './malformed-message-error.js';
export {
  GET_TS_COUNT_MAX,
  GET_TS_PATH,
  GRPC_STATUS,
  isGetTsCount,
  LEADER_HINT_TRAILER,
} from './tso-service.js';
