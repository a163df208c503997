import { InvalidInputError } from '../errors/index.js';

const U48_MAX = 2 ** 48 - 1;
const INITIAL_BYTES = 256;

/**
 * Appends big-endian values to a buffer that grows as needed. Every value is range-checked; a value that does not fit throws an
 * `InvalidInputError`, and what was written before it must then be thrown away.
 */
export class ByteWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** How many bytes have been written. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    check('u8', value, 0xff);
    this.#view.setUint8(this.#claim(1), value);
  }

  u16(value: number): void {
    check('u16', value, 0xffff);
    this.#view.setUint16(this.#claim(2), value);
  }

  u32(value: number): void {
    check('u32', value, 0xffff_ffff);
    this.#view.setUint32(this.#claim(4), value);
  }

  u48(value: number): void {
    check('u48', value, U48_MAX);
    const at = this.#claim(6);
    this.#view.setUint16(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 2, value >>> 0);
  }

  /** A whole number within [0, 2^53 - 1], in 8 bytes. */
  u64(value: number): void {
    check('u64', value, Number.MAX_SAFE_INTEGER);
    const at = this.#claim(8);
    this.#view.setUint32(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 4, value >>> 0);
  }

  /** An unsigned 64-bit bigint, in 8 bytes. */
  bigU64(value: bigint): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new InvalidInputError('bigU64', value, 'must be within [0, 2^64 - 1]');
    }
    this.#view.setBigUint64(this.#claim(8), value);
  }

  /** 16 lower-case hexadecimal digits, in 8 bytes. */
  hex64(value: string): void {
    if (!/^[0-9a-f]{16}$/.test(value)) {
      throw new InvalidInputError('hex64', value, 'must be 16 lower-case hexadecimal digits');
    }
    const at = this.#claim(8);
    this.#view.setUint32(at, Number.parseInt(value.slice(0, 8), 16));
    this.#view.setUint32(at + 4, Number.parseInt(value.slice(8), 16));
  }

  f64(value: number): void {
    this.#view.setFloat64(this.#claim(8), value);
  }

  boolean(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  /** The bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#claim(bytes.length));
  }

  /** A u32 length and the bytes. */
  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** A u32 length in bytes and the text as UTF-8. */
  string(text: string): void {
    this.bytes(new TextEncoder().encode(text));
  }

  /** Writes a u32 at a place that has been written before. */
  patchU32(at: number, value: number): void {
    check('u32', value, 0xffff_ffff);
    this.#view.setUint32(at, value);
  }

  /** A copy of what has been written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

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

function check(type: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new InvalidInputError(type, value, `must be a whole number within [0, ${max}]`);
  }
}
