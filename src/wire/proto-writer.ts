import { InvalidInputError } from '../errors/index.js';
import { UINT32_MAX, UINT64_MAX, WIRE_LENGTH_DELIMITED, WIRE_VARINT } from './wire-type.js';

const utf8 = new TextEncoder();

/**
 * Writes one protobuf message, in the order of the calls. The plain methods follow proto3's implicit
 * presence: a default value (0, the empty text) is not written. Those that begin with `present` write the
 * field whatever its value is. Field numbers must be within [1, 15], which is all that this service uses and
 * takes one byte.
 *
 * @throws {InvalidInputError} naming `name`, if a value does not fit its type; the writer must then be thrown
 *   away.
 */
export class ProtoWriter {
  readonly #bytes: number[] = [];

  uint32(field: number, name: string, value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > UINT32_MAX) {
      throw new InvalidInputError(name, value, `must be a whole number within [0, ${UINT32_MAX}]`);
    }
    this.#number(field, value);
  }

  /** A uint64 within [0, 2^53 - 1]. */
  safeUint64(field: number, name: string, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new InvalidInputError(name, value, 'must be a whole number within [0, 2^53 - 1]');
    }
    this.#number(field, value);
  }

  uint64(field: number, name: string, value: bigint): void {
    if (value < 0n || value > UINT64_MAX) {
      throw new InvalidInputError(name, value, 'must be a bigint within [0, 2^64)');
    }
    if (value === 0n) return;
    this.#tag(field, WIRE_VARINT);
    let rest = value;
    while (rest > 0x7fn) {
      this.#bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#bytes.push(Number(rest));
  }

  presentString(field: number, value: string): void {
    this.#delimited(field, utf8.encode(value));
  }

  presentMessage(field: number, message: ProtoWriter): void {
    this.#delimited(field, message.#bytes);
  }

  /** The message's bytes. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #number(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, WIRE_VARINT);
    this.#varint(value);
  }

  #tag(field: number, wireType: number): void {
    this.#bytes.push((field << 3) | wireType);
  }

  /** Division instead of shifts: a shift would cut the number down to 32 bits. */
  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes.push(rest);
  }

  #delimited(field: number, bytes: ArrayLike<number> & Iterable<number>): void {
    this.#tag(field, WIRE_LENGTH_DELIMITED);
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
  }
}
