export type {
  Grant,
  GrantOptions,
  GrantRefusal,
  GrantResult,
  OracleCounters,
  OracleEvents,
  OracleState,
  OracleStatus,
} from './oracle.js';
export { Oracle } from './oracle.js';
export { type KnownLeader, OracleError, type OracleErrorCode } from './oracle-error.js';
export { type OracleOptions, type OracleTuning, oracleTuningSchema } from './oracle-options.js';
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
export { assertCount, type TimestampRange, type Window, WindowAllocator } from './window-allocator.js';
