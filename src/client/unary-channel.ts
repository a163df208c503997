import { type Clock, withResolvers } from '../runtime/index.js';
import type { Endpoint } from '../wire/index.js';
import { NoAnswerError } from './no-answer-error.js';
import { UnaryCall } from './unary-call.js';
import { UnaryConnection } from './unary-connection.js';
import type { UnaryReply } from './unary-reply.js';

export interface UnaryChannelOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /**
   * How long the peer may be silent, while a connection is made or while a call waits, until the connection
   * is given up, in ms.
   */
  readonly silenceMs: number;
  /** The largest response message, in bytes. */
  readonly maxResponseBytes: number;
}

/** What bounds one call. */
export interface UnaryCallBounds {
  /** How long it is waited for, in ms. */
  readonly waitMs: number;
  /** How long the peer is told that it has, in ms. */
  readonly deadlineMs: number;
  /** Gives the call up; it rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/**
 * Unary gRPC calls to one endpoint, over one plaintext HTTP/2 connection that is opened by the first call,
 * and again by the first after it was lost.
 *
 * It is written on `node:http2` rather than on the gRPC library because that one cannot be told to give up a
 * connection attempt: closing its channel leaves the attempt behind, for minutes if the peer does not answer;
 * and it spaces its attempts by itself, while here the search for the leader does. What is spoken is gRPC,
 * tested against that library.
 */
export class UnaryChannel {
  readonly #options: UnaryChannelOptions;
  /** The connection that new calls use. */
  #current: UnaryConnection | undefined;
  /** All that are open: one that its peer ends still carries the calls that it had. */
  readonly #open = new Set<UnaryConnection>();
  #onAllEnded: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: UnaryChannelOptions) {
    this.#options = options;
  }

  /**
   * Makes one call.
   *
   * Rejects with a {@link NoAnswerError} when the wait is over, the connection cannot be made or is lost, or
   * what comes is no gRPC; with `signal.reason` when that is aborted. Whatever comes later is dropped: it
   * reaches no other call (C05).
   */
  async call(
    path: string,
    request: Uint8Array,
    { waitMs, deadlineMs, signal }: UnaryCallBounds,
  ): Promise<UnaryReply> {
    signal.throwIfAborted();
    const { clock, maxResponseBytes, silenceMs } = this.#options;
    const connection = this.#connection();
    const { promise, resolve, reject } = withResolvers<UnaryReply>();
    const call = new UnaryCall({
      stream: openStream(connection, path, deadlineMs),
      request,
      maxResponseBytes,
      onHeard: () => connection.noteHeard(),
      connectionFailure: () => connection.failure,
      onReply: resolve,
      onFailure: reject,
    });
    const timer = clock.setTimer(waitMs, () => {
      call.giveUp();
      const silence = new NoAnswerError(`no answer within ${waitMs} ms`, { isSilence: true });
      reject(silence);
      // The connection may be dead, which the next call should not have to find out again.
      if (connection.silentForMs >= silenceMs) connection.destroy(silence);
    });
    const onAbort = (): void => {
      call.giveUp();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    let isAnswered = false;
    try {
      const reply = await promise;
      isAnswered = true;
      return reply;
    } finally {
      connection.noteEnded(isAnswered);
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Cuts the connection; calls under way reject. Resolves when nothing is left of it. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#onAllEnded = resolve;
      for (const connection of this.#open) connection.destroy(new NoAnswerError('the channel was closed'));
      this.#ended();
    });
    return this.#closing;
  }

  #connection(): UnaryConnection {
    if (this.#closing !== undefined) throw new NoAnswerError('the channel was closed');
    if (this.#current !== undefined) return this.#current;
    const connection: UnaryConnection = new UnaryConnection({
      ...this.#options,
      onUnusable: () => {
        if (this.#current === connection) this.#current = undefined;
      },
      onEnded: () => {
        this.#open.delete(connection);
        this.#ended();
      },
    });
    this.#open.add(connection);
    this.#current = connection;
    return connection;
  }

  #ended(): void {
    if (this.#open.size === 0) this.#onAllEnded?.();
  }
}

function openStream(
  connection: UnaryConnection,
  path: string,
  deadlineMs: number,
): ReturnType<UnaryConnection['request']> {
  try {
    return connection.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${Math.max(1, Math.ceil(deadlineMs))}m`,
    });
  } catch (cause) {
    throw new NoAnswerError('the connection takes no more calls', { cause });
  }
}
