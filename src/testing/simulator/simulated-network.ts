import { type Codecs, decodeMessage, encodeMessage } from '../../codec/index.js';
import type { Message, NodeId } from '../../omnipaxos/index.js';
import type {
  Hello,
  PeerTransport,
  PeerTransportHandlers,
  PeerTransportStats,
} from '../../transport/index.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Scheduler } from './scheduler.js';

/** What the network does to messages; all of it may change at any time. */
export interface NetworkFaults {
  /** The probability that a message is lost. */
  loss: number;
  /** The probability that a message comes twice. */
  duplication: number;
  /** The probability that a message does not keep its place behind earlier ones. */
  reordering: number;
  /** How long a message travels, in ms. */
  readonly delayMs: { min: number; max: number };
}

/** Sees every message as it leaves: the place of checkers. */
export type MessageTap<E, S> = (message: Message<E, S>) => void;

interface Endpoint<E, S> {
  readonly nodeId: NodeId;
  readonly handlers: PeerTransportHandlers<E, S>;
  /** Peers that a connection is up to. */
  readonly connected: Set<NodeId>;
  /** How long the process stands still from now; its messages wait as long. */
  readonly frozenForMs: () => number;
  closed: boolean;
}

const CONNECT_DELAY_MS = 5;
const NO_STATS: PeerTransportStats = {
  messagesSent: 0,
  messagesReceived: 0,
  messagesDropped: 0,
  malformedFrames: 0,
  refusals: 0,
  connectionsOpened: 0,
};

/**
 * The network of a simulated world. It is worse than TCP: within a connection it also loses, duplicates and reorders, and copies of
 * messages may arrive after a reconnection. Every message passes through the byte codec, so that nothing is shared by reference.
 */
export class SimulatedNetwork<E, S> {
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #codecs: Codecs<E, S>;
  readonly #taps: readonly MessageTap<E, S>[];
  readonly #endpoints = new Map<NodeId, Endpoint<E, S>>();
  readonly #cut = new Set<string>();
  /** When the last message on a link that keeps its order arrives. */
  readonly #lastArrivalMs = new Map<string, number>();
  readonly faults: NetworkFaults;
  /** Messages handed to the network so far. */
  messages = 0;

