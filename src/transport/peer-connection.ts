import type { Socket } from 'node:net';
import { type Codecs, decodeMessage, MalformedError } from '../codec/index.js';
import type { Message, NodeId } from '../omnipaxos/index.js';
import type { Clock, Timer } from '../runtime/index.js';
import { encodeFrame, type Frame, FrameReader } from './frame-codec.js';
import { decodeHello, encodeHello } from './hello-codec.js';
import { MessageAssembler } from './message-assembler.js';
import { OutboundQueue } from './outbound-queue.js';
import type { Admission, Hello } from './peer-transport.js';
import type { TcpLimits } from './tcp-options.js';

/**
 * The state of one connection. It is up once this side has admitted the peer and the peer has told that it has admitted this
 * side.
 */
type State =
  | {
      readonly kind: 'handshake';
      readonly peer: Hello | undefined;
      readonly admitted: boolean;
      readonly isAdmitted: boolean;
    }
  | { readonly kind: 'up'; readonly peer: Hello }
  | { readonly kind: 'closed' };

/** Why a connection has ended. */
export type CloseCause = 'malformed' | 'refused' | 'timeout' | 'socket' | 'replaced' | 'stopped';

/** What a connection asks of its transport, and tells it. */
export interface PeerConnectionHandlers<E, S> {
  readonly hello: () => Hello;
  readonly admit: (hello: Hello) => Promise<Admission>;
  readonly onUp: (connection: PeerConnection<E, S>, peer: Hello) => void;
  readonly onMessage: (connection: PeerConnection<E, S>, message: Message<E, S>) => void;
  /** Told once, when the connection has ended; `reason` is for logs. */
  readonly onClosed: (connection: PeerConnection<E, S>, cause: CloseCause, reason: string) => void;
}

export interface PeerConnectionOptions<E, S> {
  readonly socket: Socket;
  /** The node that was dialled; undefined on the side that was called. */
  readonly expected: NodeId | undefined;
  readonly nodeId: NodeId;
  readonly codecs: Codecs<E, S>;
  readonly limits: TcpLimits;
  readonly clock: Clock;
  readonly handlers: PeerConnectionHandlers<E, S>;
}

const WATCH_INTERVAL_MS = 500;

/** One socket to one peer, from the handshake to its end. */
export class PeerConnection<E, S> {
  readonly #socket: Socket;
  readonly #options: PeerConnectionOptions<E, S>;
  readonly #reader: FrameReader;
  readonly #assembler: MessageAssembler;
  readonly #queue: OutboundQueue;
  #state: State = { kind: 'handshake', peer: undefined, admitted: false, isAdmitted: false };
  #flushQueued = false;
  #isBlocked = false;
  #watch: Timer | undefined;
  readonly #beganMs: number;
  #receivedMs: number;
  #blockedMs = 0;

