import { join } from 'node:path';
import { type Epoch, epochFromHalves, epochHalves, isHighWater } from '../consensus/index.js';
import { type RecordKind, StorageCorruptError } from '../storage/index.js';

/** What a `FileDriver` keeps in its file. */
export interface HighWaterRecord {
  readonly highWaterMs: number;
  /** Of the latest leadership: it rises at each opening. */
  readonly epoch: Epoch;
}

/** The file of a `FileDriver`. */
export const HIGH_WATER_RECORD: RecordKind = {
  name: 'high-water',
  magic: 'TSOHIGHW',
  ifMissing:
    'Make the directory with initFileDriver; if there was one here, its highWaterMs above every timestamp granted so far (on the command line: init file --seed-physical-ms)',
  ifDamaged:
    'Keep it for inspection, and make another directory with initFileDriver, its highWaterMs above every timestamp granted so far (on the command line: init file --seed-physical-ms)',
};

const RECORD_BYTES = 24;

/** The high-water (unsigned 64 bits), then the upper and the lower 64 bits of the epoch. */
export function encodeHighWaterRecord({ epoch, highWaterMs }: HighWaterRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  const { hi, lo } = epochHalves(epoch);
  view.setBigUint64(0, BigInt(highWaterMs));
  view.setBigUint64(8, hi);
  view.setBigUint64(16, lo);
  return bytes;
}

/** @throws {StorageCorruptError} if the bytes are not what {@link encodeHighWaterRecord} gives; `dataDir` is where they were found. */
export function readHighWaterRecord(bytes: Uint8Array, dataDir: string): HighWaterRecord {
  const record = decodeHighWaterRecord(bytes);
  if (record !== undefined) return record;
  const { ifDamaged, name } = HIGH_WATER_RECORD;
  throw new StorageCorruptError(join(dataDir, name), 'it holds no high-water', { nextStep: ifDamaged });
}

function decodeHighWaterRecord(bytes: Uint8Array): HighWaterRecord | undefined {
  if (bytes.length !== RECORD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const highWaterMs = Number(view.getBigUint64(0));
  if (!isHighWater(highWaterMs)) return undefined;
  return { highWaterMs, epoch: epochFromHalves({ hi: view.getBigUint64(8), lo: view.getBigUint64(16) }) };
}