  constructor(
    scheduler: Scheduler,
    random: SeededRandom,
    codecs: Codecs<E, S>,
    faults: NetworkFaults,
    taps: readonly MessageTap<E, S>[],
  ) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#codecs = codecs;
    this.faults = faults;
    this.#taps = taps;
  }

  /** Cuts or heals one direction of a link. What is under way still arrives. */
  setLink(from: NodeId, to: NodeId, up: boolean): void {
    if (up) this.#cut.delete(link(from, to));
    else this.#cut.add(link(from, to));
    if (up) this.#connectSoon(from, to);
  }

  /** Heals every link. */
  healAll(): void {
    this.#cut.clear();
    for (const a of this.#endpoints.keys())
      for (const b of this.#endpoints.keys()) if (a < b) this.#connectSoon(a, b);
  }

  /** Breaks the connection between two nodes; it comes back by itself while the link is up. */
  flap(a: NodeId, b: NodeId): void {
    this.#disconnect(a, b);
    this.#connectSoon(a, b);
  }

  /** The transport of one process. `frozenForMs` tells how long that process stands still from now. */
  transport(nodeId: NodeId, frozenForMs: () => number): PeerTransport<E, S> {
    let endpoint: Endpoint<E, S> | undefined;
    return {
      start: async (handlers) => {
        endpoint = { nodeId, handlers, connected: new Set(), closed: false, frozenForMs };
        this.#endpoints.set(nodeId, endpoint);
        for (const other of this.#endpoints.keys()) if (other !== nodeId) this.#connectSoon(nodeId, other);
      },
      send: (message) => {
        if (endpoint !== undefined && !endpoint.closed) this.#send(endpoint, message);
      },
      stats: () => NO_STATS,
      close: async () => this.kill(nodeId),
    };
  }

  /** The process of this node has ended: nothing is delivered to it, and its peers see their connections end. */
  kill(nodeId: NodeId): void {
    const endpoint = this.#endpoints.get(nodeId);
    if (endpoint === undefined) return;
    endpoint.closed = true;
    this.#endpoints.delete(nodeId);
    for (const peer of endpoint.connected) {
      const other = this.#endpoints.get(peer);
      if (other?.connected.delete(nodeId))
        this.#scheduler.after(1, () => this.#tellDisconnected(other, nodeId));
    }
  }

  #send(endpoint: Endpoint<E, S>, message: Message<E, S>): void {
    for (const tap of this.#taps) tap(message);
    this.messages += 1;
    if (!endpoint.connected.has(message.to) || this.#cut.has(link(message.from, message.to))) return;
    if (this.#random.chance(this.faults.loss)) return;
    const bytes = encodeMessage(message, this.#codecs);
    const copies = this.#random.chance(this.faults.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.#deliverLater(message, bytes, copy > 0);
  }

  #deliverLater(message: Message<E, S>, bytes: Uint8Array, isCopy: boolean): void {
    const { min, max } = this.faults.delayMs;
    const key = link(message.from, message.to);
    let arrivalMs = this.#scheduler.nowMs + this.#random.between(min, max) * (isCopy ? 20 : 1);
    if (!isCopy && !this.#random.chance(this.faults.reordering)) {
      arrivalMs = Math.max(arrivalMs, this.#lastArrivalMs.get(key) ?? 0);
      this.#lastArrivalMs.set(key, arrivalMs);
    }
    this.#arrive(message.to, bytes, arrivalMs - this.#scheduler.nowMs);
  }

  #arrive(to: NodeId, bytes: Uint8Array, delayMs: number): void {
    this.#scheduler.after(delayMs, () => {
      const endpoint = this.#endpoints.get(to);
      if (endpoint === undefined) return;
      const frozenForMs = endpoint.frozenForMs();
      if (frozenForMs > 0) this.#arrive(to, bytes, frozenForMs);
      else endpoint.handlers.onMessage(decodeMessage(bytes, this.#codecs));
    });
  }

  #connectSoon(a: NodeId, b: NodeId): void {
    this.#scheduler.after(CONNECT_DELAY_MS, () => {
      const left = this.#endpoints.get(a);
      const right = this.#endpoints.get(b);
      if (left === undefined || right === undefined || left.connected.has(b)) return;
      if (this.#cut.has(link(a, b)) || this.#cut.has(link(b, a))) return;
      void this.#handshake(left, right);
    });
  }

  async #handshake(left: Endpoint<E, S>, right: Endpoint<E, S>): Promise<void> {
    const leftHello = left.handlers.hello();
    const rightHello = right.handlers.hello();
    const [leftAdmission, rightAdmission] = await Promise.all([
      left.handlers.admit(rightHello),
      right.handlers.admit(leftHello),
    ]);
    if (!leftAdmission.ok || !rightAdmission.ok || left.closed || right.closed) return;
    if (left.connected.has(right.nodeId)) return;
    this.#connected(left, rightHello);
    this.#connected(right, leftHello);
  }

  #connected(endpoint: Endpoint<E, S>, peer: Hello): void {
    endpoint.connected.add(peer.nodeId);
    endpoint.handlers.onConnected(peer);
  }

  #disconnect(a: NodeId, b: NodeId): void {
    for (const [nodeId, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const endpoint = this.#endpoints.get(nodeId);
      if (endpoint?.connected.delete(peer)) endpoint.handlers.onDisconnected(peer);
    }
  }

  #tellDisconnected(endpoint: Endpoint<E, S>, peer: NodeId): void {
    if (!endpoint.closed && !endpoint.connected.has(peer)) endpoint.handlers.onDisconnected(peer);
  }
}

function link(from: NodeId, to: NodeId): string {
  return `${from}>${to}`;
}
