import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import type { Clock } from '../runtime/index.js';
import { type Endpoint, formatEndpoint } from '../wire/index.js';
import { NoAnswerError } from './no-answer-error.js';

export interface UnaryConnectionOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** How long the peer may be silent while the connection is made, in ms. */
  readonly silenceMs: number;
  /** Told once, when it takes no more calls; those under way may still end. */
  readonly onUnusable: () => void;
  /** Told once, when nothing of it is left. */
  readonly onEnded: () => void;
}

/**
 * The URL that the HTTP/2 library asks for. The socket is made here, so that no host is ever read as a URL.
 */
const PLACEHOLDER = 'http://localhost';

/** One plaintext HTTP/2 connection. It begins to connect at once, and takes calls meanwhile. */
export class UnaryConnection {
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #authority: string;
  readonly #clock: Clock;
  #failure: Error | undefined;
  /** Calls that wait for an answer. */
  #waiting = 0;
  /** Monotonic ms since which the peer, though asked, has not said a word. */
  #silentSinceMs: number | undefined;

  constructor({ endpoint, clock, silenceMs, onUnusable, onEnded }: UnaryConnectionOptions) {
    const socket = connectSocket({ host: endpoint.host, port: endpoint.port, noDelay: true });
    // Heard here first: the calls under way are told less about it, and sooner, than the session is.
    socket.on('error', (error) => this.#fail(error));
    const session = connect(PLACEHOLDER, {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    const connecting = clock.setTimer(silenceMs, () => {
      this.destroy(new NoAnswerError(`no connection within ${silenceMs} ms`, { isSilence: true }));
    });
    session.once('remoteSettings', () => {
      connecting.cancel();
      this.noteHeard();
    });
    session.on('error', (error: Error) => this.#fail(error));
    // The peer takes no new calls; the library ends the connection with the last call under way.
    session.once('goaway', onUnusable);
    session.once('close', () => {
      connecting.cancel();
      onUnusable();
      onEnded();
    });
    this.#clock = clock;
    this.#socket = socket;
    this.#session = session;
    this.#authority = formatEndpoint(endpoint);
  }

  /** Why it broke, if it did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** For how long the peer, though asked, has not said a word, in ms. */
  get silentForMs(): number {
    return this.#silentSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#silentSinceMs;
  }

  /** The peer has said something that concerns a call. */
  noteHeard(): void {
    this.#silentSinceMs = this.#waiting > 0 ? this.#clock.monotonicMs() : undefined;
  }

  /** A call that {@link request} has begun waits no longer. */
  noteEnded(isAnswered: boolean): void {
    this.#waiting -= 1;
    if (isAnswered && this.#waiting === 0) this.#silentSinceMs = undefined;
  }

  /**
   * Begins a call.
   * @throws the system's error if it takes no more calls.
   */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request({ ':authority': this.#authority, ...headers });
    this.#waiting += 1;
    this.#silentSinceMs ??= this.#clock.monotonicMs();
    return stream;
  }

  /** Cuts it; calls under way end with `failure`. Idempotent. */
  destroy(failure: Error): void {
    this.#fail(failure);
    this.#session.destroy();
    // The session would only end the socket, and then wait for a peer that may never answer.
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
  }
}
