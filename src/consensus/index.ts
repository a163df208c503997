export type {
  CallOptions,
  ConsensusDriver,
  LeaderState,
  LeadershipStream,
  Lease,
} from './consensus-driver.js';
export { DEFAULT_CALL_TIMEOUT_MS } from './consensus-driver.js';
export type { ConsensusErrorCode, ConsensusErrorDetails } from './consensus-error.js';
export { CONSENSUS_ERROR_CODES, ConsensusError } from './consensus-error.js';
export type { Epoch, EpochHalves } from './epoch.js';
export { EPOCH_ZERO, epochFromHalves, epochHalves, toEpoch } from './epoch.js';
export { assertAdvanceInRange, isHighWater, mergeHighWater, PHYSICAL_MS_MAX } from './high-water.js';
