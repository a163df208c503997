import { encodeFrame, FRAME_OVERHEAD_BYTES } from './frame-codec.js';

/**
 * What waits to be written to one peer, in two lanes: urgent messages go before, and between the frames of, all others. Bounded in
 * bytes.
 */
export class OutboundQueue {
  readonly #limitBytes: number;
  readonly #maxFrameBytes: number;
  #urgent: Uint8Array[] = [];
  #bulk: Uint8Array[] = [];
  /** How much of the first bulk message has been framed. */
  #framedBytes = 0;
  #bytes = 0;

  constructor(limitBytes: number, maxFrameBytes: number) {
    this.#limitBytes = limitBytes;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes of messages that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false if the message does not fit; it is dropped then. */
  push(message: Uint8Array, isUrgent: boolean): boolean {
    if (this.#bytes + message.length > this.#limitBytes) return false;
    this.#bytes += message.length;
    (isUrgent ? this.#urgent : this.#bulk).push(message);
    return true;
  }

  /** The next frame to write; undefined if nothing waits. */
  nextFrame(): Buffer | undefined {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) {
      this.#bytes -= urgent.length;
      return encodeFrame('whole', urgent);
    }
    const bulk = this.#bulk[0];
    return bulk === undefined ? undefined : this.#nextBulkFrame(bulk);
  }

  #nextBulkFrame(message: Uint8Array): Buffer {
    const roomBytes = this.#maxFrameBytes - FRAME_OVERHEAD_BYTES;
    if (message.length <= roomBytes) {
      this.#finish(message);
      return encodeFrame('whole', message);
    }
    const isFirst = this.#framedBytes === 0;
    const endBytes = Math.min(message.length, this.#framedBytes + roomBytes - (isFirst ? 4 : 0));
    const part = message.subarray(this.#framedBytes, endBytes);
    this.#framedBytes = endBytes;
    if (endBytes === message.length) this.#finish(message);
    if (!isFirst) return encodeFrame('more', part);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(message.length);
    return encodeFrame('first', length, part);
  }

  #finish(message: Uint8Array): void {
    this.#bulk.shift();
    this.#framedBytes = 0;
    this.#bytes -= message.length;
  }
}
