export type { GrantedRange } from './granted-range.js';
export { TsoClient } from './tso-client.js';
export { AttemptError, TsoClientError, type TsoClientErrorCode } from './tso-client-error.js';
export type { TsoCallOptions, TsoClientOptions } from './tso-client-options.js';
