import { GRPC_STATUS } from '../wire/index.js';

/** The headers or trailers of an answer, as the HTTP/2 library gives them; a number only for `:status`. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | number | undefined>>;

/** How a unary call was answered. */
export interface UnaryReply {
  /** The gRPC status code. */
  readonly status: number;
  /** The text that goes with it. */
  readonly details: string;
  /**
   * The bytes of the response message; undefined if there was not exactly one, or it was compressed, which
   * nobody had asked for.
   */
  readonly message: Uint8Array | undefined;
  /** All headers and trailers of the answer. */
  readonly metadata: ReplyHeaders;
}

/** A message is preceded by a byte that says whether it is compressed, and its length in 4 bytes. */
export const FRAME_HEADER_BYTES = 5;

/** One message as the body of a unary request. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, FRAME_HEADER_BYTES);
  return frame;
}

/** The only message of a body; undefined if it does not hold exactly one uncompressed message. */
export function unframeMessage(body: Buffer): Uint8Array | undefined {
  if (body.length < FRAME_HEADER_BYTES || body[0] !== 0) return undefined;
  return body.readUInt32BE(1) === body.length - FRAME_HEADER_BYTES
    ? body.subarray(FRAME_HEADER_BYTES)
    : undefined;
}

/**
 * Reads an answer: its headers, its trailers (undefined if there were only headers), its body.
 * @returns undefined if it was cut short before its status came.
 */
export function readReply(
  headers: ReplyHeaders | undefined,
  trailers: ReplyHeaders | undefined,
  body: Buffer,
): UnaryReply | undefined {
  if (headers === undefined) return undefined;
  const metadata = trailers === undefined ? headers : { ...headers, ...trailers };
  const httpStatus = headers[':status'];
  if (httpStatus !== 200) {
    const details = `the answer has the HTTP status ${httpStatus}`;
    return { status: GRPC_STATUS.unknown, details, message: undefined, metadata };
  }
  const text = metadata['grpc-status'];
  if (typeof text !== 'string') return undefined;
  const status = /^[0-9]{1,3}$/.test(text) ? Number(text) : GRPC_STATUS.unknown;
  return {
    status,
    details: percentDecoded(metadata['grpc-message']),
    message: unframeMessage(body),
    metadata,
  };
}

/** The value of a binary header; undefined if it is absent, comes more than once, or is not base64. */
export function binaryHeader(metadata: ReplyHeaders, name: string): Uint8Array | undefined {
  const text = metadata[name];
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64');
}

function percentDecoded(text: ReplyHeaders[string]): string {
  if (typeof text !== 'string') return '';
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
