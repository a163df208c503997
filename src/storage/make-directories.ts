import { dirname } from 'node:path';
import { checkedCall } from './checked-file.js';
import type { FileSystem } from './file-system.js';
import { StorageIoError } from './storage-error.js';

/** Makes a directory and those above it, each durable in its parent. */
export async function makeDirectories(path: string, fileSystem: FileSystem): Promise<void> {
  if (await isDirectory(path, fileSystem)) return;
  const parent = dirname(path);
  if (parent !== path) await makeDirectories(parent, fileSystem);
  try {
    await checkedCall('mkdir', path, () => fileSystem.mkdir(path));
  } catch (error) {
    // Made by somebody else meanwhile.
    if (!(error instanceof StorageIoError && error.errno === 'EEXIST')) throw error;
  }
  await checkedCall('fsync', parent, () => fileSystem.syncDirectory(parent));
}

async function isDirectory(path: string, fileSystem: FileSystem): Promise<boolean> {
  try {
    return (await checkedCall('stat', path, () => fileSystem.stat(path))).kind === 'directory';
  } catch (error) {
    if (error instanceof StorageIoError && error.errno === 'ENOENT') return false;
    throw error;
  }
}
