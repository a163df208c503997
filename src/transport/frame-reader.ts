import { decodeFrame, FRAME_HEADER_BYTES, type Frame, frameBytesOf } from './frame-codec.js';

/**
 * Cuts a byte stream into frames, whatever the pieces it comes in.
 *
 * Memory follows what has arrived, never what a length claims: at most about twice the bytes that are waiting for their frame to be
 * complete. The payloads that it gives are views of memory that is never written again.
 */
export class FrameReader {
  #maxFrameBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  /** @param maxFrameBytes a longer frame is refused as soon as its header is there. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Changes the limit for the frames that have not been read yet. */
  set maxFrameBytes(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** How many bytes wait for their frame to be complete. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** How much memory is held for them. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  /** Takes more of the stream. All frames that are complete must have been read before. */
  push(chunk: Buffer): void {
    if (this.pendingBytes === 0) {
      this.#bytes = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    // A chunk that was taken as it came has no room behind its end, so nothing is written into what is not this reader's own.
    if (this.#end + chunk.length > this.#bytes.length) this.#moveToLarger(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next frame, if all of it is there.
   * @throws {MalformedError} for a wrong length, checksum or kind. The stream cannot be read on then.
   */
  next(): Frame | undefined {
    if (this.pendingBytes < FRAME_HEADER_BYTES) return undefined;
    const header = this.#bytes.subarray(this.#start, this.#start + FRAME_HEADER_BYTES);
    const frameBytes = frameBytesOf(header, this.#maxFrameBytes);
    if (this.pendingBytes < frameBytes) return undefined;
    const frame = decodeFrame(this.#bytes.subarray(this.#start, this.#start + frameBytes));
    this.#start += frameBytes;
    return frame;
  }

  /** Doubles, so that a frame that comes byte by byte is not copied at each of them. */
  #moveToLarger(extraBytes: number): void {
    const pending = this.#bytes.subarray(this.#start, this.#end);
    const larger = Buffer.allocUnsafe(2 * pending.length + extraBytes);
    larger.set(pending);
    this.#bytes = larger;
    this.#start = 0;
    this.#end = pending.length;
  }
}
