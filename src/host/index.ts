export type { HostHealth, HostStatus, HostStopReason, StandaloneHostEvents } from './host-status.js';
export { describeHostStop } from './host-status.js';
export type { HighWaterNode, ProposingNode } from './node-high-water-host.js';
export { NodeHighWaterHost } from './node-high-water-host.js';
export type { HostJournalOptions, HostTransportOptions, StandaloneHostOpenOptions } from './open-parts.js';
export { StandaloneHost } from './standalone-host.js';
export type {
  StandaloneHostSeams,
  StandaloneHostStartOptions,
  StandaloneHostTuning,
} from './standalone-host-options.js';
export { DEFAULT_SNAPSHOT_EVERY } from './standalone-host-options.js';
