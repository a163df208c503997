import type { Duplex } from 'node:stream';
import { MalformedError } from '../codec/index.js';
import { unreachable } from '../errors/index.js';
import type { NodeId } from '../omnipaxos/index.js';
import type { Clock, NextTurn, Timer } from '../runtime/index.js';
import { ReceiveWindow } from './bulk-window.js';
import { ConnectionWriter } from './connection-writer.js';
import type { Frame } from './frame-codec.js';
import { FrameReader } from './frame-reader.js';
import { HANDSHAKE_FRAME_BYTES_MAX, Handshake, type HandshakeOutcome } from './handshake.js';
import { MessageReceiver } from './message-receiver.js';
import type { Admission, Hello } from './peer-transport.js';
import type { TcpLimits } from './tcp-options.js';
import { Watchdog } from './watchdog.js';

/** Why a connection has ended. */
export type CloseCause =
  /** The peer broke the format. */
  | 'malformed'
  /** One of the sides refused the other. */
  | 'refused'
  /** Another connection to the same peer is used. */
  | 'replaced'
  /** A deadline has passed. */
  | 'timeout'
  /** The socket has ended or failed. */
  | 'socket'
  /** This side could not go on. */
  | 'failed'
  /** This side was asked to stop. */
  | 'stopped';

/** What a connection asks, and what it tells. No handler is called after `onClosed`. */
export interface PeerConnectionHandlers {
  readonly hello: () => Hello;
  readonly admit: (peer: Hello) => Promise<Admission>;
  /** See `HandshakeHandlers.establish`. */
  readonly establish: (peer: Hello) => number | undefined;
  /** Both sides use the connection from now on. */
  readonly onEstablished: (peer: Hello, generation: number) => void;
  /**
   * A message's bytes, of this peer: a view of memory that is never written again.
   * @throws {MalformedError} if they are no message of it; the connection ends then.
   */
  readonly onMessage: (peerId: NodeId, bytes: Uint8Array) => void;
  /** Told once, when the connection has ended, whatever its end. */
  readonly onClosed: (cause: CloseCause, reason: string) => void;
}

/** What a connection is made of. */
export interface PeerConnectionOptions {
  readonly socket: Duplex;
  /** Rises with each connection of a transport, in the order in which they are opened. */
  readonly order: number;
  readonly nodeId: NodeId;
  readonly limits: TcpLimits;
  readonly clock: Clock;
  readonly nextTurn: NextTurn;
  readonly handlers: PeerConnectionHandlers;
}

/** The phase of a connection, with what only that phase has. */
type Phase =
  | { readonly kind: 'connecting' | 'handshake' }
  | { readonly kind: 'established'; readonly receiver: MessageReceiver; readonly writer: ConnectionWriter }
  | { readonly kind: 'closed' };

/** How long a refusal may take to get out, in ms, before the socket is destroyed. */
const LINGER_MS = 500;

/** One socket to one peer, from its first byte to its end. */
export class PeerConnection {
  /** Rises with each connection of a transport, in the order in which they are opened. */
  readonly order: number;
  readonly #socket: Duplex;
  readonly #options: PeerConnectionOptions;
  readonly #reader = new FrameReader(HANDSHAKE_FRAME_BYTES_MAX);
  readonly #handshake: Handshake;
  /** The deadline of the phase; once established, of the next frame. */
  #deadline: Watchdog;
  #phase: Phase = { kind: 'connecting' };
  #linger: Timer | undefined;

