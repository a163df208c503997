import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket } from 'node:net';
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

/** The URL that the HTTP/2 library asks for. The socket is made here, so that no host is ever read as a URL. */
const PLACEHOLDER = 'http://localhost';

/** One plaintext HTTP/2 connection. It begins to connect at once, and takes calls meanwhile. */
export class UnaryConnection {
  readonly #session: ClientHttp2Session;
  readonly #authority: string;
  readonly #clock: Clock;
  #failure: Error | undefined;
  /** Monotonic ms of the first call since the peer was heard last. */
  #unansweredSinceMs: number | undefined;

  constructor({ endpoint, clock, silenceMs, onUnusable, onEnded }: UnaryConnectionOptions) {
    const session = connect(PLACEHOLDER, {
      createConnection: () => connectSocket({ host: endpoint.host, port: endpoint.port, noDelay: true }),
      settings: { enablePush: false },
    });
    const connecting = clock.setTimer(silenceMs, () => {
      this.destroy(new NoAnswerError(`no connection within ${silenceMs} ms`, { isSilence: true }));
    });
    session.once('remoteSettings', () => {
      connecting.cancel();
      this.noteHeard();
    });
    session.on('error', (error: Error) => {
      this.#failure ??= error;
    });
    // The peer takes no new calls; the library ends the connection with the last call under way.
    session.once('goaway', onUnusable);
    session.once('close', () => {
      connecting.cancel();
      onUnusable();
      onEnded();
    });
    this.#clock = clock;
    this.#session = session;
    this.#authority = formatEndpoint(endpoint);
  }

  /** Why it broke, if it did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** For how long the peer, though asked, has not said a word, in ms. */
  get silentForMs(): number {
    return this.#unansweredSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#unansweredSinceMs;
  }

  /** The peer has said something that concerns a call. */
  noteHeard(): void {
    this.#unansweredSinceMs = undefined;
  }

  /** @throws the system's error if it takes no more calls. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    this.#unansweredSinceMs ??= this.#clock.monotonicMs();
    return this.#session.request({ ':authority': this.#authority, ...headers });
  }

  /** Cuts it; calls under way end with `failure`. Idempotent. */
  destroy(failure: Error): void {
    this.#failure ??= failure;
    this.#session.destroy();
  }
}
