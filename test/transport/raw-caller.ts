import type { FrameKind } from '../../src/transport/frame-codec.js';
import { FrameReader } from '../../src/transport/frame-reader.js';
import { parseAddress } from '../../src/transport/index.js';
import type { FakeNetwork, FakeSocket } from './fake-sockets.js';

/** Calls a node and sends it what a test likes; keeps the frames that come back. */
export class RawCaller {
  readonly kinds: FrameKind[] = [];
  /** The reason of the refusal that came back. */
  refusal = '';
  readonly #socket: FakeSocket;
  readonly #reader = new FrameReader(2 ** 20);
  #isReady = false;
  #unsent: Buffer[] = [];

  /** @param options.allowHalfOpen it does not end its side when the other one does. */
  constructor(network: FakeNetwork, address: string, options: { readonly allowHalfOpen?: boolean } = {}) {
    const onReady = (): void => {
      this.#isReady = true;
      for (const bytes of this.#unsent) this.#socket.write(bytes);
    };
    this.#socket = network.connect(parseAddress(address, 'address'), onReady, options);
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  get isEnded(): boolean {
    return this.#socket.destroyed;
  }

  send(bytes: Buffer): void {
    if (this.#isReady) this.#socket.write(bytes);
    else this.#unsent.push(bytes);
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      this.kinds.push(frame.kind);
      if (frame.kind === 'refused') this.refusal = Buffer.from(frame.payload).toString();
    }
  }
}