  constructor(options: PeerConnectionOptions<E, S>) {
    this.#options = options;
    this.#socket = options.socket;
    const { limits, clock } = options;
    this.#reader = new FrameReader(limits.maxFrameBytes);
    this.#assembler = new MessageAssembler(limits.maxMessageBytes);
    this.#queue = new OutboundQueue(limits.outboundQueueBytes, limits.maxFrameBytes);
    this.#beganMs = clock.monotonicMs();
    this.#receivedMs = this.#beganMs;
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('drain', () => this.#onDrain());
    this.#socket.on('error', (error) => this.close('socket', error.message));
    this.#socket.on('close', () => this.close('socket', 'the peer has closed the connection'));
    this.#armWatch();
  }

  /** The peer, once the connection is up. */
  get peer(): Hello | undefined {
    return this.#state.kind === 'up' ? this.#state.peer : undefined;
  }

  /** Bytes may be written now: the handshake begins. */
  open(): void {
    if (this.#state.kind === 'closed') return;
    this.#socket.write(encodeFrame('hello', encodeHello(this.#options.handlers.hello())));
  }

  /** Queues a message; it leaves at the end of this turn. @returns false if it was dropped because the queue is full. */
  send(bytes: Uint8Array, isUrgent: boolean): boolean {
    if (this.#state.kind !== 'up' || !this.#queue.push(bytes, isUrgent)) return false;
    if (!this.#flushQueued) {
      this.#flushQueued = true;
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  /** Ends the connection. Idempotent; nothing of it is handled afterwards. */
  close(cause: CloseCause, reason: string): void {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    this.#watch?.cancel();
    // A refusal that has just been written should still get out.
    if (cause === 'refused') this.#socket.end();
    else this.#socket.destroy();
    this.#socket.removeAllListeners('data');
    if (cause === 'refused') this.#socket.setTimeout(WATCH_INTERVAL_MS, () => this.#socket.destroy());
    this.#options.handlers.onClosed(this, cause, reason);
  }

  #onData(chunk: Buffer): void {
    this.#receivedMs = this.#options.clock.monotonicMs();
    try {
      for (const frame of this.#reader.push(chunk)) {
        if (this.#state.kind === 'closed') return;
        this.#onFrame(frame);
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.close('malformed', error.message);
    }
  }

  #onFrame(frame: Frame): void {
    if (this.#state.kind === 'handshake') {
      this.#onHandshakeFrame(frame, this.#state);
      return;
    }
    const bytes = this.#assembler.push(frame);
    if (bytes === undefined) return;
    const message = decodeMessage(bytes, this.#options.codecs);
    if (message.from !== this.peer?.nodeId || message.to !== this.#options.nodeId) {
      throw new MalformedError(
        `node ${this.peer?.nodeId} sent a message from ${message.from} to ${message.to}`,
      );
    }
    this.#options.handlers.onMessage(this, message);
  }

  #onHandshakeFrame({ kind, payload }: Frame, state: State & { readonly kind: 'handshake' }): void {
    if (kind === 'hello' && state.peer === undefined) {
      void this.#judge(decodeHello(payload));
    } else if (kind === 'admitted' && state.peer !== undefined) {
      this.#state = { ...state, isAdmitted: true };
      this.#tryUp();
    } else if (kind === 'refused') {
      this.close('refused', `it refuses this node: ${Buffer.from(payload).toString('utf8')}`);
    } else {
      throw new MalformedError(`a frame of kind ${kind} comes in the middle of the handshake`);
    }
  }

  async #judge(peer: Hello): Promise<void> {
    if (this.#state.kind !== 'handshake') return;
    this.#state = { ...this.#state, peer };
    const { expected, handlers } = this.#options;
    const admission: Admission =
      expected === undefined || expected === peer.nodeId
        ? await handlers.admit(peer)
        : { ok: false, reason: `node ${peer.nodeId} answers where node ${expected} was expected` };
    if (this.#state.kind !== 'handshake') return;
    if (!admission.ok) {
      this.#socket.write(encodeFrame('refused', Buffer.from(admission.reason.slice(0, 1_000))));
      this.close('refused', `node ${peer.nodeId} is refused: ${admission.reason}`);
      return;
    }
    this.#socket.write(encodeFrame('admitted'));
    this.#state = { ...this.#state, admitted: true };
    this.#tryUp();
  }

  #tryUp(): void {
    const state = this.#state;
    if (state.kind !== 'handshake' || !state.admitted || !state.isAdmitted || state.peer === undefined)
      return;
    this.#state = { kind: 'up', peer: state.peer };
    this.#options.handlers.onUp(this, state.peer);
  }

  /** Writes what waits, all of one turn in one go, as long as the socket takes it. */
  #flush(): void {
    this.#flushQueued = false;
    if (this.#isBlocked || this.#state.kind !== 'up') return;
    this.#socket.cork();
    for (let frame = this.#queue.nextFrame(); frame !== undefined; frame = this.#queue.nextFrame()) {
      if (!this.#socket.write(frame)) {
        this.#isBlocked = true;
        this.#blockedMs = this.#options.clock.monotonicMs();
        break;
      }
    }
    this.#socket.uncork();
  }

  #onDrain(): void {
    this.#isBlocked = false;
    this.#flush();
  }

  /** Looks at the deadlines from time to time, which is cheaper than a timer for each byte. */
  #armWatch(): void {
    this.#watch = this.#options.clock.setTimer(WATCH_INTERVAL_MS, () => {
      const overdue = this.#overdue();
      if (overdue !== undefined) this.close('timeout', overdue);
      else if (this.#state.kind !== 'closed') this.#armWatch();
    });
  }

  #overdue(): string | undefined {
    const { clock, limits } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#state.kind === 'handshake') {
      return nowMs - this.#beganMs >= limits.handshakeTimeoutMs
        ? `there was no handshake within ${limits.handshakeTimeoutMs} ms`
        : undefined;
    }
    if (this.#isBlocked && nowMs - this.#blockedMs >= limits.stallTimeoutMs) {
      return `written bytes have waited for ${limits.stallTimeoutMs} ms`;
    }
    return nowMs - this.#receivedMs >= limits.idleTimeoutMs
      ? `nothing was received for ${limits.idleTimeoutMs} ms`
      : undefined;
  }
}
