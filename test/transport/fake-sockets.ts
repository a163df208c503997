import { Duplex } from 'node:stream';
import type { NodeId } from '../../src/omnipaxos/index.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';
import {
  type Address,
  formatAddress,
  type SocketFactory,
  type SocketListenerHandlers,
} from '../../src/transport/index.js';
import { SOCKET_HIGH_WATER_MARK_BYTES } from '../../src/transport/plain-socket-factory.js';

/** How one direction of a connection behaves. */
export interface PipeBehaviour {
  /** ms from one end to the other. */
  latencyMs: number;
  /** How fast bytes leave, in bytes per ms. */
  bytesPerMs: number;
  /** How many bytes the sender's kernel takes before the writer must wait. */
  kernelBytes: number;
}

/** One direction of a connection. Bytes and the end arrive in order; a cut pipe swallows all that enters it. */
class FakePipe {
  readonly #clock: VirtualClock;
  readonly #behaviour: PipeBehaviour;
  readonly #deliver: (chunk: Buffer | null) => void;
  #lastSentMs = 0;
  #lastArrivalMs = 0;
  #kernelBytes = 0;
  #waiting: (() => void)[] = [];
  #lost = false;
  isCut = false;
  /** Changes what passes. */
  tamper: (chunk: Buffer) => Buffer = (chunk) => chunk;

  constructor(clock: VirtualClock, behaviour: PipeBehaviour, deliver: (chunk: Buffer | null) => void) {
    this.#clock = clock;
    this.#behaviour = behaviour;
    this.#deliver = deliver;
  }

  /** `taken` is called when the kernel has room again; never, in a cut pipe that is full. */
  write(chunk: Buffer, taken: () => void): void {
    const { bytesPerMs, kernelBytes, latencyMs } = this.#behaviour;
    this.#kernelBytes += chunk.length;
    if (this.#kernelBytes <= kernelBytes) taken();
    else this.#waiting.push(taken);
    if (this.isCut) return;
    const nowMs = this.#clock.monotonicMs();
    this.#lastSentMs = Math.max(nowMs, this.#lastSentMs) + chunk.length / bytesPerMs;
    this.#clock.setTimer(this.#lastSentMs - nowMs, () => {
      this.#kernelBytes -= chunk.length;
      while (this.#kernelBytes <= kernelBytes && this.#waiting.length > 0) this.#waiting.shift()?.();
    });
    this.#arriveAt(this.#lastSentMs + latencyMs, this.tamper(chunk));
  }

  /** What is on its way is lost, as it may be when a socket is closed with bytes unread. */
  reset(): void {
    this.#lost = true;
    this.end();
  }

  end(): void {
    if (!this.isCut) this.#arriveAt(this.#clock.monotonicMs() + this.#behaviour.latencyMs, null);
  }

  #arriveAt(arrivalMs: number, chunk: Buffer | null): void {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, arrivalMs);
    this.#clock.setTimer(this.#lastArrivalMs - this.#clock.monotonicMs(), () => {
      if (!this.isCut && (chunk === null || !this.#lost)) this.#deliver(chunk);
    });
  }
}

/** One end of a fake connection: behaves as a `net.Socket` as far as a transport looks. */
export class FakeSocket extends Duplex {
  out: FakePipe | undefined;
  /** How many times something was handed to the kernel. */
  writes = 0;

  constructor({ allowHalfOpen = false }: { readonly allowHalfOpen?: boolean } = {}) {
    super({ allowHalfOpen, emitClose: true, highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    this.writes += 1;
    this.out?.write(chunk, taken);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], taken: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', taken);
  }

  override _final(done: () => void): void {
    this.out?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.writableFinished) this.out?.reset();
    done(error);
  }
}

/** A connection that was opened, for tests to look at and to damage. */
export interface FakeLink {
  readonly address: string;
  readonly caller: FakeSocket;
  readonly callee: FakeSocket;
  /** Both directions swallow everything from now on; neither end is told. */
  cut(): void;
}

