export type {
  Admission,
  Hello,
  HelloMember,
  PeerTransport,
  PeerTransportHandlers,
  PeerTransportStats,
} from './peer-transport.js';
