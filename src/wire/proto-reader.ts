import { MalformedMessageError } from './malformed-message-error.js';
import { UINT32_MAX, WIRE_FIXED32, WIRE_FIXED64, WIRE_LENGTH_DELIMITED, WIRE_VARINT } from './wire-type.js';

/** A varint carries 7 bits a byte: 64 bits take at most 10 bytes, the 10th with one bit. */
const VARINT_BYTES_MAX = 10;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one protobuf message, field by field, from bytes that are not trusted:
 *
 *     for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
 *       switch (field) {
 *         case 1: count = reader.uint32(); break;
 *         default: reader.skip();
 *       }
 *     }
 *
 * After {@link nextField} the field's value must be read or skipped, once. Everything is checked before
 * anything is allocated for it; what does not fit throws a {@link MalformedMessageError}, and the reader must
 * then be thrown away. Stricter than proto3 asks for in three points, so that a value is never silently
 * another one: a known field of another wire type is refused rather than skipped, an integer that its type
 * cannot hold is refused rather than cut down, and the long obsolete groups are refused rather than skipped.
 */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #field = 0;
  #wireType = 0;
  /** The upper and lower 32 bits of the varint that was read last. */
  #high = 0;
  #low = 0;

  /** Reads `bytes` within [start, end). */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The number of the next field, within [1, 2^29 - 1], or 0 at the end of the message. */
  nextField(): number {
    if (this.#at === this.#end) return 0;
    const start = this.#at;
    this.#varint();
    if (this.#high !== 0) throw this.#malformed(`the tag at byte ${start} does not fit into 32 bits`);
    const field = this.#low >>> 3;
    if (field === 0) throw this.#malformed(`the tag at byte ${start} names no field`);
    this.#field = field;
    this.#wireType = this.#low & 7;
    return field;
  }

  uint32(): number {
    this.#expect(WIRE_VARINT);
    this.#varint();
    if (this.#high !== 0) throw this.#malformed(`field ${this.#field} is above ${UINT32_MAX}`);
    return this.#low;
  }

  /** A uint64 that must be within [0, 2^53 - 1]. */
  safeUint64(): number {
    this.#expect(WIRE_VARINT);
    this.#varint();
    const value = this.#high * 2 ** 32 + this.#low;
    if (!Number.isSafeInteger(value)) throw this.#malformed(`field ${this.#field} is above 2^53 - 1`);
    return value;
  }

  uint64(): bigint {
    this.#expect(WIRE_VARINT);
    this.#varint();
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  string(): string {
    const start = this.#claimDelimited();
    try {
      return utf8.decode(this.#bytes.subarray(start, this.#at));
    } catch (cause) {
      throw new MalformedMessageError(`field ${this.#field} is not valid UTF-8`, { cause });
    }
  }

  /** A reader of the message that the field holds. */
  message(): ProtoReader {
    const start = this.#claimDelimited();
    return new ProtoReader(this.#bytes, start, this.#at);
  }

  /** Passes over the field's value, whatever it means. */
  skip(): void {
    switch (this.#wireType) {
      case WIRE_VARINT:
        this.#varint();
        return;
      case WIRE_FIXED64:
        this.#claim(8);
        return;
      case WIRE_LENGTH_DELIMITED:
        this.#claimDelimited();
        return;
      case WIRE_FIXED32:
        this.#claim(4);
        return;
      default:
        throw this.#malformed(`field ${this.#field} has the refused wire type ${this.#wireType}`);
    }
  }

  #expect(wireType: number): void {
    if (this.#wireType === wireType) return;
    throw this.#malformed(
      `field ${this.#field} has the wire type ${this.#wireType}; ${wireType} was expected`,
    );
  }

  /** Claims a length and that many bytes. @returns where they begin; they end where the reader now stands. */
  #claimDelimited(): number {
    this.#expect(WIRE_LENGTH_DELIMITED);
    this.#varint();
    return this.#claim(this.#high * 2 ** 32 + this.#low);
  }

  #claim(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) {
      throw this.#malformed(`field ${this.#field} has ${length} bytes; ${this.#end - start} are left`);
    }
    this.#at = start + length;
    return start;
  }

  /**
   * Reads up to 64 bits into {@link #high} and {@link #low}. Zero groups at the top are allowed, as proto3
   * has it.
   */
  #varint(): void {
    let low = 0;
    let high = 0;
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined || this.#at >= this.#end) {
        throw this.#malformed(`the message ends within a varint, at byte ${this.#at}`);
      }
      this.#at++;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (index < 9) high |= bits << (7 * index - 32);
      else if (bits > 1) throw this.#malformed(`a varint does not fit into 64 bits, at byte ${this.#at - 1}`);
      else high |= bits << 31;
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw this.#malformed(`a varint is longer than ${VARINT_BYTES_MAX} bytes, at byte ${this.#at}`);
  }

  #malformed(message: string): MalformedMessageError {
    return new MalformedMessageError(message);
  }
}
