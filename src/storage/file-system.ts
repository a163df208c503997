/** What the journal knows of a file or directory. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other';
  /** In bytes. */
  readonly size: number;
}

/** An open file. */
export interface OpenFile {
  /** Writes at `position`; resolves with how many bytes were written, which may be fewer than given. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Reads into `into` from `position` on; resolves with how many bytes were read: 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Makes the contents durable, and of the file's description what is needed to read them (its size). */
  datasync(): Promise<void>;
  /** Makes contents and description durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** How a file is opened: to be read; or to be made, which fails with `EEXIST` if the name is taken, and written. */
export type OpenMode = 'read' | 'create';

/**
 * The file system as the journal uses it: the port that tests put a recording, crashing or failing one behind.
 *
 * ## What implementors guarantee
 *
 * 1. A call that fails rejects with an `Error` whose `code` is the system's (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, `EINTR` ...).
 * 2. No call blocks the event loop.
 * 3. `link` and `rename` are atomic. A name that was made, replaced or removed is durable only after `syncDirectory` of its directory.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Makes a second name for a file; fails with `EEXIST` if the name is taken. */
  link(existingPath: string, newPath: string): Promise<void>;
  /** Gives a file another name, replacing what had it. */
  rename(oldPath: string, newPath: string): Promise<void>;
  /** Removes a name. */
  unlink(path: string): Promise<void>;
  /** Makes one directory; fails with `EEXIST` if the name is taken. */
  mkdir(path: string): Promise<void>;
  /** The names in a directory, in no particular order. */
  readdir(path: string): Promise<readonly string[]>;
  stat(path: string): Promise<FileStatus>;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>;
}
