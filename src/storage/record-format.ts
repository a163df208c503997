import { crc32 } from 'node:zlib';
import type { ByteWriter } from '../codec/index.js';
import type { DirectoryId } from './storage.js';

/** What a record holds. A number is never used again for another type. */
export const RECORD_TYPES = { state: 1, writes: 2, peers: 3, refused: 4, seal: 5 } as const;
export type RecordType = keyof typeof RECORD_TYPES;

const TYPES_BY_BYTE = new Map(
  // Object.entries forgets that the keys are RecordTypes; the constant above has no others.
  Object.entries(RECORD_TYPES).map(([type, byte]) => [byte as number, type as RecordType]),
);

/** A record's contents, before it has a place. */
export interface RecordContents {
  readonly type: RecordType;
  readonly payload: Uint8Array;
}

/** One valid record, where it stands. */
export interface JournalRecord extends RecordContents {
  /** Rises by one from record to record, through all segments. */
  readonly number: number;
  /** Every record up to this number was durable when this one was written. */
  readonly durableThrough: number;
  /** Whether this record is the last of its batch. */
  readonly closesBatch: boolean;
  /** Where in the file it begins, and where what follows it begins. */
  readonly position: number;
  readonly end: number;
}

/** Which segment records stand in: part of what their checksums cover. */
export interface SegmentPlace {
  readonly directoryId: DirectoryId;
  readonly generation: number;
}

/** CRC-32 4, payload length u32, generation u64, number u64, durableThrough u64, type u8, flags u8, 0 u16. */
export const RECORD_HEADER_BYTES = 36;
const LENGTH_AT = 4;
const GENERATION_AT = 8;
const NUMBER_AT = 16;
const DURABLE_AT = 24;
const TYPE_AT = 32;
const FLAGS_AT = 33;
const FLAG_CLOSES_BATCH = 1;

/** The most that one record's payload may have. */
export const RECORD_PAYLOAD_BYTES_MAX = 2 ** 30;

export function recordBytes(contents: RecordContents): number {
  return RECORD_HEADER_BYTES + contents.payload.length;
}

/** Where a batch goes. */
export interface BatchPlace extends SegmentPlace {
  /** Where in the file the first record goes. */
  readonly position: number;
  /** The number of the first record. */
  readonly firstNumber: number;
  readonly durableThrough: number;
}

/** Appends records to `writer`, of which what it holds already is no part; `closes`: whether the last of them closes the batch. */
export function writeRecords(
  writer: ByteWriter,
  records: readonly RecordContents[],
  place: BatchPlace,
  closes: boolean,
): void {
  const seed = checksumSeed(place.directoryId);
  const start = writer.length;
  records.forEach(({ type, payload }, i) => {
    const at = writer.length;
    writer.u32(0);
    writer.u32(payload.length);
    writer.u64(place.generation);
    writer.u64(place.firstNumber + i);
    writer.u64(place.durableThrough);
    writer.u8(RECORD_TYPES[type]);
    writer.u8(closes && i === records.length - 1 ? FLAG_CLOSES_BATCH : 0);
    writer.u16(0);
    writer.raw(payload);
    writer.patchU32(at, checksum(writer.written(at), seed, place.position + at - start));
  });
}

/** Finds valid records in the bytes of a segment. */
export class RecordParser {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #generation: number;
  readonly #seed: number;

  constructor(bytes: Uint8Array, place: SegmentPlace) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#generation = place.generation;
    this.#seed = checksumSeed(place.directoryId);
  }

  /** The record that begins at `position`; undefined if there is none whose every bit is as it was written, at this very place. */
  parse(position: number): JournalRecord | undefined {
    if (position + RECORD_HEADER_BYTES > this.#bytes.length) return undefined;
    const length = this.#view.getUint32(position + LENGTH_AT);
    const end = position + RECORD_HEADER_BYTES + length;
    if (end > this.#bytes.length) return undefined;
    if (this.#u64(position + GENERATION_AT) !== this.#generation) return undefined;
    const type = TYPES_BY_BYTE.get(this.#view.getUint8(position + TYPE_AT));
    if (type === undefined) return undefined;
    const whole = this.#bytes.subarray(position, end);
    if (this.#view.getUint32(position) !== checksum(whole, this.#seed, position)) return undefined;
    return {
      type,
      payload: this.#bytes.subarray(position + RECORD_HEADER_BYTES, end),
      number: this.#u64(position + NUMBER_AT),
      durableThrough: this.#u64(position + DURABLE_AT),
      closesBatch: (this.#view.getUint8(position + FLAGS_AT) & FLAG_CLOSES_BATCH) !== 0,
      position,
      end,
    };
  }

  #u64(at: number): number {
    return this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
  }
}

function checksumSeed(directoryId: DirectoryId): number {
  return crc32(directoryId);
}

/** Where the checksum's place is put together; used and done with in one turn. */
const placeScratch = new DataView(new ArrayBuffer(8));

/** Covers the directory, the place in the file, and everything of the record after the checksum itself. */
function checksum(record: Uint8Array, seed: number, position: number): number {
  placeScratch.setUint32(0, Math.floor(position / 2 ** 32));
  placeScratch.setUint32(4, position >>> 0);
  return crc32(record.subarray(LENGTH_AT), crc32(placeScratch, seed));
}
