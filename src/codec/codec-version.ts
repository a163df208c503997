import type { ByteReader } from './byte-reader.js';
import { MalformedError } from './malformed-error.js';

/**
 * The version of the byte forms in this room: the first byte of every message, and part of every journal segment's header. Raised
 * whenever a form changes.
 */
export const CODEC_VERSION = 1;

/** @throws {MalformedError} unless the next byte is {@link CODEC_VERSION}. */
export function readCodecVersion(reader: ByteReader): void {
  const version = reader.u8();
  if (version !== CODEC_VERSION) {
    throw new MalformedError(`the codec version is ${version}; this release reads ${CODEC_VERSION}`);
  }
}
