export { CALL_TIMEOUT_MS_MAX } from './call-timeout.js';
export { FileDriver } from './file-driver.js';
export type { FileDriverOptions, InitFileDriverOptions } from './file-driver-options.js';
export { initFileDriver } from './init-file-driver.js';
export type { FileDriverReport } from './inspect-file-driver.js';
export { inspectFileDriver } from './inspect-file-driver.js';
export type { LeadershipChannelOptions } from './leadership-channel.js';
export { LeadershipChannel } from './leadership-channel.js';
export type { FollowedLeader, MemoryDriverOptions } from './memory-driver.js';
export { MemoryDriver } from './memory-driver.js';
export { PaxosDriver } from './paxos-driver.js';
export type { PaxosDriverOptions } from './paxos-driver-options.js';
export { DEFAULT_MAX_PENDING_CALLS, paxosDriverLimitsSchema } from './paxos-driver-options.js';
export type {
  HostIdentity,
  PaxosHighWaterHost,
  PaxosHighWaterHostEvents,
  ProposeResult,
} from './paxos-high-water-host.js';
