import { decodeMessage, encodeMessage, MalformedError } from '../codec/index.js';
import type { Message, MessageKind, NodeId } from '../omnipaxos/index.js';
import { type Address, formatAddress } from './address.js';
import { ConnectionSet } from './connection-set.js';
import type { PeerConnection } from './peer-connection.js';
import { PeerLink } from './peer-link.js';
import type { PeerTransport, PeerTransportHandlers, PeerTransportStats } from './peer-transport.js';
import type { SocketListener } from './socket-factory.js';
import {
  parseTcpOptions,
  type TcpPeerTransportOptions,
  type TcpSeams,
  type TcpSettings,
  tcpSeams,
} from './tcp-options.js';
import { TransportError } from './transport-error.js';
import { TroubleLog } from './trouble-log.js';

/** They go before, and between the frames of, all other messages: who is late with them is taken for dead. */
const URGENT_KINDS: ReadonlySet<MessageKind> = new Set(['heartbeatRequest', 'heartbeatReply']);

/** What a transport has while it runs. */
interface Running {
  readonly connections: ConnectionSet;
  readonly listening: Promise<SocketListener>;
}

/**
 * Carries messages over TCP, in frames with checksums, over one connection to each peer: see `Handshake` for how one begins, and
 * `PeerLink` for which one is used.
 *
 * Without TLS it binds to and dials loopback addresses only, unless `allowInsecurePeer` is set. Frames that
 * break the format, and peers that are refused, cost their own connection and nothing else.
 */
export class TcpPeerTransport<E, S> implements PeerTransport<E, S> {
  readonly #settings: TcpSettings;
  readonly #seams: TcpSeams<E, S>;
  readonly #links = new Map<NodeId, PeerLink<PeerConnection>>();
  readonly #unsendable: TroubleLog;
  #running: Running | undefined;
  #boundAddress: Address | undefined;
  #closing: Promise<void> | undefined;
  readonly #stats = { messagesSent: 0, messagesReceived: 0, messagesDropped: 0, connectionsOpened: 0 };

  /**
   * @throws {InvalidInputError} naming the option that is out of range.
   * @throws {TransportError} with code `insecure_peer` for plaintext that could leave this machine.
   */
  constructor(options: TcpPeerTransportOptions<E, S>) {
    this.#settings = parseTcpOptions(options);
    this.#seams = tcpSeams(options);
    this.#unsendable = new TroubleLog(this.#seams.logger, this.#seams.clock);
  }

