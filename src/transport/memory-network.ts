import { type Codecs, decodeMessage, encodeMessage } from '../codec/index.js';
import type { Message, NodeId } from '../omnipaxos/index.js';
import type { Clock } from '../runtime/index.js';
import type { Hello, PeerTransport, PeerTransportHandlers } from './peer-transport.js';

/** What a {@link MemoryNetwork} is made of. */
export interface MemoryNetworkOptions<E, S> {
  /** Messages and connections take their time by this clock. */
  readonly clock: Pick<Clock, 'setTimer'>;
  /** Every message passes through bytes on its way, so that nothing is shared by reference. */
  readonly codecs: Codecs<E, S>;
  /**
   * What becomes of a message: after how many ms each copy of it arrives; none means that it is lost. Copies that arrive at the same
   * time keep their order. Default: one copy after 1 ms.
   */
  readonly route?: (message: Message<E, S>) => readonly number[];
  /** Sees every message as its sender hands it over, whatever becomes of it. */
  readonly onSend?: (message: Message<E, S>) => void;
}

interface Endpoint<E, S> {
  readonly nodeId: NodeId;
  readonly handlers: PeerTransportHandlers<E, S>;
  readonly connected: Set<NodeId>;
  /** How long this process stands still from now; what arrives waits as long. */
  readonly frozenForMs: () => number;
  isClosed: boolean;
}

const CONNECT_MS = 5;
const RECONNECT_MS = 20;

/**
 * A network inside one process, for tests and simulations: handshakes, admission and connections as over TCP, links that can be cut in either
 * direction, and messages that do what {@link MemoryNetworkOptions.route} says, also what TCP would not do to them.
 */
export class MemoryNetwork<E, S> {
  readonly #options: MemoryNetworkOptions<E, S>;
  readonly #endpoints = new Map<NodeId, Endpoint<E, S>>();
  readonly #cut = new Set<string>();

  constructor(options: MemoryNetworkOptions<E, S>) {
    this.#options = options;
  }

  /**
   * The transport of one process of this node.
   * @param frozenForMs for simulations: how long that process stands still from now.
   */
  transport(nodeId: NodeId, frozenForMs: () => number = () => 0): PeerTransport<E, S> {
    let endpoint: Endpoint<E, S> | undefined;
    const stats = {
      messagesSent: 0,
      messagesReceived: 0,
      messagesDropped: 0,
      malformedFrames: 0,
      refusals: 0,
      connectionsOpened: 0,
    };
    return {
      start: async (handlers) => {
        endpoint = {
          nodeId,
          handlers: {
            ...handlers,
            onMessage: (message) => {
              stats.messagesReceived += 1;
              handlers.onMessage(message);
            },
            onConnected: (peer) => {
              stats.connectionsOpened += 1;
              handlers.onConnected(peer);
            },
          },
          connected: new Set(),
          frozenForMs,
          isClosed: false,
        };
        this.#endpoints.set(nodeId, endpoint);
        for (const peer of this.#endpoints.keys()) this.#connectSoon(nodeId, peer);
      },
      send: (message) => {
        if (endpoint !== undefined && this.#send(endpoint, message)) stats.messagesSent += 1;
        else stats.messagesDropped += 1;
      },
      stats: () => ({ ...stats }),
      close: async () => {
        if (endpoint !== undefined) this.#close(endpoint);
      },
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

  /** Cuts or heals both directions of every link of this node. */
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
    for (const a of this.#endpoints.keys())
      for (const b of this.#endpoints.keys()) if (a < b) this.#connectSoon(a, b);
  }

  /** Breaks the connection between two nodes; it comes back by itself while the link is up. */
  flap(a: NodeId, b: NodeId): void {
    for (const [nodeId, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const endpoint = this.#endpoints.get(nodeId);
      if (endpoint?.connected.delete(peer)) endpoint.handlers.onDisconnected(peer);
    }
    this.#connectSoon(a, b);
  }

  /** The process of this node has ended without a word: nothing is delivered to it, and its peers see their connections end. */
  kill(nodeId: NodeId): void {
    const endpoint = this.#endpoints.get(nodeId);
    if (endpoint !== undefined) this.#close(endpoint);
  }

  #close(endpoint: Endpoint<E, S>): void {
    if (endpoint.isClosed) return;
    endpoint.isClosed = true;
    const { nodeId } = endpoint;
    if (this.#endpoints.get(nodeId) === endpoint) this.#endpoints.delete(nodeId);
    for (const peer of endpoint.connected) {
      const other = this.#endpoints.get(peer);
      if (!other?.connected.delete(nodeId)) continue;
      this.#options.clock.setTimer(1, () => {
        if (!other.isClosed && !other.connected.has(nodeId)) other.handlers.onDisconnected(nodeId);
      });
    }
  }

  #send(endpoint: Endpoint<E, S>, message: Message<E, S>): boolean {
    const { codecs, onSend, route } = this.#options;
    if (endpoint.isClosed) return false;
    onSend?.(message);
    if (!endpoint.connected.has(message.to) || this.#cut.has(linkKey(message.from, message.to))) return false;
    const delaysMs = route === undefined ? [1] : route(message);
    if (delaysMs.length === 0) return true;
    const bytes = encodeMessage(message, codecs);
    for (const delayMs of delaysMs) this.#arriveAfter(message.to, bytes, delayMs);
    return true;
  }

  #arriveAfter(to: NodeId, bytes: Uint8Array, delayMs: number): void {
    this.#options.clock.setTimer(delayMs, () => {
      const endpoint = this.#endpoints.get(to);
      if (endpoint === undefined) return;
      const frozenForMs = endpoint.frozenForMs();
      if (frozenForMs > 0) this.#arriveAfter(to, bytes, frozenForMs);
      else endpoint.handlers.onMessage(decodeMessage(bytes, this.#options.codecs));
    });
  }

  #connectSoon(a: NodeId, b: NodeId, delayMs = CONNECT_MS): void {
    if (a === b) return;
    this.#options.clock.setTimer(delayMs, () => {
      const left = this.#endpoints.get(a);
      const right = this.#endpoints.get(b);
      if (left === undefined || right === undefined || left.connected.has(b)) return;
      if (this.#cut.has(linkKey(a, b)) || this.#cut.has(linkKey(b, a))) return;
      const frozenForMs = Math.max(left.frozenForMs(), right.frozenForMs());
      if (frozenForMs > 0) this.#connectSoon(a, b, frozenForMs);
      else void this.#handshake(left, right);
    });
  }

  async #handshake(left: Endpoint<E, S>, right: Endpoint<E, S>): Promise<void> {
    const leftHello = left.handlers.hello();
    const rightHello = right.handlers.hello();
    const [leftAdmits, rightAdmits] = await Promise.all([
      left.handlers.admit(rightHello),
      right.handlers.admit(leftHello),
    ]);
    if (left.isClosed || right.isClosed || left.connected.has(right.nodeId)) return;
    if (!leftAdmits.ok || !rightAdmits.ok) {
      this.#connectSoon(left.nodeId, right.nodeId, RECONNECT_MS * 10);
      return;
    }
    connected(left, rightHello);
    connected(right, leftHello);
  }
}

function connected<E, S>(endpoint: Endpoint<E, S>, peer: Hello): void {
  endpoint.connected.add(peer.nodeId);
  endpoint.handlers.onConnected(peer);
}

function linkKey(from: NodeId, to: NodeId): string {
  return `${from}>${to}`;
}
