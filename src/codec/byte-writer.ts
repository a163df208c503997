import { InvalidInputError } from '../errors/index.js';

const U48_MAX = 2 ** 48 - 1;
const U32_MAX = 0xffff_ffff;
const INITIAL_BYTES = 256;
const utf8 = new TextEncoder();
/** Half a surrogate pair: UTF-8 has no bytes for it, and an encoder would replace it silently. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Appends big-endian values to a buffer that grows as needed. Every value is range-checked; a value that does not fit throws an
 * `InvalidInputError` that names `field`, and what was written before it must then be thrown away.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** @param initialBytes how much to allocate at first: a hint, no limit. */
  constructor(initialBytes = INITIAL_BYTES) {
    this.#bytes = new Uint8Array(Math.max(initialBytes, 16));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#length;
  }

  /** One byte. @throws {InvalidInputError} naming `field`, unless it is a whole number within [0, 2^8). */
  u8(value: number, field = 'u8'): void {
    check(field, value, 0xff);
    const at = this.#claim(1);
    this.#view.setUint8(at, value);
  }

  /** 2 bytes. @throws {InvalidInputError} naming `field`, unless it is a whole number within [0, 2^16). */
  u16(value: number, field = 'u16'): void {
    check(field, value, 0xffff);
    const at = this.#claim(2);
    this.#view.setUint16(at, value);
  }

  /** 4 bytes. @throws {InvalidInputError} naming `field`, unless it is a whole number within [0, 2^32). */
  u32(value: number, field = 'u32'): void {
    check(field, value, U32_MAX);
    const at = this.#claim(4);
    this.#view.setUint32(at, value);
  }

  /** 6 bytes. @throws {InvalidInputError} naming `field`, unless it is a whole number within [0, 2^48). */
  u48(value: number, field = 'u48'): void {
    check(field, value, U48_MAX);
    const at = this.#claim(6);
    this.#view.setUint16(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 2, value >>> 0);
  }

  /** A whole number within [0, 2^53 - 1], in 8 bytes. */
  u64(value: number, field = 'u64'): void {
    check(field, value, Number.MAX_SAFE_INTEGER);
    const at = this.#claim(8);
    this.#view.setUint32(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 4, value >>> 0);
  }

  /** An unsigned 64-bit bigint, in 8 bytes. */
  bigU64(value: bigint, field = 'bigU64'): void {
    if (typeof value !== 'bigint' || value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new InvalidInputError(field, value, 'must be a bigint within [0, 2^64 - 1]');
    }
    const at = this.#claim(8);
    this.#view.setBigUint64(at, value);
  }

  /** 16 lower-case hexadecimal digits, in 8 bytes. */
  hex64(value: string, field = 'hex64'): void {
    if (!/^[0-9a-f]{16}$/.test(value)) {
      throw new InvalidInputError(field, value, 'must be 16 lower-case hexadecimal digits');
    }
    const at = this.#claim(8);
    this.#view.setUint32(at, Number.parseInt(value.slice(0, 8), 16));
    this.#view.setUint32(at + 4, Number.parseInt(value.slice(8), 16));
  }

  /** 8 bytes of a floating-point number. */
  f64(value: number, field = 'f64'): void {
    if (typeof value !== 'number') throw new InvalidInputError(field, value, 'must be a number');
    const at = this.#claim(8);
    this.#view.setFloat64(at, value);
  }

  /** One byte: 0 or 1. */
  boolean(value: boolean, field = 'boolean'): void {
    if (typeof value !== 'boolean') throw new InvalidInputError(field, value, 'must be true or false');
    this.u8(value ? 1 : 0);
  }

  /** The bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    const at = this.#claim(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** A u32 length and the bytes. */
  bytes(bytes: Uint8Array, field = 'bytes'): void {
    if (!(bytes instanceof Uint8Array)) throw new InvalidInputError(field, bytes, 'must be a Uint8Array');
    this.u32(bytes.length, field);
    this.raw(bytes);
  }

  /** A u32 length in bytes and the text as UTF-8. A text with half a surrogate pair is refused. */
  string(text: string, field = 'string'): void {
    if (typeof text !== 'string' || LONE_SURROGATE.test(text)) {
      throw new InvalidInputError(field, text, 'must be a text of whole Unicode characters');
    }
    this.bytes(utf8.encode(text), field);
  }

  /** A u32 length and what `encode` writes: the counterpart of `ByteReader.nested`. */
  nested(encode: (writer: ByteWriter) => void): void {
    const at = this.#length;
    this.u32(0);
    encode(this);
    this.patchU32(at, this.#length - at - 4);
  }

  /** Writes a u32 at a place that has been written before. */
  patchU32(at: number, value: number): void {
    check('u32', value, U32_MAX);
    if (!Number.isSafeInteger(at) || at < 0 || at + 4 > this.#length) {
      throw new InvalidInputError('at', at, `must be within [0, ${this.#length - 4}]`);
    }
    this.#view.setUint32(at, value);
  }

  /** The bytes written from `from` on, as a view that is good until the next write. */
  written(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#length);
  }

  /** Forgets what was written and keeps the memory. Views and copies given before stay what they are only if they are copies. */
  reset(): void {
    this.#length = 0;
  }

  /** A copy of what has been written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes room and says where. It may replace buffer and view, so callers read those fields only after it. */
  #claim(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return at;
  }
}

function check(field: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new InvalidInputError(field, value, `must be a whole number within [0, ${max}]`);
  }
}
