export type { TimestampGranter } from './timestamp-granter.js';
export { TsoServer } from './tso-server.js';
export { TsoServerError, type TsoServerErrorCode } from './tso-server-error.js';
export type { TsoServerCloseOptions, TsoServerOptions } from './tso-server-options.js';
