import { Fifo } from './fifo.js';
import { encodeFrame, FRAME_OVERHEAD_BYTES } from './frame-codec.js';

/**
 * A bulk message above this is split, however large frames may be: between two frames, urgent ones go. At 10 MB/s one frame takes
 * 6.5 ms.
 */
const BULK_FRAME_BYTES_MAX = 64 * 1_024;

/** Heartbeats of some hundred rounds: who is that far behind needs none of them. */
const URGENT_LANE_BYTES = 64 * 1_024;

/** Bounds of an {@link OutboundQueue}. */
export interface OutboundQueueLimits {
  readonly outboundQueueBytes: number;
  readonly maxFrameBytes: number;
}

/**
 * What waits to be written to one peer, in two lanes, each in order: urgent messages, which are small, and bulk messages, which are
 * split into frames if they are large. Whoever writes asks the urgent lane first, before each frame.
 *
 * Bounded: the urgent lane by a limit of its own, the bulk lane by `outboundQueueBytes`. One message may reach beyond the limit, so
 * that a message larger than it can be sent at all; so the bulk lane holds less than the limit and one message.
 */
export class OutboundQueue {
  readonly #bulkLimitBytes: number;
  readonly #bulkFrameBytes: number;
  /** Frames. */
  readonly #urgent = new Fifo<Buffer>();
  #urgentBytes = 0;
  /** Messages. */
  readonly #bulk = new Fifo<Uint8Array>();
  #bulkBytes = 0;
  /** How much of the first bulk message has been taken. */
  #takenBytes = 0;

  constructor({ outboundQueueBytes, maxFrameBytes }: OutboundQueueLimits) {
    this.#bulkLimitBytes = outboundQueueBytes;
    this.#bulkFrameBytes = Math.min(maxFrameBytes, BULK_FRAME_BYTES_MAX);
  }

  /** Bytes of messages that wait; one that is being split counts in full until its last frame is taken. */
  get bytes(): number {
    return this.#urgentBytes + this.#bulkBytes;
  }

  get isEmpty(): boolean {
    return this.#urgent.length === 0 && this.#bulk.length === 0;
  }

  /** @returns false if the lane is full; the message is dropped then. */
  pushUrgent(message: Uint8Array): boolean {
    if (this.#urgentBytes >= URGENT_LANE_BYTES) return false;
    const frame = encodeFrame('urgent', message);
    this.#urgentBytes += frame.length;
    this.#urgent.push(frame);
    return true;
  }

  /** As {@link pushUrgent}, for the bulk lane. The queue keeps `message`, which must not change. */
  pushBulk(message: Uint8Array): boolean {
    if (this.#bulkBytes >= this.#bulkLimitBytes) return false;
    this.#bulkBytes += message.length;
    this.#bulk.push(message);
    return true;
  }

  /** The next frame of the urgent lane; undefined if nothing waits in it. */
  takeUrgent(): Buffer | undefined {
    const frame = this.#urgent.shift();
    this.#urgentBytes -= frame?.length ?? 0;
    return frame;
  }

  /** The next frame of the bulk lane; undefined if nothing waits in it. */
  takeBulk(): Buffer | undefined {
    const message = this.#bulk.peek();
    if (message === undefined) return undefined;
    const roomBytes = this.#bulkFrameBytes - FRAME_OVERHEAD_BYTES;
    if (message.length <= roomBytes) {
      this.#finish(message);
      return encodeFrame('whole', message);
    }
    return this.#takenBytes === 0 ? this.#takeFirst(message, roomBytes) : this.#takeMore(message, roomBytes);
  }

  #takeFirst(message: Uint8Array, roomBytes: number): Buffer {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(message.length);
    this.#takenBytes = roomBytes - length.length;
    return encodeFrame('first', length, message.subarray(0, this.#takenBytes));
  }

  #takeMore(message: Uint8Array, roomBytes: number): Buffer {
    const part = message.subarray(this.#takenBytes, this.#takenBytes + roomBytes);
    this.#takenBytes += part.length;
    if (this.#takenBytes === message.length) this.#finish(message);
    return encodeFrame('more', part);
  }

  #finish(message: Uint8Array): void {
    this.#bulk.shift();
    this.#bulkBytes -= message.length;
    this.#takenBytes = 0;
  }
}
