// The contract: what an oracle core needs of consensus.

// Primitives for hosts that carry the high-water in a log of their own.
export * from './apply/index.js';
export {
  ByteReader,
  ByteWriter,
  type Codecs,
  encodedBytes,
  MalformedError,
  type ValueCodec,
} from './codec/index.js';
export * from './consensus/index.js';

// Drivers, and the port that a host of the Paxos driver implements.
export {
  FileDriver,
  type FileDriverOptions,
  type FollowedLeader,
  type HostIdentity,
  type InitFileDriverOptions,
  initFileDriver,
  LeadershipChannel,
  type LeadershipChannelOptions,
  MemoryDriver,
  type MemoryDriverOptions,
  PaxosDriver,
  type PaxosDriverOptions,
  type PaxosHighWaterHost,
  type PaxosHighWaterHostEvents,
  type ProposeResult,
} from './driver/index.js';
export { InvalidInputError, TsoracleError } from './errors/index.js';
export * from './high-water/index.js';
// A host that replicates nothing but the high-water.
export * from './host/index.js';
// What a node is made of.
export {
  type NodeLeadership,
  type NodeStatus,
  PaxosNode,
  type PaxosNodeOptions,
  type StopReason,
} from './node/index.js';
// The oracle: timestamps over any driver.
export {
  BELIEVED_WALL_MS_MAX,
  compareTimestamps,
  formatTimestamp,
  type Grant,
  type GrantOptions,
  type GrantRefusal,
  type GrantResult,
  type KnownLeader,
  LOGICAL_BITS,
  LOGICAL_COUNT,
  Oracle,
  type OracleCounters,
  OracleError,
  type OracleErrorCode,
  type OracleEvents,
  type OracleOptions,
  type OracleState,
  type OracleStatus,
  packTimestamp,
  parseTimestamp,
  type TimestampParts,
  type TimestampRange,
  timestampToDate,
  unpackTimestamp,
  type Window,
  WindowAllocator,
  type WindowAllocatorOptions,
  type WindowExtension,
} from './oracle/index.js';
// Seams to the world.
export {
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
  type Timer,
} from './runtime/index.js';
// Where a node keeps what it must not forget.
export {
  type CrashOptions,
  type DataDirectoryReport,
  type DirectoryId,
  type DirectorySeams,
  type FileStatus,
  type FileSystem,
  type InitDataDirectoryOptions,
  type InjectedFailure,
  initDataDirectory,
  inspectDataDirectory,
  Journal,
  type MemoryCall,
  MemoryDisk,
  type MemoryDiskOptions,
  type MemoryStorageOptions,
  nodeFileSystem,
  type OpenFile,
  type OpenJournalOptions,
  type OpenMode,
  openJournal,
  openMemoryStorage,
  type PeerIdentity,
  type ProcessIdentity,
  type ProcessInfo,
  readDataDirectory,
  STORAGE_ERROR_CODES,
  type Storage,
  StorageCorruptError,
  StorageError,
  type StorageErrorCode,
  type StorageIdentity,
  StorageIoError,
} from './storage/index.js';
export {
  type PeerTransport,
  TcpPeerTransport,
  type TcpPeerTransportOptions,
  TransportError,
} from './transport/index.js';
