import type { Duplex } from 'node:stream';
import { withResolvers } from '../runtime/index.js';

/** The sockets that are open, in any state, so that none is left behind. */
export class SocketSet {
  readonly #open = new Set<Duplex>();
  readonly #allClosed = withResolvers<void>();
  #isEnding = false;

  add(socket: Duplex): void {
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#settle();
    });
  }

  /** Destroys all of them, and resolves once they have closed. No socket is added after it. */
  end(): Promise<void> {
    this.#isEnding = true;
    for (const socket of this.#open) socket.destroy();
    this.#settle();
    return this.#allClosed.promise;
  }

  #settle(): void {
    if (this.#isEnding && this.#open.size === 0) this.#allClosed.resolve();
  }
}