  constructor(options: PeerConnectionOptions) {
    const { socket, order, nodeId, limits, handlers } = options;
    this.order = order;
    this.#socket = socket;
    this.#options = options;
    this.#handshake = new Handshake(nodeId, {
      hello: handlers.hello,
      admit: handlers.admit,
      establish: handlers.establish,
      write: (frame) => void socket.write(frame),
      onOutcome: (outcome) => this.#onHandshakeOutcome(outcome),
    });
    this.#deadline = this.#watchdog(limits.connectTimeoutMs, 'it could not be reached');
    this.#deadline.start();
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error: Error) => this.close('socket', error.message));
    socket.on('close', () => this.#onSocketClosed());
  }

  /** The peer as it states to be, as soon as it has; verified only once the connection is established. */
  get claimedPeer(): Hello | undefined {
    return this.#handshake.claimedPeer;
  }

  /** Bytes may be written from now on: the handshake begins. */
  begin(): void {
    if (this.#phase.kind !== 'connecting') return;
    this.#phase = { kind: 'handshake' };
    this.#setDeadline(this.#options.limits.handshakeTimeoutMs, 'there was no handshake');
    this.#handshake.begin();
  }

  /**
   * Queues a message of an established connection; it leaves at the end of this turn.
   * @returns false if it was dropped.
   */
  send(message: Uint8Array, isUrgent: boolean): boolean {
    return this.#phase.kind === 'established' && this.#phase.writer.send(message, isUrgent);
  }

  /** Ends the connection: nothing of it is handled afterwards. Idempotent. */
  close(cause: CloseCause, reason: string): void {
    if (this.#phase.kind === 'closed') return;
    if (this.#phase.kind === 'established') this.#phase.writer.stop();
    this.#phase = { kind: 'closed' };
    this.#deadline.stop();
    this.#handshake.cancel();
    if (cause === 'refused') this.#destroyLater();
    else this.#socket.destroy();
    this.#options.handlers.onClosed(cause, reason);
  }

  /** Lets a refusal get out first. */
  #destroyLater(): void {
    this.#socket.end();
    this.#linger = this.#options.clock.setTimer(LINGER_MS, () => this.#socket.destroy());
  }

  #onSocketClosed(): void {
    this.#linger?.cancel();
    this.close('socket', 'the peer has closed the connection');
  }

  #onDrain(): void {
    if (this.#phase.kind === 'established') this.#phase.writer.drained();
  }

  #onData(chunk: Buffer): void {
    // What comes late, after the end, is dropped.
    if (this.#isClosed()) return;
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        this.#onFrame(frame);
        if (this.#isClosed()) return;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.close('malformed', error.message);
    }
  }

  #onFrame(frame: Frame): void {
    if (this.#phase.kind === 'established') {
      this.#deadline.touch();
      this.#phase.receiver.onFrame(frame);
    } else {
      this.#handshake.onFrame(frame);
    }
  }

  #onHandshakeOutcome(outcome: HandshakeOutcome): void {
    switch (outcome.kind) {
      case 'established':
        this.#onEstablished(outcome.peer, outcome.generation);
        return;
      case 'refused':
        this.close('refused', outcome.reason);
        return;
      case 'redundant':
        this.close('replaced', 'another connection is used');
        return;
      case 'failed':
        this.close('failed', `this node cannot take part in a handshake: ${String(outcome.error)}`);
        return;
      default:
        unreachable(outcome);
    }
  }

  #onEstablished(peer: Hello, generation: number): void {
    const { limits, handlers } = this.#options;
    const received = new ReceiveWindow();
    const stall = this.#watchdog(limits.stallTimeoutMs, 'it has taken nothing of what waits for it');
    const writer = new ConnectionWriter({ socket: this.#socket, limits, received, stall });
    const receiver = new MessageReceiver(limits.maxMessageBytes, received, {
      onMessage: (bytes) => handlers.onMessage(peer.nodeId, bytes),
      onAck: (totalBytes) => writer.acknowledged(totalBytes),
      onAckDue: () => writer.flushSoon(),
    });
    this.#phase = { kind: 'established', receiver, writer };
    this.#reader.maxFrameBytes = limits.maxFrameBytes;
    this.#setDeadline(limits.receiveTimeoutMs, 'nothing complete has arrived');
    handlers.onEstablished(peer, generation);
  }

  #setDeadline(timeoutMs: number, what: string): void {
    this.#deadline.stop();
    this.#deadline = this.#watchdog(timeoutMs, what);
    this.#deadline.start();
  }

  #watchdog(timeoutMs: number, what: string): Watchdog {
    const { clock, nextTurn } = this.#options;
    const onExpired = (): void => this.close('timeout', `${what} within ${timeoutMs} ms`);
    return new Watchdog({ clock, nextTurn, timeoutMs, onExpired });
  }

  // A method, since the compiler takes a field for unchanged across calls.
  #isClosed(): boolean {
    return this.#phase.kind === 'closed';
  }
}
