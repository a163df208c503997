import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import type { Address } from './address.js';

/** Makes the sockets of a transport: the seam between plain TCP and TLS. */
export interface SocketFactory {
  /** Whether its connections are encrypted and their peers authenticated. */
  readonly isSecure: boolean;
  /** Begins to connect. `onReady` is called when bytes may be written; errors come as the socket's `error` event. */
  connect(address: Address, onReady: () => void): Socket;
  /** A server that gives sockets on which bytes may be written. It does not listen yet. */
  createServer(onSocket: (socket: Socket) => void): Server;
}

/** Plain TCP. */
export const plainSocketFactory: SocketFactory = {
  isSecure: false,
  connect: ({ host, port }, onReady) => netConnect({ host, port, noDelay: true }, onReady),
  createServer: (onSocket) => createServer({ noDelay: true }, onSocket),
};
