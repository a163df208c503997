export type { Grant, GrantOptions, GrantRefusal, GrantResult } from './grant.js';
export { Oracle } from './oracle.js';
export { type KnownLeader, OracleError, type OracleErrorCode } from './oracle-error.js';
export type { OracleEvents } from './oracle-events.js';
export { type OracleOptions, type OracleTuning, oracleTuningSchema } from './oracle-options.js';
export type { OracleCounters, OracleState, OracleStatus } from './oracle-state.js';
export {
  compareTimestamps,
  formatTimestamp,
  LOGICAL_BITS,
  LOGICAL_COUNT,
  packTimestamp,
  parseTimestamp,
  type TimestampParts,
  timestampToDate,
  unpackTimestamp,
} from './timestamp.js';
export { BELIEVED_WALL_MS_MAX } from './wall-time.js';
export {
  assertCount,
  type TimestampRange,
  type Window,
  WindowAllocator,
  type WindowAllocatorOptions,
  type WindowExtension,
} from './window-allocator.js';
