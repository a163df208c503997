import { InvalidInputError, TsoracleError } from '../errors/index.js';
import type { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { MalformedError } from './malformed-error.js';

/**
 * How values of one type stand as bytes, on the wire and on disk. A host gives one for its entries and one for its snapshots.
 *
 * ## What implementors guarantee
 *
 * 1. `decode(encode(value))` equals `value`.
 * 2. `decode` consumes exactly what `encode` wrote, and throws a {@link MalformedError} (or any error, which is then wrapped into one)
 *    for bytes that `encode` cannot have written; it never returns a wrong value.
 * 3. `decode` copies the byte arrays that it keeps: those of the reader are views of a buffer that may be large, or reused.
 *
 * ## What implementors may assume
 *
 * The value's length is kept beside it: within `decode` the reader ends where the value does (`reader.remaining` is the value's
 * length at first), so that it cannot read what is not its own.
 */
export interface ValueCodec<T> {
  encode(value: T, writer: ByteWriter): void;
  decode(reader: ByteReader): T;
}

/** A host's two codecs: for the entries of its log, and for its snapshots. */
export interface Codecs<E, S> {
  readonly entry: ValueCodec<E>;
  readonly snapshot: ValueCodec<S>;
}

/** Bytes as themselves: for hosts that encode elsewhere, and for reading a log whose values need not be understood. */
export const bytesCodec: ValueCodec<Uint8Array> = {
  encode: (value, writer) => writer.raw(value),
  decode: (reader) => reader.raw(reader.remaining).slice(),
};

/**
 * How many bytes a value takes, without what stands around it on a disk or a wire: for `entryBytes` of a node.
 * @throws whatever the codec throws for a value that it refuses.
 */
export function encodedBytes<T>(codec: ValueCodec<T>, value: T): number {
  const writer = new ByteWriter();
  codec.encode(value, writer);
  return writer.length;
}

/**
 * A value of a host, behind its length.
 * @param field names the value in the error.
 * @throws {InvalidInputError} if the host's codec refuses the value, with what it threw as `cause`.
 */
export function writeValue<T>(writer: ByteWriter, codec: ValueCodec<T>, value: T, field: string): void {
  try {
    writer.nested((inner) => codec.encode(value, inner));
  } catch (cause) {
    if (cause instanceof TsoracleError) throw cause;
    throw new InvalidInputError(field, value, 'must be what its codec can encode', { cause });
  }
}

/**
 * A value of a host, from behind its length.
 * @throws {MalformedError} whatever the host's codec throws, or if it leaves bytes over.
 */
export function readValue<T>(reader: ByteReader, codec: ValueCodec<T>, field: string): T {
  try {
    return reader.nested((inner) => codec.decode(inner));
  } catch (cause) {
    if (cause instanceof MalformedError) throw cause;
    throw new MalformedError(`${field}: its codec failed to decode it`, { cause });
  }
}
