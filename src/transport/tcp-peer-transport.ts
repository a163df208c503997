import type { AddressInfo, Server, Socket } from 'node:net';
import { encodeMessage } from '../codec/index.js';
import { InvalidInputError, parseInput } from '../errors/index.js';
import type { Message, NodeId } from '../omnipaxos/index.js';
import {
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
  type Timer,
} from '../runtime/index.js';
import { type Address, formatAddress, isLoopback, parseAddress } from './address.js';
import { type CloseCause, PeerConnection } from './peer-connection.js';
import type { Hello, PeerTransport, PeerTransportHandlers, PeerTransportStats } from './peer-transport.js';
import { plainSocketFactory, type SocketFactory } from './socket-factory.js';
import { type TcpLimits, type TcpPeerTransportOptions, tcpLimitsSchema } from './tcp-options.js';
import { TransportError } from './transport-error.js';

/** A peer, and how it is reached. */
interface Peer<E, S> {
  readonly nodeId: NodeId;
  readonly address: Address;
  /** The connection in use; a newer one takes its place. */
  current: PeerConnection<E, S> | undefined;
  /** The attempt under way, on the side that dials. */
  dialling: PeerConnection<E, S> | undefined;
  redial: Timer | undefined;
  failures: number;
  /** The last trouble that was logged, so that a repeated one is not logged again. */
  lastTrouble: string | undefined;
}

/**
 * Carries messages over TCP, in frames with checksums (see `docs/wire-format.md`). The node with the lower number dials; every connection
 * begins with a handshake in which each side admits the other.
 *
 * Without TLS it binds to and dials loopback addresses only, unless `allowInsecurePeer` is set.
 */
