import type { Codecs } from '../codec/index.js';
import { checkedCall, readFile } from './checked-file.js';
import {
  IDENTITY_NAME,
  identityPath,
  isLeftByInit,
  ownNames,
  segmentGeneration,
  segmentPath,
} from './directory-layout.js';
import type { FileSystem } from './file-system.js';
import { type DirectoryIdentity, decodeIdentity, IDENTITY_BYTES_MAX } from './identity-file.js';
import { replay } from './record-codec.js';
import { decodeSegmentHeader } from './segment-header.js';
import { scanSegment } from './segment-scan.js';
import { SEGMENT_FILE_BYTES_MAX } from './segment-writer.js';
import { StorageCorruptError, StorageError, StorageIoError } from './storage-error.js';
import type { StorageImage } from './storage-operation.js';

/** What a data directory holds. */
export interface RecoveredDirectory<E, S> {
  readonly image: StorageImage<E, S>;
  /** The segment that it was read from. */
  readonly segmentFile: string;
  readonly generation: number;
  readonly segmentBytes: number;
  /** How much of the segment was used. */
  readonly usedBytes: number;
  /** The number of the record that comes next. */
  readonly nextRecord: number;
  /** Whether writes that were never acknowledged stood at its end, and were left out. */
  readonly torn: boolean;
}

/**
 * Whose directory this is. Reads only.
 * @throws {StorageError} `storage_not_initialized`, `storage_incomplete`, `storage_format`, `storage_corrupt` or `storage_io`.
 */
export async function readIdentity(dataDir: string, fileSystem: FileSystem): Promise<DirectoryIdentity> {
  const names = await namesIn(dataDir, fileSystem);
  if (!names.includes(IDENTITY_NAME)) throw withoutIdentity(dataDir, names);
  const path = identityPath(dataDir);
  return decodeIdentity(await readFile(fileSystem, path, IDENTITY_BYTES_MAX), path);
}

/**
 * What the newest segment adds up to. Older ones are leftovers: a segment has its name only when it is whole
 * and durable, and is then the only one that counts. Reads only.
 * @throws {StorageError} `storage_format`, `storage_corrupt` or `storage_io`.
 */
export async function recoverDirectory<E, S>(
  dataDir: string,
  identity: DirectoryIdentity,
  fileSystem: FileSystem,
  codecs: Codecs<E, S>,
): Promise<RecoveredDirectory<E, S>> {
  const generations = (await namesIn(dataDir, fileSystem)).flatMap((name) => segmentGeneration(name) ?? []);
  if (generations.length === 0) throw new StorageCorruptError(dataDir, 'it holds no journal segment');
  const generation = Math.max(...generations);
  const file = segmentPath(dataDir, generation);
  const bytes = await readFile(fileSystem, file, SEGMENT_FILE_BYTES_MAX);
  const header = decodeSegmentHeader(bytes, file, { directoryId: identity.directoryId, generation });
  const { records, nextRecord, end, torn } = scanSegment(bytes, file, header);
  const image = replay(records, codecs, (record, detail, cause) => {
    return new StorageCorruptError(file, detail, { record: record.number, position: record.position, cause });
  });
  return {
    image,
    segmentFile: file,
    generation,
    segmentBytes: bytes.length,
    usedBytes: end,
    nextRecord,
    torn,
  };
}

async function namesIn(dataDir: string, fileSystem: FileSystem): Promise<string[]> {
  try {
    return ownNames(await checkedCall('readdir', dataDir, () => fileSystem.readdir(dataDir)));
  } catch (error) {
    if (error instanceof StorageIoError && error.errno === 'ENOENT') return [];
    if (error instanceof StorageIoError && error.errno === 'ENOTDIR') {
      throw new StorageError(
        'storage_not_initialized',
        `${dataDir}: it is not a directory. Give the path of a data directory`,
        { cause: error },
      );
    }
    throw error;
  }
}

function withoutIdentity(dataDir: string, names: readonly string[]): StorageError {
  const segment = names.find((name) => (segmentGeneration(name) ?? 0) > 1);
  if (segment !== undefined) {
    return new StorageCorruptError(identityPath(dataDir), `it is missing beside ${segment}`);
  }
  if (names.length > 0 && names.every(isLeftByInit)) {
    return new StorageError(
      'storage_incomplete',
      `${dataDir}: an init did not come to its end, and nothing counts on what it left. Run init again`,
    );
  }
  return new StorageError(
    'storage_not_initialized',
    `${dataDir}: it is no data directory. Make one with init; if there was one here, do not: its node must be replaced`,
  );
}
