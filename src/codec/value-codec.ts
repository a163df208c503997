import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';

/**
 * How values of one type stand as bytes, on the wire and on disk. A host gives one for its entries and one for its snapshots.
 *
 * `decode(encode(value))` must equal `value`; `decode` must consume exactly what `encode` wrote, and throw a `MalformedError` (or any error) for
 * bytes that `encode` cannot have written, never return a wrong value.
 */
export interface ValueCodec<T> {
  encode(value: T, writer: ByteWriter): void;
  decode(reader: ByteReader): T;
}
