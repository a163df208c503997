import { join, resolve } from 'node:path';
import { bytesCodec } from '../codec/index.js';
import { checkedCall, writeNewFile } from './checked-file.js';
import {
  IDENTITY_NAME,
  identityPath,
  isLeftByInit,
  isLockName,
  lockPath,
  ownNames,
  UNFINISHED_SUFFIX,
} from './directory-layout.js';
import type { FileSystem } from './file-system.js';
import { encodeIdentity } from './identity-file.js';
import { type InitDataDirectoryOptions, parseInitOptions } from './journal-options.js';
import { acquireLock } from './lock-file.js';
import { makeDirectories } from './make-directories.js';
import { encodeState } from './record-codec.js';
import { SegmentWriter } from './segment-writer.js';
import { StorageError } from './storage-error.js';
import { StorageImage } from './storage-operation.js';

/** The size of the segment that a directory begins with: the first opening replaces it. */
const FIRST_SEGMENT_BYTES = 4_096;

/**
 * Makes a data directory: the only act that does. When it resolves the directory is durable, with a random id of its own, and `openJournal` opens it.
 *
 * The identity file comes last: as long as it is not there, nothing has been made, and `init` may be run again over what a crash has left.
 *
 * @throws {InvalidInputError} naming the option.
 * @throws {StorageError} `storage_already_initialized` if it is one already, or holds files that are not of an unfinished `init`; `storage_locked`;
 * `storage_io`.
 */
export async function initDataDirectory(options: InitDataDirectoryOptions): Promise<void> {
  const parsed = parseInitOptions(options);
  const { dataDir, fileSystem } = parsed;
  await makeDirectories(resolve(dataDir), fileSystem);
  await refuseUnlessEmpty(dataDir, fileSystem);
  const lock = await acquireLock(lockPath(dataDir), parsed);
  try {
    for (const name of await refuseUnlessEmpty(dataDir, fileSystem)) {
      if (isLockName(name)) continue;
      const path = join(dataDir, name);
      await checkedCall('unlink', path, () => fileSystem.unlink(path));
    }
    const directoryId = parsed.random.nextId();
    const image = StorageImage.initial<Uint8Array, Uint8Array>(parsed.config, parsed.firstSnapshot);
    const segment = await SegmentWriter.create({
      dataDir,
      fileSystem,
      directoryId,
      generation: 1,
      firstRecord: 1,
      state: encodeState(image, { entry: bytesCodec, snapshot: bytesCodec }),
      segmentBytes: FIRST_SEGMENT_BYTES,
      room: 0,
    });
    await segment.close();
    const identity = { ...parsed, directoryId, initialConfig: parsed.config };
    const path = identityPath(dataDir);
    const unfinished = `${path}${UNFINISHED_SUFFIX}`;
    await writeNewFile(fileSystem, unfinished, encodeIdentity(identity));
    await checkedCall('rename', unfinished, () => fileSystem.rename(unfinished, path));
    await checkedCall('fsync', dataDir, () => fileSystem.syncDirectory(dataDir));
  } finally {
    await lock.release();
  }
}

/** The names in the directory, all of them left by an unfinished `init`. */
async function refuseUnlessEmpty(dataDir: string, fileSystem: FileSystem): Promise<string[]> {
  const names = ownNames(await checkedCall('readdir', dataDir, () => fileSystem.readdir(dataDir)));
  if (names.includes(IDENTITY_NAME)) {
    throw new StorageError(
      'storage_already_initialized',
      `${dataDir}: it is a data directory already. Start the node from it, or choose another path`,
    );
  }
  const foreign = names.find((name) => !isLeftByInit(name));
  if (foreign !== undefined) {
    throw new StorageError(
      'storage_already_initialized',
      `${dataDir}: it holds ${foreign}, which is not of an unfinished init. Choose an empty directory`,
    );
  }
  return names;
}
