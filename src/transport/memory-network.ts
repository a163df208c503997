import { type Codecs, decodeMessage, encodeMessage } from '../codec/index.js';
import type { Message, NodeId } from '../omnipaxos/index.js';
import type { Clock } from '../runtime/index.js';
import { type MemoryConnection, MemoryEndpoint } from './memory-endpoint.js';
import type { PeerTransport } from './peer-transport.js';
import { TransportError } from './transport-error.js';

/** What a {@link MemoryNetwork} is made of. */
export interface MemoryNetworkOptions<E, S> {
  /** Messages and connections take their time by this clock: whoever owns it decides when each of them arrives. */
  readonly clock: Pick<Clock, 'setTimer'>;
  /**
   * With codecs, each copy of a message passes through bytes on its way, so that nothing is shared by reference; a message that they refuse
   * throws out of `send`. Without them, the receiver gets the sender's very object.
   */
  readonly codecs?: Codecs<E, S>;
  /**
   * What becomes of a message: after how many ms each copy of it arrives; none means that it is lost. Copies that arrive at the same
   * time keep their order. `bytes` is how long it is, or 0 without codecs. Default: one copy after 1 ms.
   */
  readonly route?: (message: Message<E, S>, bytes: number) => readonly number[];
  /** Sees every message as its sender hands it over, whatever becomes of it. */
  readonly onSend?: (message: Message<E, S>) => void;
  /**
   * Delivers what was sent over a connection that has ended since, even to a later life of the receiver: no
   * transport may do so, and the protocol bears it, as long as no life of the receiver is forgotten. A
   * function is asked by receiver. Default false: such messages are lost.
   */
  readonly deliversLate?: boolean | ((to: NodeId) => boolean);
}

/** How long it takes to connect, in ms. */
const CONNECT_MS = 5;
/** How long it takes until the end of a process is noticed, in ms. */
const LOSS_MS = 1;
/** After how long nodes try again of which one has refused the other, in ms. */
const REFUSED_MS = 200;

/**
 * A network inside one process, for tests and simulations. Handshakes, admission and connections are as over
 * TCP; links can be cut in either direction; and messages do what {@link MemoryNetworkOptions.route} says,
 * also what TCP would not do to them (loss, copies and reordering within a connection). Deterministic, as far
 * as its clock and its options are.
 */
export class MemoryNetwork<E, S> {
  readonly #options: MemoryNetworkOptions<E, S>;
  readonly #endpoints = new Map<NodeId, MemoryEndpoint<E, S>>();
  /** One-way links that are cut, as {@link linkKey}. */
  readonly #cut = new Set<string>();
  /** Connections of which one end only knows that they have ended. */
  readonly #halfOpen = new WeakSet<MemoryConnection>();
  #connectionsOpened = 0;

  constructor(options: MemoryNetworkOptions<E, S>) {
    this.#options = options;
  }

  /**
   * The transport of one process of this node. A node may have any number of them, one after the other.
   * @param frozenForMs for simulations: how long that process stands still from now, in ms.
   */
  transport(nodeId: NodeId, frozenForMs: () => number = () => 0): PeerTransport<E, S> {
    const endpoint: MemoryEndpoint<E, S> = new MemoryEndpoint<E, S>(nodeId, frozenForMs, {
      attach: () => this.#attach(endpoint),
      send: (message) => this.#send(endpoint, message),
      detach: () => this.#detach(endpoint),
    });
    return {
      start: (handlers) => endpoint.start(handlers),
      send: (message) => endpoint.send(message),
      stats: () => endpoint.stats(),
      close: async () => endpoint.end(),
    };
  }

  /** Cuts or heals one direction of a link. What is on its way still arrives; the connection stays, as TCP's would for a while. */
  setLink(from: NodeId, to: NodeId, isUp: boolean): void {
    if (!isUp) {
      this.#cut.add(linkKey(from, to));
      return;
    }
    this.#cut.delete(linkKey(from, to));
    this.#connectSoon(from, to);
  }

  /** Cuts or heals both directions of every link between this node and those that run. */
  isolate(nodeId: NodeId, isIsolated: boolean): void {
    for (const peer of this.#endpoints.keys()) {
      if (peer === nodeId) continue;
      this.setLink(nodeId, peer, !isIsolated);
      this.setLink(peer, nodeId, !isIsolated);
    }
  }