/** A network of fake sockets on virtual time. */
export class FakeNetwork {
  readonly clock: VirtualClock;
  readonly links: FakeLink[] = [];
  /** Addresses that never answer. */
  readonly blackHoles = new Set<string>();
  /** Draws the behaviour of each direction of a new connection. */
  behaviour: () => PipeBehaviour = () => ({
    latencyMs: 1,
    bytesPerMs: Number.POSITIVE_INFINITY,
    kernelBytes: 2 ** 20,
  });
  readonly #attempts = new Map<string, number>();
  readonly #owners = new WeakMap<Duplex, NodeId>();
  readonly #listeners = new Map<string, SocketListenerHandlers>();

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  /** All ends that have not been destroyed. */
  get openSockets(): FakeSocket[] {
    return this.links.flatMap(({ caller, callee }) => [caller, callee]).filter((socket) => !socket.destroyed);
  }

  /** The connections of which neither end has been destroyed. */
  get liveLinks(): FakeLink[] {
    return this.links.filter(({ caller, callee }) => !caller.destroyed && !callee.destroyed);
  }

  /** How often an address was dialled. */
  attempts(address: string): number {
    return this.#attempts.get(address) ?? 0;
  }

  /** Whether this end's connection is to or from that node. */
  joins(socket: FakeSocket, nodeId: NodeId): boolean {
    return this.links.some(
      ({ caller, callee }) =>
        (caller === socket && this.#owners.get(callee) === nodeId) ||
        (callee === socket && this.#owners.get(caller) === nodeId),
    );
  }

  /** The ends of a node that have not been destroyed. */
  socketsOf(nodeId: NodeId): FakeSocket[] {
    return this.openSockets.filter((socket) => this.#owners.get(socket) === nodeId);
  }

  /** The sockets of one node. */
  factory(changes: Partial<SocketFactory>, nodeId: NodeId): SocketFactory {
    return {
      isSecure: true,
      contradicts: () => undefined,
      connect: (address, onReady) => {
        const socket = this.connect(address, onReady);
        this.#owners.set(socket, nodeId);
        return socket;
      },
      listen: async (address, handlers) => {
        const key = formatAddress(address);
        if (this.#listeners.has(key)) throw new Error(`listen EADDRINUSE: address already in use ${key}`);
        this.#listeners.set(key, {
          ...handlers,
          onSocket: (socket) => {
            this.#owners.set(socket, nodeId);
            handlers.onSocket(socket);
          },
        });
        return {
          address,
          close: async () => void this.#listeners.delete(key),
        };
      },
      ...changes,
    };
  }

  /** One end of a new connection to an address. */
  connect(
    address: Address,
    onReady: () => void,
    options: { readonly allowHalfOpen?: boolean } = {},
  ): FakeSocket {
    const key = formatAddress(address);
    this.#attempts.set(key, this.attempts(key) + 1);
    const caller = new FakeSocket(options);
    this.clock.setTimer(this.behaviour().latencyMs, () => {
      if (this.blackHoles.has(key) || caller.destroyed) return;
      const listener = this.#listeners.get(key);
      if (listener === undefined) {
        caller.destroy(new Error(`connect ECONNREFUSED ${key}`));
        return;
      }
      const callee = new FakeSocket();
      caller.out = this.#pipe(callee);
      callee.out = this.#pipe(caller);
      const { out } = callee;
      this.links.push({
        address: key,
        caller,
        callee,
        cut: () => {
          if (caller.out !== undefined) caller.out.isCut = true;
          out.isCut = true;
        },
      });
      listener.onSocket(callee);
      onReady();
    });
    return caller;
  }

  #pipe(to: FakeSocket): FakePipe {
    return new FakePipe(this.clock, this.behaviour(), (chunk) => {
      if (!to.destroyed) to.push(chunk);
    });
  }
}
