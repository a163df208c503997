import type { Clock, Logger, Random, Timer } from '../runtime/index.js';
import type { CloseCause } from './peer-connection.js';
import type { Hello } from './peer-transport.js';
import { ReconnectBackoff, type ReconnectLimits } from './reconnect-backoff.js';
import { TroubleLog } from './trouble-log.js';

/** A connection, as far as a link is concerned. */
export interface LinkConnection {
  /** Rises with each connection of this transport, in the order in which they were opened. */
  readonly order: number;
  send(message: Uint8Array, isUrgent: boolean): boolean;
  close(cause: CloseCause, reason: string): void;
}

/** What a link is made of. */
export interface PeerLinkOptions<C extends LinkConnection> {
  readonly limits: ReconnectLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Begins to connect to the peer; undefined if it is not known where it is: it must call. */
  readonly connect: (() => C) | undefined;
  /** The order that the next connection will have. */
  readonly nextOrder: () => number;
  readonly onConnected: (peer: Hello) => void;
  readonly onDisconnected: () => void;
}

interface Current<C> {
  readonly connection: C;
  readonly peer: Hello;
  readonly generation: number;
  /** Every connection of a lower order was opened before this one was established. */
  readonly establishedOrder: number;
  readonly sinceMs: number;
}

/**
 * What connects this node to one peer, over all connections that come and go: at most one is current at any time.
 *
 * Both nodes dial, at once and again after each loss, as long as they have no connection; so each of them is back as fast as it can be
 * after its own restart, and it is enough if one can reach the other. Which of several connections is used is decided by the node with the
 * lower id alone, in {@link establish}; it numbers them, and the other one follows the highest number. So they never end up with
 * different ones, or each closing the other's.
 */
export class PeerLink<C extends LinkConnection> {
  readonly #options: PeerLinkOptions<C>;
  readonly #backoff: ReconnectBackoff;
  readonly #troubles: TroubleLog;
  #current: Current<C> | undefined;
  #dialling: C | undefined;
  /** Connections that the peer has begun, in the handshake. */
  readonly #calling = new Set<C>();
  #redial: Timer | undefined;
  #generation = 0;
  #isStopped = false;

  constructor(options: PeerLinkOptions<C>) {
    this.#options = options;
    this.#backoff = new ReconnectBackoff(options.limits, options.random);
    this.#troubles = new TroubleLog(options.logger, options.clock);
  }

  /** The connection in use, if there is one. */
  get current(): C | undefined {
    return this.#current?.connection;
  }

  /** Begins to connect, unless it is connected, connecting, being called or stopped. */
  dial(): void {
    if (this.#isStopped || this.#current !== undefined || this.#dialling !== undefined) return;
    const { connect } = this.#options;
    if (connect === undefined || this.#calling.size > 0) return;
    this.#redial?.cancel();
    this.#redial = undefined;
    this.#dialling = connect();
  }

  /** The peer has said Hello on a connection of its own. As long as that goes on this node does not dial. */
  called(connection: C): void {
    this.#calling.add(connection);
  }

  /**
   * Decides, on the node with the lower id, about a connection on which both have admitted each other.
   * @returns its generation; undefined if it is not to be used: the peer has begun a later life meanwhile, or both have dialled at the same
   *   time and the other connection was first.
   */
  establish(connection: C, peer: Hello): number | undefined {
    const current = this.#current;
    if (current !== undefined) {
      if (peer.incarnation < current.peer.incarnation) return undefined;
      const isSameLife = peer.incarnation === current.peer.incarnation;
      if (isSameLife && connection.order < current.establishedOrder) return undefined;
    }
    this.#generation += 1;
    return this.#generation;
  }

  /** A connection is established: it takes the place of an older one, or is closed if it is the older one itself. */
  established(connection: C, peer: Hello, generation: number): void {
    const older = this.#current;
    this.#calling.delete(connection);
    if (older !== undefined && isOlder(peer, generation, older)) {
      connection.close('replaced', 'a newer connection is used');
      return;
    }
    const { clock, nextOrder, logger, onConnected } = this.#options;
    this.#current = {
      connection,
      peer,
      generation,
      establishedOrder: nextOrder(),
      sinceMs: clock.monotonicMs(),
    };
    if (this.#dialling === connection) this.#dialling = undefined;
    this.#redial?.cancel();
    this.#redial = undefined;
    older?.connection.close('replaced', 'a newer connection has taken its place');
    logger.info({ incarnation: peer.incarnation, generation }, 'connected to a peer');
    onConnected(peer);
  }

  /** A connection to or from the peer has ended, at whatever point. */
  closed(connection: C, cause: CloseCause, reason: string): void {
    const current = this.#current?.connection === connection ? this.#current : undefined;
    if (current !== undefined) this.#lose(current);
    if (this.#dialling === connection) this.#dialling = undefined;
    this.#calling.delete(connection);
    if (this.#isStopped) return;
    this.#tell(cause, reason, current !== undefined);
    if (this.#current === undefined) this.#redialLater();
    if (current !== undefined) this.#options.onDisconnected();
  }

  /** No connection is opened any more. Those that are open are closed by whoever opened them. */
  stop(): void {
    this.#isStopped = true;
    this.#redial?.cancel();
  }

  #lose(current: Current<C>): void {
    this.#current = undefined;
    const { clock, limits } = this.#options;
    // A connection that lasts only moments counts as a failed attempt, or both would connect and lose each other without a pause.
    if (clock.monotonicMs() - current.sinceMs < limits.reconnectMaxMs) return;
    this.#backoff.reset();
    this.#troubles.clear();
  }

  #redialLater(): void {
    if (this.#dialling !== undefined || this.#redial !== undefined) return;
    if (this.#options.connect === undefined) return;
    this.#redial = this.#options.clock.setTimer(this.#backoff.nextMs(), () => {
      this.#redial = undefined;
      this.dial();
    });
  }

  #tell(cause: CloseCause, reason: string, wasCurrent: boolean): void {
    if (cause === 'replaced') return;
    const level = cause === 'failed' ? 'error' : cause === 'socket' ? 'info' : 'warn';
    const message = wasCurrent ? 'the connection to a peer has ended' : 'a peer could not be connected';
    this.#troubles.tell(level, { cause, reason }, message);
  }
}

/** Generations count within one life of the node with the lower id; a later life of either node outdoes an earlier one. */
function isOlder(peer: Hello, generation: number, current: Current<unknown>): boolean {
  if (peer.incarnation !== current.peer.incarnation) return peer.incarnation < current.peer.incarnation;
  return generation < current.generation;
}
