import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../runtime/index.js';
import { type Endpoint, formatEndpoint } from '../wire/index.js';
import { TsoServerError } from './tso-server-error.js';

export interface ConnectionListenerOptions {
  readonly endpoint: Endpoint;
  readonly maxConnections: number;
  readonly logger: Logger;
  /** Takes over a connection. */
  readonly onConnection: (socket: Socket) => void;
}

/**
 * One listening socket, and the connections that came through it. The gRPC library could listen by itself; it
 * would then print a failed bind to the console, hide its cause, accept without limit, and not let go of
 * connections that must be cut.
 */
export class ConnectionListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #address: string;

  private constructor({ endpoint, maxConnections, logger, onConnection }: ConnectionListenerOptions) {
    this.#address = formatEndpoint(endpoint);
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      onConnection(socket);
    });
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', (facts) => {
      logger.warn({ ...facts, maxConnections }, 'a connection beyond the limit was closed');
    });
  }

  /**
   * Binds and listens.
   * @throws {TsoServerError} with code `bind_failed`, naming the option and its value.
   */
  static async open(options: ConnectionListenerOptions): Promise<ConnectionListener> {
    const listener = new ConnectionListener(options);
    await listener.#listen(options.endpoint);
    listener.#server.on('error', (error) => {
      options.logger.error({ error }, 'the listening socket has failed');
    });
    return listener;
  }

  /** The `host:port` that was asked for, with the port that was bound. */
  get address(): string {
    return this.#address;
  }

  /** Accepts nothing more from now on. Resolves when the last connection has ended. To be called once. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #listen({ host, port }: Endpoint): Promise<void> {
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        const message = `listen: cannot bind ${this.#address}: ${cause.message}`;
        reject(new TsoServerError('bind_failed', message, { cause }));
      };
      this.#server.once('error', onError);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', onError);
        // A TCP server's address is an AddressInfo while it listens; it is null before and after, and a text
        // only for pipes.
        const bound = this.#server.address() as AddressInfo;
        this.#address = formatEndpoint({ host, port: bound.port });
        resolve();
      });
    });
  }
}
