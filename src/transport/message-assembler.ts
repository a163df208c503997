import { ByteReader, MalformedError } from '../codec/index.js';
import type { Frame } from './frame-codec.js';

/** Joins the frames of large messages. Memory is taken as frames arrive, never because a length says so. */
export class MessageAssembler {
  readonly #maxMessageBytes: number;
  #parts: Uint8Array[] = [];
  #missingBytes = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Takes a frame of kind `whole`, `first` or `more`, and gives the message that is complete with it, if there is one.
   * @throws {MalformedError} for frames that do not follow from each other, or a message above the limit.
   */
  push({ kind, payload }: Frame): Uint8Array | undefined {
    switch (kind) {
      case 'whole':
        return payload;
      case 'first':
        return this.#begin(payload);
      case 'more':
        return this.#goOn(payload);
      default:
        throw new MalformedError(`a frame of kind ${kind} comes in the middle of messages`);
    }
  }

  #begin(payload: Uint8Array): Uint8Array | undefined {
    if (this.#missingBytes > 0)
      throw new MalformedError('a message begins before the one before it has ended');
    const reader = new ByteReader(payload);
    const messageBytes = reader.u32();
    if (messageBytes > this.#maxMessageBytes) {
      throw new MalformedError(
        `a message of ${messageBytes} bytes is above the limit of ${this.#maxMessageBytes}`,
      );
    }
    this.#missingBytes = messageBytes;
    return this.#goOn(reader.raw(reader.remaining));
  }

  #goOn(part: Uint8Array): Uint8Array | undefined {
    if (part.length === 0 || part.length > this.#missingBytes) {
      throw new MalformedError(
        `${part.length} bytes go on with a message of which ${this.#missingBytes} are missing`,
      );
    }
    this.#parts.push(part);
    this.#missingBytes -= part.length;
    if (this.#missingBytes > 0) return undefined;
    const message = Buffer.concat(this.#parts);
    this.#parts = [];
    return message;
  }
}
