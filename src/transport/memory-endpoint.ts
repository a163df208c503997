import type { Message, NodeId } from '../omnipaxos/index.js';
import type { Hello, PeerTransportHandlers, PeerTransportStats } from './peer-transport.js';
import { TransportError } from './transport-error.js';

/** One connection in a {@link MemoryNetwork}: both ends hold the same one. */
export interface MemoryConnection {
  /** Counts the connections of a network. */
  readonly order: number;
}

/** What an endpoint asks of its network. */
export interface MemoryNetworkPort<E, S> {
  /** @throws {TransportError} with code `bind_failed` if another process of this node runs. */
  attach(): void;
  /** @returns false if the message was dropped here. */
  send(message: Message<E, S>): boolean;
  detach(): void;
}

/** One process in a {@link MemoryNetwork}: behind its transport, and in front of its handlers. */
export class MemoryEndpoint<E, S> {
  readonly nodeId: NodeId;
  /** How long the process stands still from now, in ms: what arrives waits as long. */
  readonly frozenForMs: () => number;
  readonly #network: MemoryNetworkPort<E, S>;
  readonly #connections = new Map<NodeId, MemoryConnection>();
  #handlers: PeerTransportHandlers<E, S> | undefined;
  #isClosed = false;
  readonly #stats = {
    messagesSent: 0,
    messagesReceived: 0,
    messagesDropped: 0,
    malformedFrames: 0,
    refusals: 0,
    connectionsOpened: 0,
  };

  constructor(nodeId: NodeId, frozenForMs: () => number, network: MemoryNetworkPort<E, S>) {
    this.nodeId = nodeId;
    this.frozenForMs = frozenForMs;
    this.#network = network;
  }

  /** Rejects with a {@link TransportError}: `bind_failed` if another process of this node runs, `transport_used` if used before. */
  async start(handlers: PeerTransportHandlers<E, S>): Promise<void> {
    if (this.#handlers !== undefined || this.#isClosed) {
      throw new TransportError('transport_used', 'a transport is started once, and not after it was closed');
    }
    this.#handlers = handlers;
    this.#network.attach();
  }

  send(message: Message<E, S>): void {
    if (!this.#isClosed && this.#network.send(message)) this.#stats.messagesSent += 1;
    else this.#stats.messagesDropped += 1;
  }

  stats(): PeerTransportStats {
    return { ...this.#stats };
  }

  /** Ends the process's part in the network, in this turn. Idempotent. */
  end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#network.detach();
    this.#connections.clear();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The nodes that it is connected to, and over what. */
  get connections(): ReadonlyMap<NodeId, MemoryConnection> {
    return this.#connections;
  }

  /** What it answers in a handshake. */
  get handshake(): Pick<PeerTransportHandlers<E, S>, 'hello' | 'admit'> {
    if (this.#handlers === undefined)
      throw new TransportError('transport_used', 'the transport was not started');
    return this.#handlers;
  }

  /** A connection is there; {@link connected} tells the node. */
  join(nodeId: NodeId, connection: MemoryConnection): void {
    this.#connections.set(nodeId, connection);
  }

  connected(peer: Hello, connection: MemoryConnection): void {
    // What the other end did when it was told may have ended it again.
    if (this.#connections.get(peer.nodeId) !== connection) return;
    this.#stats.connectionsOpened += 1;
    this.#handlers?.onConnected(peer);
  }

  /** This connection has ended; if another one has taken its place, that is no news. */
  disconnected(nodeId: NodeId, connection: MemoryConnection): void {
    if (this.#connections.get(nodeId) !== connection) return;
    this.#connections.delete(nodeId);
    this.#handlers?.onDisconnected(nodeId);
  }

  refused(): void {
    this.#stats.refusals += 1;
  }

  received(message: Message<E, S>): void {
    if (this.#isClosed) return;
    this.#stats.messagesReceived += 1;
    this.#handlers?.onMessage(message);
  }
}
