import { connect, createServer, type Server } from 'node:net';
import type { Address } from './address.js';
import type { SocketFactory, SocketListener } from './socket-factory.js';

/**
 * How many bytes a socket takes before it asks to wait, whatever the Node version's own default: what it has taken must leave within
 * `stallTimeoutMs`, so this bounds how slow a link may be.
 */
export const SOCKET_HIGH_WATER_MARK_BYTES = 16 * 1_024;

/** Plain TCP: neither encrypted nor authenticated. */
export const plainSocketFactory: SocketFactory = {
  isSecure: false,
  connect: ({ host, port }, onReady) => {
    // The socket hands its options on to the stream that it is; the types of `connect` do not name this one.
    const options = { host, port, noDelay: true, highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES };
    return connect(options, onReady);
  },
  listen: (address, { onSocket, onError }) =>
    listen(
      createServer({ noDelay: true, highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES }, onSocket),
      address,
      onError,
    ),
  contradicts: () => undefined,
};

function listen(
  server: Server,
  { host, port }: Address,
  onError: (error: Error) => void,
): Promise<SocketListener> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.removeListener('error', reject);
      server.on('error', onError);
      resolve({
        address: { host, port: boundPort(server, port) },
        close: () => new Promise((closed) => server.close(() => closed())),
      });
    });
  });
}

/** The port that the system has chosen, if it was asked to. */
function boundPort(server: Server, port: number): number {
  const bound = server.address();
  return bound === null || typeof bound === 'string' ? port : bound.port;
}
