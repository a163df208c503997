export { ByteReader, MalformedError } from './byte-reader.js';
export { ByteWriter } from './byte-writer.js';
export type { ValueCodec } from './value-codec.js';