  /** Heals every link. */
  heal(): void {
    this.#cut.clear();
    for (const a of this.#endpoints.keys()) {
      for (const b of this.#endpoints.keys()) if (a < b) this.#connectSoon(a, b);
    }
  }

  /** Breaks the connection between two nodes, which both are told; a new one comes by itself while the link is up. */
  flap(a: NodeId, b: NodeId): void {
    const connection = this.#endpoints.get(a)?.connections.get(b);
    if (connection !== undefined) {
      this.#endpoints.get(a)?.disconnected(b, connection);
      this.#endpoints.get(b)?.disconnected(a, connection);
    }
    this.#connectSoon(a, b);
  }

  /**
   * Breaks the connection between two nodes, and only `knowing` is told: to the other one it is open, and
   * what it sends is lost, until a new connection takes its place, `durationMs` later at the earliest.
   * @returns false if they are not connected.
   */
  halfOpen(knowing: NodeId, other: NodeId, durationMs: number): boolean {
    const connection = this.#endpoints.get(knowing)?.connections.get(other);
    if (connection === undefined || this.#halfOpen.has(connection)) return false;
    this.#halfOpen.add(connection);
    this.#endpoints.get(knowing)?.disconnected(other, connection);
    this.#connectSoon(knowing, other, durationMs);
    return true;
  }

  /**
   * The process of this node has ended without a word: none of its handlers is called any more, and its peers
   * see their connections end.
   */
  kill(nodeId: NodeId): void {
    this.#endpoints.get(nodeId)?.end();
  }

  #attach(endpoint: MemoryEndpoint<E, S>): void {
    const { nodeId } = endpoint;
    if (this.#endpoints.has(nodeId)) {
      throw new TransportError(
        'bind_failed',
        `a process of node ${nodeId} runs already: close or kill it first`,
      );
    }
    this.#endpoints.set(nodeId, endpoint);
    for (const peer of this.#endpoints.keys()) this.#connectSoon(nodeId, peer);
  }

  #detach(endpoint: MemoryEndpoint<E, S>): void {
    if (this.#endpoints.get(endpoint.nodeId) !== endpoint) return;
    this.#endpoints.delete(endpoint.nodeId);
    for (const [peer, connection] of endpoint.connections) {
      const other = this.#endpoints.get(peer);
      if (other === undefined) continue;
      this.#after(LOSS_MS, other, () => {
        other.disconnected(endpoint.nodeId, connection);
        this.#connectSoon(endpoint.nodeId, peer);
      });
    }
  }

  #send(endpoint: MemoryEndpoint<E, S>, message: Message<E, S>): boolean {
    const { codecs, onSend, route } = this.#options;
    onSend?.(message);
    const connection = endpoint.connections.get(message.to);
    if (connection === undefined || this.#isCut(message.from, message.to)) return false;
    if (this.#halfOpen.has(connection)) return true;
    const bytes = codecs === undefined ? undefined : encodeMessage(message, codecs);
    for (const delayMs of route?.(message, bytes?.length ?? 0) ?? [1]) {
      this.#options.clock.setTimer(delayMs, () => {
        const copy = codecs === undefined || bytes === undefined ? message : decodeMessage(bytes, codecs);
        this.#arrive(copy, connection);
      });
    }
    return true;
  }

  #arrive(message: Message<E, S>, connection: MemoryConnection): void {
    const receiver = this.#endpoints.get(message.to);
    if (receiver === undefined) return;
    if (receiver.frozenForMs() > 0) {
      this.#options.clock.setTimer(receiver.frozenForMs(), () => this.#arrive(message, connection));
      return;
    }
    const isLate = receiver.connections.get(message.from) !== connection;
    const { deliversLate = false } = this.#options;
    const isDelivered =
      !isLate || (typeof deliversLate === 'boolean' ? deliversLate : deliversLate(message.to));
    if (isDelivered) receiver.received(message);
  }

  #connectSoon(a: NodeId, b: NodeId, delayMs = CONNECT_MS): void {
    if (a === b) return;
    this.#options.clock.setTimer(delayMs, () => {
      const left = this.#endpoints.get(a);
      const right = this.#endpoints.get(b);
      if (left === undefined || right === undefined || !this.#canConnect(left, right)) return;
      const frozenForMs = Math.max(left.frozenForMs(), right.frozenForMs());
      if (frozenForMs > 0) this.#connectSoon(a, b, frozenForMs);
      else void this.#handshake(left, right);
    });
  }

  async #handshake(left: MemoryEndpoint<E, S>, right: MemoryEndpoint<E, S>): Promise<void> {
    const leftHello = left.handshake.hello();
    const rightHello = right.handshake.hello();
    const [leftAdmits, rightAdmits] = await Promise.all([
      left.handshake.admit(rightHello),
      right.handshake.admit(leftHello),
    ]);
    if (!this.#canConnect(left, right)) return;
    if (!leftAdmits.ok || !rightAdmits.ok) {
      left.refused();
      right.refused();
      this.#connectSoon(left.nodeId, right.nodeId, REFUSED_MS);
      return;
    }
    const connection: MemoryConnection = { order: this.#connectionsOpened++ };
    left.join(right.nodeId, connection);
    right.join(left.nodeId, connection);
    left.connected(rightHello, connection);
    right.connected(leftHello, connection);
  }

  /** Whether both run, without a connection to each other, and the link is up both ways. */
  #canConnect(left: MemoryEndpoint<E, S>, right: MemoryEndpoint<E, S>): boolean {
    return (
      !left.isClosed &&
      !right.isClosed &&
      !this.#isConnected(left, right.nodeId) &&
      !this.#isConnected(right, left.nodeId) &&
      !this.#isCut(left.nodeId, right.nodeId) &&
      !this.#isCut(right.nodeId, left.nodeId)
    );
  }

  /** A half-open connection gives way to a new one. */
  #isConnected(endpoint: MemoryEndpoint<E, S>, peer: NodeId): boolean {
    const connection = endpoint.connections.get(peer);
    return connection !== undefined && !this.#halfOpen.has(connection);
  }

  #isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.size > 0 && this.#cut.has(linkKey(from, to));
  }

  /** Runs `run` after `delayMs`, and after the receiver's process has stopped standing still. */
  #after(delayMs: number, receiver: MemoryEndpoint<E, S>, run: () => void): void {
    this.#options.clock.setTimer(delayMs, () => {
      const frozenForMs = receiver.frozenForMs();
      if (frozenForMs > 0) this.#after(frozenForMs, receiver, run);
      else run();
    });
  }
}

function linkKey(from: NodeId, to: NodeId): string {
  return `${from}>${to}`;
}
