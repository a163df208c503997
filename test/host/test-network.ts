import type { Message, NodeId } from '../../src/omnipaxos/index.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';
import type {
  Hello,
  PeerTransport,
  PeerTransportHandlers,
  PeerTransportStats,
} from '../../src/transport/index.js';

interface Endpoint<E, S> {
  readonly handlers: PeerTransportHandlers<E, S>;
  readonly stats: { -readonly [Key in keyof PeerTransportStats]: PeerTransportStats[Key] };
}

/** Joins the nodes of a test: each message takes one ms of virtual time; nodes can be cut off. */
export class TestNetwork<E, S> {
  readonly #clock: VirtualClock;
  readonly #endpoints = new Map<NodeId, Endpoint<E, S>>();
  readonly #cut = new Set<NodeId>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** From now on, no message of or to this node arrives. */
  cut(nodeId: NodeId): void {
    this.#cut.add(nodeId);
    for (const peer of this.#endpoints.keys()) if (peer !== nodeId) this.#disconnect(nodeId, peer);
  }

  async heal(nodeId: NodeId): Promise<void> {
    this.#cut.delete(nodeId);
    await this.#connectAll(nodeId);
  }

  transport(nodeId: NodeId): PeerTransport<E, S> {
    let endpoint: Endpoint<E, S> | undefined;
    const stats = emptyStats();
    return {
      start: async (handlers) => {
        endpoint = { handlers, stats };
        this.#endpoints.set(nodeId, endpoint);
        await this.#connectAll(nodeId);
      },
      send: (message) => this.#send(message, stats),
      stats: () => stats,
      close: async () => {
        if (endpoint === undefined || this.#endpoints.get(nodeId) !== endpoint) return;
        this.#endpoints.delete(nodeId);
        for (const peer of this.#endpoints.values()) peer.handlers.onDisconnected(nodeId);
      },
    };
  }

  #send(message: Message<E, S>, stats: Endpoint<E, S>['stats']): void {
    const { from, to } = message;
    const sender = this.#endpoints.get(from);
    stats.messagesSent += 1;
    if (this.#isCut(from, to)) return;
    this.#clock.setTimer(1, () => {
      const receiver = this.#endpoints.get(to);
      if (receiver === undefined || this.#isCut(from, to) || this.#endpoints.get(from) !== sender) return;
      receiver.stats.messagesReceived += 1;
      receiver.handlers.onMessage(message);
    });
  }

  async #connectAll(nodeId: NodeId): Promise<void> {
    for (const peer of [...this.#endpoints.keys()]) if (peer !== nodeId) await this.#connect(nodeId, peer);
  }

  async #connect(a: NodeId, b: NodeId): Promise<void> {
    const [one, other] = [this.#endpoints.get(a), this.#endpoints.get(b)];
    if (one === undefined || other === undefined || this.#isCut(a, b)) return;
    const [oneHello, otherHello]: [Hello, Hello] = [one.handlers.hello(), other.handlers.hello()];
    const admissions = await Promise.all([one.handlers.admit(otherHello), other.handlers.admit(oneHello)]);
    if (!admissions.every((admission) => admission.ok)) return;
    one.handlers.onConnected(otherHello);
    other.handlers.onConnected(oneHello);
  }

  #disconnect(a: NodeId, b: NodeId): void {
    this.#endpoints.get(a)?.handlers.onDisconnected(b);
    this.#endpoints.get(b)?.handlers.onDisconnected(a);
  }

  #isCut(a: NodeId, b: NodeId): boolean {
    return this.#cut.has(a) || this.#cut.has(b);
  }
}

function emptyStats(): { -readonly [Key in keyof PeerTransportStats]: PeerTransportStats[Key] } {
  return {
    messagesSent: 0,
    messagesReceived: 0,
    messagesDropped: 0,
    malformedFrames: 0,
    refusals: 0,
    connectionsOpened: 0,
  };
}
