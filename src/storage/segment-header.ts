import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, CODEC_VERSION } from '../codec/index.js';
import { checkFormatVersion, FORMAT_VERSION } from './format-version.js';
import type { DirectoryId } from './storage.js';
import { StorageCorruptError, StorageError } from './storage-error.js';

/** What a segment says of itself, in its first bytes. */
export interface SegmentHeader {
  readonly directoryId: DirectoryId;
  /** Rises by one from segment to segment; the number in the file's name. */
  readonly generation: number;
  /** The number of its first record. */
  readonly firstRecord: number;
  /** The size of the file, which never changes: what is not used is zero. */
  readonly capacityBytes: number;
}

const MAGIC = new TextEncoder().encode('TSOJRNL\n');
const CRC_AT = MAGIC.length;
const BODY_AT = CRC_AT + 4;

/** magic 8, CRC-32 of what follows 4, format u16, codec version u8, 0, directory id 8, generation u64, first record u64, capacity u64. */
export const SEGMENT_HEADER_BYTES = 48;

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const writer = new ByteWriter(SEGMENT_HEADER_BYTES);
  writer.raw(MAGIC);
  writer.u32(0);
  writer.u16(FORMAT_VERSION);
  writer.u8(CODEC_VERSION);
  writer.u8(0);
  writer.hex64(header.directoryId);
  writer.u64(header.generation);
  writer.u64(header.firstRecord);
  writer.u64(header.capacityBytes);
  writer.patchU32(CRC_AT, crc32(writer.written(BODY_AT)));
  return writer.finish();
}

/**
 * The header of a whole segment file, checked against the file's own name and size.
 * @throws {StorageCorruptError} if it is damaged, cut short, or another directory's or generation's.
 * @throws {StorageError} `storage_format` if another release wrote it.
 */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  file: string,
  expected: { readonly directoryId: DirectoryId; readonly generation: number },
): SegmentHeader {
  const damaged = (detail: string): StorageCorruptError =>
    new StorageCorruptError(file, detail, { position: 0 });
  if (bytes.length < SEGMENT_HEADER_BYTES)
    throw damaged(`it has ${bytes.length} bytes, less than its header`);
  const reader = new ByteReader(bytes.subarray(0, SEGMENT_HEADER_BYTES));
  if (Buffer.compare(reader.raw(MAGIC.length), MAGIC) !== 0) throw damaged('it does not begin as a segment');
  if (reader.u32() !== crc32(bytes.subarray(BODY_AT, SEGMENT_HEADER_BYTES))) {
    throw damaged('the checksum of its header is wrong');
  }
  checkFormatVersion(file, reader.u16());
  const codecVersion = reader.u8();
  if (codecVersion !== CODEC_VERSION) {
    throw new StorageError(
      'storage_format',
      `${file}: its codec version is ${codecVersion}; this release reads ${CODEC_VERSION} only. Use the release that wrote it`,
    );
  }
  reader.u8();
  const header = {
    directoryId: reader.hex64(),
    generation: reader.u64(),
    firstRecord: reader.u64(),
    capacityBytes: reader.u64(),
  };
  if (header.directoryId !== expected.directoryId) {
    throw damaged(`it belongs to directory ${header.directoryId}, not to ${expected.directoryId}`);
  }
  if (header.generation !== expected.generation) {
    throw damaged(`it is of generation ${header.generation}, under a name of ${expected.generation}`);
  }
  if (header.capacityBytes !== bytes.length) {
    throw damaged(`it has ${bytes.length} bytes where ${header.capacityBytes} were written`);
  }
  return header;
}
