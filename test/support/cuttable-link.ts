import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A way over TCP to one listener that can be cut as a cable can: the ends stay connected and hear nothing. It takes
 * connections at `127.0.0.1:port`.
 */
export class CuttableLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  /** @param targetPort where connections lead to, on this machine. */
  static async open(targetPort: number): Promise<CuttableLink> {
    const link = new CuttableLink(targetPort);
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject);
      link.#server.listen(0, '127.0.0.1', resolve);
    });
    return link;
  }

  private constructor(targetPort: number) {
    this.#server = createServer((near) => {
      this.#keep(near);
      if (this.#isCut) return;
      const far = connect({ host: '127.0.0.1', port: targetPort });
      this.#keep(far);
      this.#forward(near, far);
      this.#forward(far, near);
    });
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    return address.port;
  }

  /** From now on no byte arrives, in either direction; new connections are taken and hear nothing. */
  cut(): void {
    this.#isCut = true;
  }

  /** New connections lead through again. Those from before are reset: what went over them meanwhile is lost. */
  heal(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => this.#sockets.delete(socket));
    // An error is followed by 'close'.
    socket.on('error', () => {});
  }

  #forward(from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => {
      if (!this.#isCut) to.write(chunk);
    });
    from.once('close', () => {
      if (!this.#isCut) to.destroy();
    });
  }
}
