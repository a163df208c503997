export { ballotArbitrary, nodeIdArbitrary } from './ballot-arbitrary.js';
export { clusterConfigArbitrary } from './cluster-config-arbitrary.js';
export {
  directoryIdArbitrary,
  epochArbitrary,
  highWaterArbitrary,
  highWaterCommandArbitrary,
  highWaterSnapshotArbitrary,
  proposalIdArbitrary,
} from './high-water-arbitrary.js';
export { indexArbitrary, logIndexArbitrary } from './index-arbitrary.js';
export {
  logRecordArbitrary,
  logSyncArbitrary,
  snapshotArbitrary,
  stopSignArbitrary,
  type ValueArbitraries,
} from './log-arbitrary.js';
export {
  type MessageBodyArbitraries,
  messageArbitrary,
  messageBodyArbitraries,
  messageBodyArbitrary,
} from './message-arbitrary.js';
export { type PersistCall, stableHistoryArbitrary } from './stable-history-arbitrary.js';
export { stableWriteArbitrary } from './stable-write-arbitrary.js';
