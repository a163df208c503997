import type { Duplex } from 'node:stream';
import type { NodeId } from '../omnipaxos/index.js';
import type { Clock, Logger, NextTurn } from '../runtime/index.js';
import { refusalOf } from './hello-refusal.js';
import { type CloseCause, PeerConnection } from './peer-connection.js';
import type { PeerLink } from './peer-link.js';
import type { Admission, Hello } from './peer-transport.js';
import { SocketSet } from './socket-set.js';
import type { TcpSettings } from './tcp-options.js';
import { TroubleLog } from './trouble-log.js';

/** What a connection set asks, and what it tells. */
export interface ConnectionSetHandlers {
  readonly hello: () => Hello;
  readonly admit: (peer: Hello) => Promise<Admission>;
  readonly linkTo: (peerId: NodeId) => PeerLink<PeerConnection> | undefined;
  /** The link to a peer that has called; undefined if it is not listed, and too many of those have called before. */
  readonly linkForCaller: (peerId: NodeId) => PeerLink<PeerConnection> | undefined;
  /**
   * A message's bytes, over an established connection of this peer.
   * @throws {MalformedError} if they are no message of this peer to this node.
   */
  readonly onMessage: (peerId: NodeId, bytes: Uint8Array) => void;
}

/** What a connection set is made of. */
export interface ConnectionSetOptions {
  readonly settings: TcpSettings;
  readonly clock: Clock;
  readonly nextTurn: NextTurn;
  readonly logger: Logger;
  readonly handlers: ConnectionSetHandlers;
}

/** Where a connection comes from. */
interface Origin {
  readonly socket: Duplex;
  /** The node that was dialled; undefined for a caller. */
  readonly dialled: NodeId | undefined;
}

/** All connections of one transport, in any phase: opens them, judges who is at their other end, and leaves none behind. */
export class ConnectionSet {
  readonly #options: ConnectionSetOptions;
  readonly #connections = new Set<PeerConnection>();
  /** Those of them that have called and are not established yet. */
  readonly #pendingCallers = new Set<PeerConnection>();
  readonly #sockets = new SocketSet();
  readonly #strangers: TroubleLog;
  #begun = 0;
  #isStopped = false;
  #malformedFrames = 0;
  #refusals = 0;

  constructor(options: ConnectionSetOptions) {
    this.#options = options;
    this.#strangers = new TroubleLog(options.logger, options.clock);
  }

  /** The order that the next connection will have. */
  get nextOrder(): number {
    return this.#begun;
  }

  get malformedFrames(): number {
    return this.#malformedFrames;
  }

  get refusals(): number {
    return this.#refusals;
  }

  /** Begins to connect to a peer. */
  dial(peerId: NodeId): PeerConnection {
    const { peers, socketFactory } = this.#options.settings;
    const address = peers.get(peerId);
    // Links exist for the peers of the settings only.
    if (address === undefined) throw new RangeError(`node ${peerId} has no address`);
    const socket = socketFactory.connect(address, () => connection.begin());
    const connection = this.#open({ socket, dialled: peerId });
    return connection;
  }

  /** Takes a caller, or turns it away if too many are in the handshake. */
  accept(socket: Duplex): void {
    const { maxPendingCallers } = this.#options.settings.limits;
    if (this.#isStopped || this.#pendingCallers.size >= maxPendingCallers) {
      this.#turnAway(socket, `${maxPendingCallers} callers (maxPendingCallers) are in the handshake`);
      return;
    }
    const connection = this.#open({ socket, dialled: undefined });
    this.#pendingCallers.add(connection);
    connection.begin();
  }

  /** The listener could not take a caller. */
  notAccepted(error: Error): void {
    this.#strangers.tell('error', { reason: error.message }, 'a caller could not be taken');
  }

  /** Ends all connections in this turn; resolves once their sockets have closed. None is opened after it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const connection of [...this.#connections]) connection.close('stopped', 'this node stops');
    await this.#sockets.end();
  }

  /** Ends a caller's socket before it costs anything. */
  #turnAway(socket: Duplex, reason: string): void {
    socket.on('error', () => {});
    this.#sockets.add(socket);
    socket.destroy();
    if (this.#isStopped) return;
    this.#refusals += 1;
    this.#strangers.tell('warn', { reason }, 'a caller was turned away');
  }

  #open(origin: Origin): PeerConnection {
    const { settings, clock, nextTurn, handlers } = this.#options;
    const { nodeId, limits } = settings;
    const { socket } = origin;
    this.#sockets.add(socket);
    const connection: PeerConnection = new PeerConnection({
      socket,
      order: this.#begun,
      nodeId,
      limits,
      clock,
      nextTurn,
      handlers: {
        hello: handlers.hello,
        admit: (peer) => this.#admit(connection, origin, peer),
        establish: (peer) => handlers.linkTo(peer.nodeId)?.establish(connection, peer),
        onEstablished: (peer, generation) => {
          this.#pendingCallers.delete(connection);
          handlers.linkTo(peer.nodeId)?.established(connection, peer, generation);
        },
        onMessage: handlers.onMessage,
        onClosed: (cause, reason) => this.#onClosed(connection, origin, cause, reason),
      },
    });
    this.#begun += 1;
    this.#connections.add(connection);
    return connection;
  }

  async #admit(connection: PeerConnection, { socket, dialled }: Origin, peer: Hello): Promise<Admission> {
    const { settings, handlers } = this.#options;
    const reason =
      refusalOf(peer, { settings, clusterId: handlers.hello().clusterId, dialled }) ??
      settings.socketFactory.contradicts(socket, peer.nodeId);
    if (reason !== undefined) return { ok: false, reason };
    if (dialled === undefined) {
      const link = handlers.linkForCaller(peer.nodeId);
      if (link === undefined) {
        const { limits, nodeId } = settings;
        return {
          ok: false,
          reason: `node ${peer.nodeId} is not a peer of node ${nodeId}, which takes ${limits.maxUnlistedPeers} others (maxUnlistedPeers)`,
        };
      }
      link.called(connection);
    }
    return await handlers.admit(peer);
  }

  #onClosed(connection: PeerConnection, { dialled }: Origin, cause: CloseCause, reason: string): void {
    this.#connections.delete(connection);
    this.#pendingCallers.delete(connection);
    if (cause === 'malformed') this.#malformedFrames += 1;
    if (cause === 'refused') this.#refusals += 1;
    const peerId = dialled ?? connection.claimedPeer?.nodeId;
    const link = peerId === undefined ? undefined : this.#options.handlers.linkTo(peerId);
    if (link !== undefined) link.closed(connection, cause, reason);
    else if (!this.#isStopped) this.#strangers.tell('warn', { reason }, 'a caller was turned away');
  }
}
