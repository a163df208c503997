// The contract: what an oracle core needs of consensus.

// Primitives for hosts that carry the high-water in a log of their own.
export * from './apply/index.js';
export { ByteReader, ByteWriter, type Codecs, MalformedError, type ValueCodec } from './codec/index.js';
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
export * from './oracle/index.js';
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
export * from './storage/index.js';
export {
  type PeerTransport,
  TcpPeerTransport,
  type TcpPeerTransportOptions,
  TransportError,
} from './transport/index.js';
