import { connect, createServer, type Server } from 'node:net';
import type { Address } from './address.js';
import type { SocketFactory, SocketListener } from './socket-factory.js';

/** Plain TCP: neither encrypted nor authenticated. */
export const plainSocketFactory: SocketFactory = {
  isSecure: false,
  connect: ({ host, port }, onReady) => connect({ host, port, noDelay: true }, onReady),
  listen: (address, { onSocket, onError }) =>
    listen(createServer({ noDelay: true }, onSocket), address, onError),
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
