import { crc32 } from 'node:zlib';
import { MalformedError } from '../codec/index.js';

/**
 * What a frame carries. `whole` is a message; `first` begins one that takes several frames (its payload starts with the message's
 * length, u32), and `more` goes on with it. Whole messages may come between.
 */
export type FrameKind = 'hello' | 'admitted' | 'refused' | 'whole' | 'first' | 'more';

/** The byte that stands for each kind. A number is never used again for another kind. */
const KIND_BYTES: Readonly<Record<FrameKind, number>> = {
  hello: 1,
  admitted: 2,
  refused: 3,
  whole: 4,
  first: 5,
  more: 6,
};

const KINDS_BY_BYTE = new Map(
  // Object.entries forgets that the keys are FrameKinds; the constant above has no others.
  Object.entries(KIND_BYTES).map(([kind, byte]) => [byte, kind as FrameKind]),
);

/** u32 payload length, u8 kind. */
const HEADER_BYTES = 5;
const CRC_BYTES = 4;

/** How many bytes a frame has beyond its payload. */
export const FRAME_OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES;

/** One frame. */
export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

/** A frame as bytes: u32 length of the payload, u8 kind, payload, u32 CRC-32 of everything before it. */
export function encodeFrame(kind: FrameKind, ...parts: readonly Uint8Array[]): Buffer {
  const payloadBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = Buffer.allocUnsafe(payloadBytes + FRAME_OVERHEAD_BYTES);
  frame.writeUInt32BE(payloadBytes, 0);
  frame.writeUInt8(KIND_BYTES[kind], 4);
  let at = HEADER_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  frame.writeUInt32BE(crc32(frame.subarray(0, at)), at);
  return frame;
}

/** Cuts a byte stream into frames, whatever the pieces it comes in. */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;

  /** @param maxPayloadBytes a longer payload is refused as soon as its length is known. */
  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /**
   * Takes more of the stream, and gives the frames that are complete now. A payload may be a view of `chunk`.
   * @throws {MalformedError} for a wrong length, kind or checksum. The stream cannot be read on then.
   */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#buffered < HEADER_BYTES) return undefined;
    const header = this.#peek(HEADER_BYTES);
    const payloadBytes = header.readUInt32BE(0);
    if (payloadBytes > this.#maxPayloadBytes) {
      throw new MalformedError(
        `a frame of ${payloadBytes} bytes is above the limit of ${this.#maxPayloadBytes}`,
      );
    }
    const kind = KINDS_BY_BYTE.get(header.readUInt8(4));
    if (kind === undefined) throw new MalformedError(`a frame is of the unknown kind ${header.readUInt8(4)}`);
    const frameBytes = payloadBytes + FRAME_OVERHEAD_BYTES;
    if (this.#buffered < frameBytes) return undefined;
    const bytes = this.#peek(frameBytes);
    this.#drop(frameBytes);
    if (crc32(bytes.subarray(0, frameBytes - CRC_BYTES)) !== bytes.readUInt32BE(frameBytes - CRC_BYTES)) {
      throw new MalformedError('the checksum of a frame is wrong');
    }
    return { kind, payload: bytes.subarray(HEADER_BYTES, frameBytes - CRC_BYTES) };
  }

  /** The next `count` bytes, of which as many are there, in one piece. */
  #peek(count: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= count) return first.subarray(0, count);
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined.subarray(0, count);
  }

  #drop(count: number): void {
    this.#buffered -= count;
    const [first] = this.#chunks;
    if (first === undefined || first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
  }
}