export class TcpPeerTransport<E, S> implements PeerTransport<E, S> {
  readonly #nodeId: NodeId;
  readonly #listen: Address;
  readonly #limits: TcpLimits;
  readonly #options: TcpPeerTransportOptions<E, S>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #sockets: SocketFactory;
  readonly #peers = new Map<NodeId, Peer<E, S>>();
  /** Every connection that has not ended, in any state. */
  readonly #connections = new Set<PeerConnection<E, S>>();
  #server: Server | undefined;
  #handlers: PeerTransportHandlers<E, S> | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  readonly #stats = {
    messagesSent: 0,
    messagesReceived: 0,
    messagesDropped: 0,
    malformedFrames: 0,
    refusals: 0,
    connectionsOpened: 0,
  };

  /**
   * @throws {InvalidInputError} naming the option that is out of range.
   * @throws {TransportError} with code `insecure_peer` for plaintext that could leave this machine.
   */
  constructor(options: TcpPeerTransportOptions<E, S>) {
    const {
      nodeId,
      listen,
      peers,
      codecs: _codecs,
      clock,
      random,
      logger,
      socketFactory,
      ...limits
    } = options;
    this.#options = options;
    this.#nodeId = nodeId;
    this.#limits = parseInput(tcpLimitsSchema, limits, 'TCP transport options');
    this.#listen = parseAddress(listen, 'listen');
    this.#clock = clock ?? systemClock;
    this.#random = random ?? systemRandom;
    this.#logger = (logger ?? silentLogger).child({ nodeId });
    this.#sockets = socketFactory ?? plainSocketFactory;
    for (const [peerId, text] of peers) {
      if (peerId === nodeId)
        throw new InvalidInputError(`peers.${peerId}`, text, 'must not name this node itself');
      const address = parseAddress(text, `peers.${peerId}`);
      this.#requireLoopback(address, `peers.${peerId}`);
      this.#peers.set(peerId, newPeer(peerId, address));
    }
    this.#requireLoopback(this.#listen, 'listen');
  }

  /** Where it listens, as `host:port`, once it is started. */
  get address(): string {
    const bound = this.#server?.address();
    // A TCP server's address is an AddressInfo while it listens, null otherwise; a string only for pipes.
    const port = (bound as AddressInfo | null | undefined)?.port ?? this.#listen.port;
    return formatAddress({ host: this.#listen.host, port });
  }

  async start(handlers: PeerTransportHandlers<E, S>): Promise<void> {
    if (this.#handlers !== undefined || this.#isClosed) {
      throw new TransportError('transport_used', 'a transport is started once, and not after it was closed');
    }
    this.#handlers = handlers;
    const server = this.#sockets.createServer((socket) => this.#accept(socket));
    this.#server = server;
    await this.#bind(server);
    if (this.#isClosed) return;
    for (const peer of this.#peers.values()) this.#dial(peer);
  }

  send(message: Message<E, S>): void {
    const connection = this.#peers.get(message.to)?.current;
    if (this.#isClosed || connection === undefined) {
      this.#stats.messagesDropped += 1;
      return;
    }
    const bytes = encodeMessage(message, this.#options.codecs);
    if (bytes.length > this.#limits.maxMessageBytes) {
      this.#stats.messagesDropped += 1;
      const { maxMessageBytes } = this.#limits;
      this.#logger.error(
        { to: message.to, kind: message.body.kind, bytes: bytes.length, maxMessageBytes },
        'a message is too large to be sent',
      );
      return;
    }
    const isUrgent = message.body.kind === 'heartbeatRequest' || message.body.kind === 'heartbeatReply';
    if (connection.send(bytes, isUrgent)) this.#stats.messagesSent += 1;
    else this.#stats.messagesDropped += 1;
  }

  stats(): PeerTransportStats {
    return { ...this.#stats };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    for (const peer of this.#peers.values()) peer.redial?.cancel();
    for (const connection of [...this.#connections]) connection.close('stopped', 'this node stops');
    const server = this.#server;
    if (server?.listening === true) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #requireLoopback({ host }: Address, field: string): void {
    if (this.#sockets.isSecure || this.#limits.allowInsecurePeer || isLoopback(host)) return;
    throw new TransportError(
      'insecure_peer',
      `${field}: ${host} is not a loopback address, and peers would talk in plaintext: use TLS, or set allowInsecurePeer for a network that you trust`,
    );
  }

  #bind(server: Server): Promise<void> {
    const { host, port } = this.#listen;
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => {
        reject(
          new TransportError(
            'bind_failed',
            `listen: cannot bind to ${formatAddress(this.#listen)}: ${cause.message}`,
            { cause },
          ),
        );
      });
      server.listen({ host, port }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#logger.error({ error }, 'the listening socket has failed'));
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    this.#connect(socket, undefined).open();
  }

  #dial(peer: Peer<E, S>): void {
    if (
      this.#isClosed ||
      peer.nodeId < this.#nodeId ||
      peer.current !== undefined ||
      peer.dialling !== undefined
    )
      return;
    const socket = this.#sockets.connect(peer.address, () => connection.open());
    const connection = this.#connect(socket, peer.nodeId);
    peer.dialling = connection;
  }

  #redialLater(peer: Peer<E, S>): void {
    const { reconnectMinMs, reconnectMaxMs } = this.#limits;
    const pauseMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(peer.failures, 16));
    peer.failures += 1;
    peer.redial?.cancel();
    // Half of the pause is drawn, so that nodes that lost each other together do not come back together.
    peer.redial = this.#clock.setTimer(pauseMs * (0.5 + this.#random.nextFloat() / 2), () =>
      this.#dial(peer),
    );
  }

  #connect(socket: Socket, expected: NodeId | undefined): PeerConnection<E, S> {
    const connection = new PeerConnection<E, S>({
      socket,
      expected,
      nodeId: this.#nodeId,
      codecs: this.#options.codecs,
      limits: this.#limits,
      clock: this.#clock,
      handlers: {
        hello: () => this.#requireHandlers().hello(),
        admit: (hello) =>
          this.#peers.has(hello.nodeId)
            ? this.#requireHandlers().admit(hello)
            : Promise.resolve({
                ok: false,
                reason: `node ${hello.nodeId} is not a peer of node ${this.#nodeId}`,
              }),
        onUp: (up, peer) => this.#onUp(up, peer),
        onMessage: (from, message) => this.#onMessage(from, message),
        onClosed: (closed, cause, reason) => this.#onClosed(closed, expected, cause, reason),
      },
    });
    this.#connections.add(connection);
    return connection;
  }

  #requireHandlers(): PeerTransportHandlers<E, S> {
    if (this.#handlers === undefined)
      throw new TransportError('transport_used', 'the transport was not started');
    return this.#handlers;
  }

  #onUp(connection: PeerConnection<E, S>, hello: Hello): void {
    const peer = this.#peers.get(hello.nodeId);
    if (peer === undefined || this.#isClosed) return;
    const older = peer.current;
    peer.current = connection;
    if (peer.dialling === connection) peer.dialling = undefined;
    peer.failures = 0;
    peer.lastTrouble = undefined;
    older?.close('replaced', 'a newer connection has taken its place');
    this.#stats.connectionsOpened += 1;
    this.#logger.debug({ peer: hello.nodeId }, 'connected');
    this.#requireHandlers().onConnected(hello);
  }

  #onMessage(connection: PeerConnection<E, S>, message: Message<E, S>): void {
    // What an older connection still delivers after a newer one is up is late, and dropped.
    if (this.#isClosed || this.#peers.get(message.from)?.current !== connection) return;
    this.#stats.messagesReceived += 1;
    this.#requireHandlers().onMessage(message);
  }

  #onClosed(
    connection: PeerConnection<E, S>,
    expected: NodeId | undefined,
    cause: CloseCause,
    reason: string,
  ): void {
    this.#connections.delete(connection);
    if (cause === 'malformed') this.#stats.malformedFrames += 1;
    if (cause === 'refused') this.#stats.refusals += 1;
    for (const peer of this.#peers.values()) {
      const wasCurrent = peer.current === connection;
      if (!wasCurrent && peer.dialling !== connection) continue;
      if (wasCurrent) peer.current = undefined;
      else peer.dialling = undefined;
      if (this.#isClosed) continue;
      this.#logTrouble(peer, cause, reason);
      this.#redialLater(peer);
      if (wasCurrent) this.#requireHandlers().onDisconnected(peer.nodeId);
      return;
    }
    if (expected === undefined && (cause === 'malformed' || cause === 'refused') && !this.#isClosed) {
      this.#logger.warn({ reason }, 'a caller was turned away');
    }
  }

  #logTrouble(peer: Peer<E, S>, cause: CloseCause, reason: string): void {
    if (peer.lastTrouble === reason) return;
    peer.lastTrouble = reason;
    const fields = { peer: peer.nodeId, address: formatAddress(peer.address), reason };
    if (cause === 'malformed' || cause === 'refused') this.#logger.warn(fields, 'a connection was ended');
    else this.#logger.debug(fields, 'a connection has ended');
  }
}

function newPeer<E, S>(nodeId: NodeId, address: Address): Peer<E, S> {
  return {
    nodeId,
    address,
    current: undefined,
    dialling: undefined,
    redial: undefined,
    failures: 0,
    lastTrouble: undefined,
  };
}
