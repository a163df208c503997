import { dirname } from 'node:path';
import { checkedCall } from './checked-file.js';
import type { FileSystem } from './file-system.js';
import { StorageIoError } from './storage-error.js';

/** What a parent answers that we may not, or need not, sync: one above a mounted volume is often read-only. */
const NOT_OURS_TO_SYNC: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS', 'EINVAL']);

/**
 * Makes a directory and those above it, each durable in its parent. The first one that is there already is made durable as well: whoever made it, its user or
 * an `init` that did not come to its end, need not have done that.
 */
export async function makeDirectories(path: string, fileSystem: FileSystem): Promise<void> {
  const parent = dirname(path);
  if (await isDirectory(path, fileSystem)) {
    await syncIfOurs(parent, fileSystem);
    return;
  }
  if (parent !== path) await makeDirectories(parent, fileSystem);
  try {
    await checkedCall('mkdir', path, () => fileSystem.mkdir(path));
  } catch (error) {
    // Made by somebody else meanwhile.
    if (!(error instanceof StorageIoError && error.errno === 'EEXIST')) throw error;
  }
  await checkedCall('fsync', parent, () => fileSystem.syncDirectory(parent));
}

async function syncIfOurs(path: string, fileSystem: FileSystem): Promise<void> {
  try {
    await checkedCall('fsync', path, () => fileSystem.syncDirectory(path));
  } catch (error) {
    if (!(error instanceof StorageIoError && NOT_OURS_TO_SYNC.has(error.errno))) throw error;
  }
}

async function isDirectory(path: string, fileSystem: FileSystem): Promise<boolean> {
  try {
    return (await checkedCall('stat', path, () => fileSystem.stat(path))).kind === 'directory';
  } catch (error) {
    if (error instanceof StorageIoError && error.errno === 'ENOENT') return false;
    throw error;
  }
}
