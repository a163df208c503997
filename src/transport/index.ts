export { type Address, formatAddress, isLoopback, parseAddress } from './address.js';
export { PROTOCOL_VERSION } from './hello-codec.js';
export { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.js';
export type {
  Admission,
  Hello,
  HelloMember,
  PeerTransport,
  PeerTransportHandlers,
  PeerTransportStats,
} from './peer-transport.js';
export { plainSocketFactory } from './plain-socket-factory.js';
export type { SocketFactory, SocketListener, SocketListenerHandlers } from './socket-factory.js';
export { type TcpLimits, type TcpPeerTransportOptions, tcpLimitsSchema } from './tcp-options.js';
export { TcpPeerTransport } from './tcp-peer-transport.js';
export { TransportError, type TransportErrorCode } from './transport-error.js';
