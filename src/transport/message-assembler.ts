import { ByteReader, MalformedError } from '../codec/index.js';

/**
 * Joins the frames of a large message. Memory follows the frames that have arrived, never the length that the first one claims: at
 * most about twice their bytes.
 */
export class MessageAssembler {
  readonly #maxMessageBytes: number;
  #messageBytes = 0;
  #bytes = new Uint8Array(0);
  #arrivedBytes = 0;

  /** @param maxMessageBytes a longer message is refused at its first frame. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether a message has begun and not ended. */
  get isOpen(): boolean {
    return this.#messageBytes > 0;
  }

  /** How much memory is held for it. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  /**
   * Takes the payload of a frame of kind `first`.
   * @throws {MalformedError} if another message is open, or the new one is empty or above the limit.
   */
  first(payload: Uint8Array): Uint8Array | undefined {
    this.requireClosed();
    const reader = new ByteReader(payload);
    const messageBytes = reader.u32();
    if (messageBytes === 0 || messageBytes > this.#maxMessageBytes) {
      throw new MalformedError(
        `a message of ${messageBytes} bytes is outside of [1, ${this.#maxMessageBytes}]`,
      );
    }
    this.#messageBytes = messageBytes;
    return this.more(reader.raw(reader.remaining));
  }

  /**
   * Takes the payload of a frame of kind `more`, and gives the message if it is complete with it.
   * @throws {MalformedError} if no message is open, or the payload is empty or longer than what is missing.
   */
  more(part: Uint8Array): Uint8Array | undefined {
    const missingBytes = this.#messageBytes - this.#arrivedBytes;
    if (part.length === 0 || part.length > missingBytes) {
      throw new MalformedError(
        `${part.length} bytes go on with a message of which ${missingBytes} are missing`,
      );
    }
    this.#append(part);
    if (this.#arrivedBytes < this.#messageBytes) return undefined;
    const message = this.#bytes.subarray(0, this.#messageBytes);
    this.#bytes = new Uint8Array(0);
    this.#arrivedBytes = 0;
    this.#messageBytes = 0;
    return message;
  }

  /** @throws {MalformedError} if a message is open: nothing else of its lane may come before its end. */
  requireClosed(): void {
    if (this.isOpen) throw new MalformedError('a message begins before the one before it has ended');
  }

  #append(part: Uint8Array): void {
    const neededBytes = this.#arrivedBytes + part.length;
    if (neededBytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#messageBytes, 2 * neededBytes));
      larger.set(this.#bytes.subarray(0, this.#arrivedBytes));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#arrivedBytes);
    this.#arrivedBytes = neededBytes;
  }
}
