import fc from 'fast-check';
import type { ByteReader, ByteWriter, Codecs } from '../../src/codec/index.js';
import type { ValueArbitraries } from '../../src/testing/arbitraries/index.js';

/** A text entry and a snapshot of one number: codecs with a variable and a fixed length. */
export const testCodecs: Codecs<string, number> = {
  entry: {
    encode: (value, writer) => writer.string(value),
    decode: (reader) => reader.string(),
  },
  snapshot: {
    encode: (value, writer) => writer.u64(value),
    decode: (reader) => reader.u64(),
  },
};

export const testValues: ValueArbitraries<string, number> = {
  entry: fc.string({ unit: 'grapheme', maxLength: 8 }),
  snapshot: fc.maxSafeNat(),
};

/** Codecs whose entry codec misbehaves in one way. */
export function withEntryCodec(entry: {
  encode?: (value: string, writer: ByteWriter) => void;
  decode?: (reader: ByteReader) => string;
}): Codecs<string, number> {
  return { ...testCodecs, entry: { ...testCodecs.entry, ...entry } };
}
