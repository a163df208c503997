import fs from 'node:fs';
import type { FileStatus, FileSystem, OpenFile, OpenMode } from './file-system.js';

/** Files are readable and writable by their owner only: they hold a node's identity. */
const FILE_PERMISSIONS = 0o600;
const DIRECTORY_PERMISSIONS = 0o700;

/** The most that one read or write is asked for: Node takes the length as a signed number of 32 bits. The caller goes on where it stopped. */
const TRANSFER_BYTES_MAX = 2 ** 30;

const OPEN_FLAGS: Readonly<Record<OpenMode, string>> = { read: 'r', create: 'wx+' };

/**
 * The machine's file system, through the callbacks of `node:fs`: every call runs on Node's thread pool, and none blocks the event loop.
 *
 * On macOS `fsync` does not reach the platter (Node has no `F_FULLFSYNC`), and on Windows directories cannot be synced (`syncDirectory` does nothing
 * there): after a loss of power neither gives the promises that Linux gives.
 */
export const nodeFileSystem: FileSystem = {
  open: (path, mode) =>
    call<number>((done) => fs.open(path, OPEN_FLAGS[mode], FILE_PERMISSIONS, done)).then(openFile),
  link: (existingPath, newPath) => call((done) => fs.link(existingPath, newPath, done)),
  rename: (oldPath, newPath) => call((done) => fs.rename(oldPath, newPath, done)),
  unlink: (path) => call((done) => fs.unlink(path, done)),
  mkdir: (path) => call((done) => fs.mkdir(path, DIRECTORY_PERMISSIONS, (error) => done(error))),
  readdir: (path) => call<string[]>((done) => fs.readdir(path, done)),
  stat: (path) => call<fs.Stats>((done) => fs.stat(path, done)).then(fileStatus),
  syncDirectory,
};

function openFile(descriptor: number): OpenFile {
  return {
    write: (bytes, position) =>
      call<number>((done) => fs.write(descriptor, bytes, 0, transferBytes(bytes), position, done)),
    read: (into, position) =>
      call<number>((done) => fs.read(descriptor, into, 0, transferBytes(into), position, done)),
    datasync: () => call((done) => fs.fdatasync(descriptor, done)),
    sync: () => call((done) => fs.fsync(descriptor, done)),
    close: () => call((done) => fs.close(descriptor, done)),
  };
}

function transferBytes(bytes: Uint8Array): number {
  return Math.min(bytes.length, TRANSFER_BYTES_MAX);
}

function fileStatus(stats: fs.Stats): FileStatus {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
  return { kind, size: stats.size };
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const descriptor = await call<number>((done) => fs.open(path, 'r', done));
  try {
    await call((done) => fs.fsync(descriptor, done));
  } finally {
    await call((done) => fs.close(descriptor, done));
  }
}

/** A callback's outcome as a promise. */
function call<T = void>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error !== null) reject(error);
      // Without an error, every call above hands over the value that its T names, or T is void.
      else resolve(value as T);
    });
  });
}