  /** Where it listens, as `host:port`; with the port that the system has chosen, once it is started. */
  get address(): string {
    return formatAddress(this.#boundAddress ?? this.#settings.listen);
  }

  /**
   * Binds, then begins to connect to all peers.
   *
   * Rejects with a {@link TransportError}: `bind_failed` if the address cannot be bound, `transport_used` if it was started or closed
   * before.
   */
  async start(handlers: PeerTransportHandlers<E, S>): Promise<void> {
    if (this.#running !== undefined || this.#closing !== undefined) {
      throw new TransportError('transport_used', 'a transport is started once, and not after it was closed');
    }
    const { listen, peers, socketFactory } = this.#settings;
    const connections = this.#connectionSet(handlers);
    for (const peerId of peers.keys()) this.#links.set(peerId, this.#link(peerId, connections, handlers));
    const listening = socketFactory.listen(listen, {
      onSocket: (socket) => connections.accept(socket),
      onError: (error) => connections.notAccepted(error),
    });
    this.#running = { connections, listening };
    try {
      this.#boundAddress = (await listening).address;
    } catch (cause) {
      throw bindFailed(listen, cause);
    }
    // Those that were stopped meanwhile do not dial.
    for (const link of this.#links.values()) link.dial();
  }

  send(message: Message<E, S>): void {
    if (this.#trySend(message)) this.#stats.messagesSent += 1;
    else this.#stats.messagesDropped += 1;
  }

  /** What has been sent, taken, dropped and refused since the transport was made. */
  stats(): PeerTransportStats {
    const { malformedFrames = 0, refusals = 0 } = this.#running?.connections ?? {};
    return { ...this.#stats, malformedFrames, refusals };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#running === undefined) return;
    const { connections, listening } = this.#running;
    for (const link of this.#links.values()) link.stop();
    const stopped = connections.stop();
    // A bind that has failed has left nothing behind, and start() has told.
    const listener = await listening.catch(() => undefined);
    await Promise.all([stopped, listener?.close()]);
  }

  #connectionSet(handlers: PeerTransportHandlers<E, S>): ConnectionSet {
    return new ConnectionSet({
      settings: this.#settings,
      ...this.#seams,
      handlers: {
        hello: () => handlers.hello(),
        admit: (peer) => handlers.admit(peer),
        linkTo: (peerId) => this.#links.get(peerId),
        linkForCaller: (peerId) => this.#links.get(peerId) ?? this.#linkUnlisted(peerId, handlers),
        onMessage: (peerId, bytes) => {
          const message = this.#decode(peerId, bytes);
          this.#stats.messagesReceived += 1;
          handlers.onMessage(message);
        },
      },
    });
  }

  /** A link to a node whose address is not known: it is there once that node has called. */
  #linkUnlisted(peerId: NodeId, handlers: PeerTransportHandlers<E, S>): PeerLink<PeerConnection> | undefined {
    const { limits, peers } = this.#settings;
    if (this.#running === undefined || this.#links.size - peers.size >= limits.maxUnlistedPeers)
      return undefined;
    const link = this.#link(peerId, this.#running.connections, handlers);
    this.#links.set(peerId, link);
    return link;
  }

  #link(
    peerId: NodeId,
    connections: ConnectionSet,
    handlers: PeerTransportHandlers<E, S>,
  ): PeerLink<PeerConnection> {
    const { clock, random, logger } = this.#seams;
    return new PeerLink({
      limits: this.#settings.limits,
      clock,
      random,
      logger: logger.child({ peer: peerId }),
      connect: this.#settings.peers.has(peerId) ? () => connections.dial(peerId) : undefined,
      nextOrder: () => connections.nextOrder,
      onConnected: (peer) => {
        this.#stats.connectionsOpened += 1;
        handlers.onConnected(peer);
      },
      onDisconnected: () => handlers.onDisconnected(peerId),
    });
  }

  #trySend(message: Message<E, S>): boolean {
    const connection = this.#links.get(message.to)?.current;
    if (connection === undefined) return false;
    const bytes = this.#encode(message);
    return bytes !== undefined && connection.send(bytes, URGENT_KINDS.has(message.body.kind));
  }

  /** The message as bytes, if it can be sent at all. */
  #encode(message: Message<E, S>): Uint8Array | undefined {
    const { maxMessageBytes } = this.#settings.limits;
    const { kind } = message.body;
    let reason = `a message of kind ${kind} is above maxMessageBytes (${maxMessageBytes})`;
    try {
      const bytes = encodeMessage(message, this.#seams.codecs);
      if (bytes.length <= maxMessageBytes) return bytes;
    } catch (error) {
      reason = `a message of kind ${kind} cannot be encoded: ${String(error)}`;
    }
    this.#unsendable.tell('error', { to: message.to, reason }, 'a message was dropped');
    return undefined;
  }

  /** @throws {MalformedError} if the bytes are no message from this peer to this node. */
  #decode(peerId: NodeId, bytes: Uint8Array): Message<E, S> {
    const message = decodeMessage(bytes, this.#seams.codecs);
    if (message.from !== peerId || message.to !== this.#settings.nodeId) {
      throw new MalformedError(`node ${peerId} has sent a message from ${message.from} to ${message.to}`);
    }
    return message;
  }
}

function bindFailed(listen: Address, cause: unknown): TransportError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TransportError(
    'bind_failed',
    `listen: cannot bind to ${formatAddress(listen)} (${reason}): choose an address of this machine and a port that is free`,
    { cause },
  );
}
