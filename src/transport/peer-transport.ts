import type { Message, NodeId } from '../omnipaxos/index.js';

/** What each side of a connection states of itself before anything else. */
export interface Hello {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly configId: number;
  /** u48. */
  readonly configHash: number;
  /** 16 hexadecimal digits. */
  readonly directoryId: string;
  readonly incarnation: number;
  /** 16 hexadecimal digits. */
  readonly bootId: string;
  /** The node's advertised client endpoint, `host:port` without a scheme, if it serves clients. */
  readonly clientEndpoint?: string;
  /** The node itself, in this life and those before it; then what it remembers of every member. */
  readonly members: readonly HelloMember[];
}

/** One member's identity as a node remembers it. */
export interface HelloMember {
  readonly nodeId: NodeId;
  readonly directoryId: string;
  readonly incarnation: number;
  readonly bootId: string;
}

/** The verdict on a peer's Hello. A refusal is told to the peer, with its reason, before the connection is closed. */
export type Admission = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** What a transport asks of the node that it serves, and tells it. Handlers must not throw; they run one at a time. */
export interface PeerTransportHandlers<E, S> {
  /** This node's Hello, made anew for each handshake. */
  hello(): Hello;
  /**
   * Judges a peer's Hello. The transport has checked the protocol version, and on an outgoing connection that it reached the
   * node that it wanted. The connection counts only once this resolves with `ok`; it may do durable work. Never rejects.
   */
  admit(hello: Hello): Promise<Admission>;
  /**
   * A connection to this peer is up and admitted: told once for each new connection, before any message of it, and after the
   * end of the older one, if there was one.
   */
  onConnected(peer: Hello): void;
  /** The connection to this peer has ended, and no newer one has taken its place. */
  onDisconnected(nodeId: NodeId): void;
  /** A message of the current connection of its sender. `message.from` is the peer that was admitted, `to` is this node. */
  onMessage(message: Message<E, S>): void;
}

/** Counters of one transport, all since its start. */
export interface PeerTransportStats {
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** Messages not sent because the peer was not connected or its queue was full. */
  readonly messagesDropped: number;
  /** Frames that broke the format; each has closed its connection. */
  readonly malformedFrames: number;
  /** Handshakes refused, by either side. */
  readonly refusals: number;
  readonly connectionsOpened: number;
}

/**
 * Carries messages between the nodes of a cluster.
 *
 * It may lose messages at any time, and does so rather than wait. Over one connection it keeps the order of what it delivers;
 * messages of an older connection are never delivered after a newer one is up.
 */
export interface PeerTransport<E, S> {
  /** Binds and begins to connect. Rejects with a typed error if it cannot bind. To be called once. */
  start(handlers: PeerTransportHandlers<E, S>): Promise<void>;
  /** Sends or drops; never throws, never waits, never changes the message. */
  send(message: Message<E, S>): void;
  stats(): PeerTransportStats;
  /** Closes all connections and frees the port. No handler is called after it was called. Idempotent; never rejects. */
  close(): Promise<void>;
}
