import type { FileSystem, OpenFile, OpenMode } from './file-system.js';
import { StorageIoError, systemErrorCode } from './storage-error.js';

/** How often in a row a read or write that a signal interrupted is begun again. Each has done nothing: begun again, it is the same call. */
const INTERRUPTIONS_MAX = 100;

/** One call of the file system; what it rejects with becomes a {@link StorageIoError} that names call and path. */
export async function checkedCall<T>(name: string, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw new StorageIoError(name, path, cause);
  }
}

/**
 * An open file whose calls do all that they are asked for, or fail with a {@link StorageIoError} that names call and file. Interrupted reads and writes
 * (`EINTR`) are begun again, short ones go on where they stopped. A failed sync is never tried again: the kernel may have dropped the page and
 * would call the second one a success.
 */
export class CheckedFile {
  readonly #file: OpenFile;
  #path: string;
  #isClosed = false;

  private constructor(path: string, file: OpenFile) {
    this.#path = path;
    this.#file = file;
  }

  static async open(fileSystem: FileSystem, path: string, mode: OpenMode): Promise<CheckedFile> {
    return new CheckedFile(path, await checkedCall('open', path, () => fileSystem.open(path, mode)));
  }

  /** Gives the file another name, replacing what had it; durable only when its directory has been synced. */
  async rename(fileSystem: FileSystem, path: string): Promise<void> {
    await checkedCall('rename', this.#path, () => fileSystem.rename(this.#path, path));
    this.#path = path;
  }

  /** Writes all of `bytes` at `position`. */
  async writeFully(bytes: Uint8Array, position: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const rest = written === 0 ? bytes : bytes.subarray(written);
      const count = await this.#uninterrupted('write', () => this.#file.write(rest, position + written));
      // A call that writes nothing and does not fail would be begun again for ever.
      if (count <= 0 || count > rest.length) {
        throw new StorageIoError('write', this.#path, undefined, `wrote ${count} of ${rest.length} bytes`);
      }
      written += count;
    }
  }

  /** Reads from `position` on until `into` is full or the file ends; returns how many bytes were read. */
  async readFully(into: Uint8Array, position: number): Promise<number> {
    let count = 0;
    while (count < into.length) {
      const rest = into.subarray(count);
      const read = await this.#uninterrupted('read', () => this.#file.read(rest, position + count));
      if (read === 0) break;
      count += read;
    }
    return count;
  }

  datasync(): Promise<void> {
    return checkedCall('fdatasync', this.#path, () => this.#file.datasync());
  }

  sync(): Promise<void> {
    return checkedCall('fsync', this.#path, () => this.#file.sync());
  }

  /** Whether or not the first call fails, the descriptor is free after it, and may soon be another file's: further calls do nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await checkedCall('close', this.#path, () => this.#file.close());
  }

  async #uninterrupted(name: string, call: () => Promise<number>): Promise<number> {
    for (let interruptions = 0; ; interruptions++) {
      try {
        return await call();
      } catch (cause) {
        if (systemErrorCode(cause) !== 'EINTR' || interruptions === INTERRUPTIONS_MAX) {
          throw new StorageIoError(name, this.#path, cause);
        }
      }
    }
  }
}

/** Removes a name, unless somebody else has done so. */
export async function unlinkIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await checkedCall('unlink', path, () => fileSystem.unlink(path));
  } catch (error) {
    if (!(error instanceof StorageIoError && error.errno === 'ENOENT')) throw error;
  }
}

/** All of a file, which must have at most `maxBytes`. */
export async function readFile(fileSystem: FileSystem, path: string, maxBytes: number): Promise<Uint8Array> {
  const { size } = await checkedCall('stat', path, () => fileSystem.stat(path));
  if (size > maxBytes) {
    throw new StorageIoError('read', path, undefined, `it has ${size} bytes, more than ${maxBytes}`);
  }
  const file = await CheckedFile.open(fileSystem, path, 'read');
  try {
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, await file.readFully(bytes, 0));
  } finally {
    await file.close();
  }
}

/**
 * Makes a file of these contents, durable but for its name: the caller syncs the directory. Fails if the name is taken.
 */
export async function writeNewFile(fileSystem: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await CheckedFile.open(fileSystem, path, 'create');
  try {
    await file.writeFully(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
