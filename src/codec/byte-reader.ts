import { MalformedError } from './malformed-error.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads big-endian values from bytes that are not trusted. Every read checks that the bytes are there, and every value its range,
 * before anything is allocated for it; what does not fit throws a {@link MalformedError}, and the reader must then be thrown away.
 * Returned byte arrays are views, not copies: whoever keeps one keeps the whole underlying buffer, and sees it change if its owner
 * reuses it.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Where reading must stop: the end of the bytes, or of the nested value that is being read. */
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  /** How many bytes are left; within {@link nested}, how many are left of that value. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** The next byte. */
  u8(): number {
    return this.#view.getUint8(this.#claim(1));
  }

  /** The next 2 bytes, as an unsigned number. */
  u16(): number {
    return this.#view.getUint16(this.#claim(2));
  }

  /** The next 4 bytes, as an unsigned number. */
  u32(): number {
    return this.#view.getUint32(this.#claim(4));
  }

  /** The next 6 bytes, as an unsigned number. */
  u48(): number {
    const at = this.#claim(6);
    return this.#view.getUint16(at) * 2 ** 32 + this.#view.getUint32(at + 2);
  }

  /** A whole number within [0, 2^53 - 1] in 8 bytes. */
  u64(): number {
    const at = this.#claim(8);
    const value = this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value))
      throw new MalformedError(`a 64-bit number is above 2^53 - 1 at byte ${at}`);
    return value;
  }

  /** The next 8 bytes, as an unsigned number. */
  bigU64(): bigint {
    return this.#view.getBigUint64(this.#claim(8));
  }

  /** 16 lower-case hexadecimal digits from 8 bytes. */
  hex64(): string {
    return this.bigU64().toString(16).padStart(16, '0');
  }

  /** The next 8 bytes, as a floating-point number. */
  f64(): number {
    return this.#view.getFloat64(this.#claim(8));
  }

  /** The next byte, which must be 0 or 1. @throws {MalformedError} if it is not. */
  boolean(): boolean {
    const value = this.u8();
    if (value > 1) throw new MalformedError(`a boolean is ${value} at byte ${this.#at - 1}`);
    return value === 1;
  }

  /** The next `count` bytes, as a view. */
  raw(count: number): Uint8Array {
    const at = this.#claim(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** A u32 length and that many bytes, as a view. */
  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  /** A u32 length in bytes and a text as valid UTF-8. */
  string(): string {
    const bytes = this.bytes();
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new MalformedError(`a text is not valid UTF-8 before byte ${this.#at}`, { cause });
    }
  }

  /**
   * A u32 count of things that take at least `bytesEach` bytes each: checked against what is left, so that a giant count
   * allocates nothing.
   */
  count(bytesEach: number): number {
    const count = this.u32();
    if (count * bytesEach > this.remaining) {
      throw new MalformedError(`a count of ${count} does not fit into the ${this.remaining} bytes left`);
    }
    return count;
  }

  /**
   * A u32 length and a value of exactly that many bytes. While `decode` runs this reader ends where the value does, so that it cannot
   * read what follows; if it reads less than all of it, that is an error as well. Nested values may contain nested values.
   */
  nested<T>(decode: (reader: ByteReader) => T): T {
    const length = this.u32();
    if (length > this.remaining) {
      throw new MalformedError(
        `a value of ${length} bytes does not fit into the ${this.remaining} bytes left at byte ${this.#at}`,
      );
    }
    const outerEnd = this.#end;
    this.#end = this.#at + length;
    const value = decode(this);
    this.end();
    this.#end = outerEnd;
    return value;
  }

  /** @throws {MalformedError} if bytes are left. */
  /** @throws {MalformedError} unless everything has been read. */
  end(): void {
    if (this.remaining > 0)
      throw new MalformedError(`${this.remaining} bytes are left over at byte ${this.#at}`);
  }

  #claim(count: number): number {
    if (count > this.remaining) {
      throw new MalformedError(`${count} bytes are missing at byte ${this.#at}: ${this.remaining} are left`);
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
