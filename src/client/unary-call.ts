import { type ClientHttp2Stream, constants } from 'node:http2';
import { NoAnswerError } from './no-answer-error.js';
import {
  FRAME_HEADER_BYTES,
  frameMessage,
  type ReplyHeaders,
  readReply,
  type UnaryReply,
} from './unary-reply.js';

export interface UnaryCallOptions {
  readonly stream: ClientHttp2Stream;
  readonly request: Uint8Array;
  /** The largest response message, in bytes. */
  readonly maxResponseBytes: number;
  /** Told at each sign of the peer. */
  readonly onHeard: () => void;
  /** Why the connection broke, if it did. */
  readonly connectionFailure: () => Error | undefined;
  /** Told once, unless the call was given up. */
  readonly onReply: (reply: UnaryReply) => void;
  /** Told once instead, if there is no reply. */
  readonly onFailure: (error: NoAnswerError) => void;
}

/**
 * One request and its answer on one stream. Exactly one of `onReply` and `onFailure` is called, or none after
 * {@link giveUp}.
 */
export class UnaryCall {
  readonly #options: UnaryCallOptions;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #headers: ReplyHeaders | undefined;
  #trailers: ReplyHeaders | undefined;
  #failure: Error | undefined;
  #isOver = false;

  constructor(options: UnaryCallOptions) {
    this.#options = options;
    const { stream, request, onHeard } = options;
    stream.on('response', (headers) => {
      this.#headers = headers;
      onHeard();
    });
    stream.on('trailers', (trailers) => {
      this.#trailers = trailers;
    });
    stream.on('data', (chunk: Buffer) => this.#add(chunk));
    // A stream that is reset or loses its connection tells an error first, and always ends with `close`.
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
    stream.once('close', () => this.#closed());
    stream.end(frameMessage(request));
  }

  /** Tells the peer that nobody waits any more. Whatever still comes is dropped. */
  giveUp(): void {
    this.#isOver = true;
    this.#options.stream.close(constants.NGHTTP2_CANCEL);
  }

  #add(chunk: Buffer): void {
    const { maxResponseBytes } = this.#options;
    this.#length += chunk.length;
    if (this.#length <= FRAME_HEADER_BYTES + maxResponseBytes) this.#chunks.push(chunk);
    else this.#fail(new NoAnswerError(`the answer is longer than ${maxResponseBytes} bytes`));
  }

  #closed(): void {
    const { onReply, connectionFailure } = this.#options;
    const reply = readReply(this.#headers, this.#trailers, Buffer.concat(this.#chunks));
    if (reply === undefined) {
      this.#fail(noAnswer(connectionFailure() ?? this.#failure));
    } else if (!this.#isOver) {
      this.#isOver = true;
      onReply(reply);
    }
  }

  #fail(error: NoAnswerError): void {
    if (this.#isOver) return;
    this.giveUp();
    this.#options.onFailure(error);
  }
}

function noAnswer(cause: Error | undefined): NoAnswerError {
  if (cause === undefined) return new NoAnswerError('the call was ended without a status');
  return cause instanceof NoAnswerError ? cause : new NoAnswerError(cause.message, { cause });
}
