import type { Epoch } from '../consensus/index.js';
import { type DirectorySeams, inspectRecordDirectory, type LockStatus } from '../storage/index.js';
import { HIGH_WATER_RECORD, readHighWaterRecord } from './high-water-record.js';

/** What the directory of a `FileDriver` holds, for people. */
export interface FileDriverReport {
  /** Every timestamp that was granted is at or below it, in ms. */
  readonly highWaterMs: number;
  /** Of the latest opening; 0 if there was none. */
  readonly epoch: Epoch;
  /** The size of its file. */
  readonly bytes: number;
  /** Who has it open. */
  readonly lock: LockStatus;
}

/**
 * Reads what `initFileDriver` has made, and changes nothing in it; a process may have it open.
 *
 * @throws {InvalidInputError} naming the option.
 * @throws {StorageError} as `FileDriver.open`, except `storage_locked`.
 */
export async function inspectFileDriver(
  options: DirectorySeams & { readonly dataDir: string },
): Promise<FileDriverReport> {
  const { body, bytes, lock } = await inspectRecordDirectory({ ...options, kind: HIGH_WATER_RECORD });
  return { ...readHighWaterRecord(body, options.dataDir), bytes, lock };
}
