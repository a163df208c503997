import { crc32 } from 'node:zlib';
import { MalformedError } from '../codec/index.js';

/**
 * What a frame carries.
 *
 * - `hello`, `admitted`, `established`, `refused`: the handshake.
 * - `urgent`: a whole message of the urgent lane.
 * - `whole`, `first`, `more`: the bulk lane. `whole` is a message; `first` begins one that takes several frames (its payload starts
 *   with the message's length, u32), and `more` goes on with it. Frames of the urgent lane may come between.
 * - `ack`: how many bytes of bulk frames have arrived on this connection, u64.
 */
export type FrameKind =
  | 'hello'
  | 'admitted'
  | 'established'
  | 'refused'
  | 'urgent'
  | 'whole'
  | 'first'
  | 'more'
  | 'ack';

/** The byte that stands for each kind. A number is never used again for another kind. */
const KIND_BYTES: Readonly<Record<FrameKind, number>> = {
  hello: 1,
  admitted: 2,
  refused: 3,
  whole: 4,
  first: 5,
  more: 6,
  urgent: 7,
  ack: 8,
  established: 9,
};

const KINDS_BY_BYTE = new Map(
  // Object.entries forgets that the keys are FrameKinds; the constant above has no others.
  Object.entries(KIND_BYTES).map(([kind, byte]) => [byte, kind as FrameKind]),
);

/** u32 payload length, u8 kind. */
export const FRAME_HEADER_BYTES = 5;
const CRC_BYTES = 4;

/** How many bytes a frame has beyond its payload. */
export const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + CRC_BYTES;

/** One frame. */
export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

/** A frame as bytes: u32 length of the payload, u8 kind, payload (`parts`, one after the other), u32 CRC-32 of everything before it. */
export function encodeFrame(kind: FrameKind, ...parts: readonly Uint8Array[]): Buffer {
  let payloadBytes = 0;
  for (const part of parts) payloadBytes += part.length;
  const frame = Buffer.allocUnsafe(payloadBytes + FRAME_OVERHEAD_BYTES);
  frame.writeUInt32BE(payloadBytes, 0);
  frame.writeUInt8(KIND_BYTES[kind], 4);
  let at = FRAME_HEADER_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  frame.writeUInt32BE(crc32(frame.subarray(0, at)), at);
  return frame;
}

/**
 * How many bytes the frame has that begins with this header.
 * @throws {MalformedError} if they are more than `maxFrameBytes`.
 */
export function frameBytesOf(header: Buffer, maxFrameBytes: number): number {
  const frameBytes = header.readUInt32BE(0) + FRAME_OVERHEAD_BYTES;
  if (frameBytes > maxFrameBytes) {
    throw new MalformedError(`a frame of ${frameBytes} bytes is above the limit of ${maxFrameBytes}`);
  }
  return frameBytes;
}

/**
 * The frame that `bytes` are, all of them; its payload is a view.
 * @throws {MalformedError} for a wrong checksum or an unknown kind.
 */
export function decodeFrame(bytes: Buffer): Frame {
  const crcAt = bytes.length - CRC_BYTES;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32BE(crcAt)) {
    throw new MalformedError('the checksum of a frame is wrong');
  }
  const kindByte = bytes.readUInt8(4);
  const kind = KINDS_BY_BYTE.get(kindByte);
  if (kind === undefined) throw new MalformedError(`a frame is of the unknown kind ${kindByte}`);
  return { kind, payload: bytes.subarray(FRAME_HEADER_BYTES, crcAt) };
}
