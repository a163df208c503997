import { basename, dirname } from 'node:path';
import type { FileStatus, FileSystem, OpenFile, OpenMode } from '../storage/index.js';

/** The calls of a {@link MemoryFileSystem} that can be observed and made to fail. */
export type FileSystemCallName =
  | 'open'
  | 'write'
  | 'read'
  | 'fdatasync'
  | 'fsync'
  | 'close'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'readdir'
  | 'stat'
  | 'syncDirectory';

/** One call, as it is about to be carried out. */
export interface FileSystemCall {
  /** Counts all calls of this file system, from 0. */
  readonly index: number;
  readonly name: FileSystemCallName;
  readonly path: string;
  /** How many bytes a `write` is asked to write. */
  readonly bytes?: number;
}

/** What a call does instead of what it was asked for. */
export type FileSystemFault =
  /**
   * It rejects with this system error code. Nothing is done; but a failed sync makes the system forget that
   * the file's contents have yet to be written: they can still be read, a later sync succeeds, and a crash
   * loses them.
   */
  | { readonly kind: 'error'; readonly code: string }
  /** A write writes only so many bytes, and says so. */
  | { readonly kind: 'short'; readonly bytes: number }
  /** It never settles, and nothing is done. */
  | { readonly kind: 'hang' };

/** A change that a crash may take back. */
export type UnsyncedChange =
  | { readonly kind: 'write'; readonly path: string; readonly position: number; readonly bytes: Uint8Array }
  /** Names in one directory: each becomes a file, or (undefined) nothing. */
  | { readonly kind: 'names'; readonly directory: string; readonly names: readonly string[] };

/** What a crash leaves of one unsynced change: all of it, nothing, or of a write so many bytes from its beginning. */
export type Survival = boolean | number;

interface Inode {
  cached: Uint8Array;
  durable: Uint8Array;
}

interface Directory {
  /** Whether its own name is durable in the directory above. */
  isDurable: boolean;
  readonly cached: Map<string, Inode>;
  readonly durable: Map<string, Inode>;
}

type Change =
  | {
      readonly kind: 'write';
      readonly inode: Inode;
      readonly path: string;
      readonly position: number;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: 'names';
      readonly directory: string;
      readonly entries: ReadonlyMap<string, Inode | undefined>;
    };

/**
 * A file system in memory that keeps apart what is written and what is durable. Contents become durable by a
 * sync of their file, names by a sync of their directory; nothing else makes anything durable, and a crash
 * may keep any subset of the rest, and of a write any beginning. A directory whose own name is not durable is
 * always lost, with all that is in it.
 *
 * Deterministic: calls take effect in the turn in which they are made, and settle as promise reactions.
 */
export class MemoryFileSystem implements FileSystem {
  /** Asked before each call is carried out: a fault, or undefined to let it be. */
  onCall: ((call: FileSystemCall) => FileSystemFault | undefined) | undefined;
  #directories = new Map<string, Directory>([['/', newDirectory(true)]]);
  #unsynced: Change[] = [];
  #calls = 0;
  /** Rises with each crash: files opened before are dead. */
  #life = 0;

  /** How many calls have been made. */
  get calls(): number {
    return this.#calls;
  }

  /** What a crash right now could take back, oldest first. */
  get unsynced(): readonly UnsyncedChange[] {
    return this.#unsynced.map((change) =>
      change.kind === 'write'
        ? { kind: 'write', path: change.path, position: change.position, bytes: change.bytes }
        : { kind: 'names', directory: change.directory, names: [...change.entries.keys()] },
    );
  }

  /**
   * The machine loses power. Files that are open are dead: calls on them never settle.
   * @param survives what is left of each unsynced change; default: nothing.
   */
  crash(survives: (change: UnsyncedChange, index: number) => Survival = () => false): void {
    const descriptions = this.unsynced;
    for (const [i, change] of this.#unsynced.entries()) {
      const description = descriptions[i];
      const survival = description === undefined ? false : survives(description, i);
      if (survival === false) continue;
      if (change.kind === 'names') {
        this.#nameDurably(change);
      } else {
        const kept = survival === true ? change.bytes.length : survival;
        change.inode.durable = overwrite(
          change.inode.durable,
          change.bytes.subarray(0, kept),
          change.position,
        );
      }
    }
    this.#unsynced = [];
    this.#life++;
    for (const [path, directory] of this.#directories) {
      if (!directory.isDurable) this.#directories.delete(path);
      directory.cached.clear();
      for (const [name, inode] of directory.durable) {
        inode.cached = inode.durable;
        directory.cached.set(name, inode);
      }
    }
  }

  /** The process dies, the machine does not: what was written stays, files that are open are dead. */
  kill(): void {
    this.#life++;
  }

  /** An independent copy in the same state, without `onCall` and without open files. */
  clone(): MemoryFileSystem {
    const copy = new MemoryFileSystem();
    const inodes = new Map<Inode, Inode>();
    const cloned = (inode: Inode): Inode => {
      const known = inodes.get(inode);
      if (known !== undefined) return known;
      // Contents are replaced, never changed in place, so that copies may share them.
      const fresh = { cached: inode.cached, durable: inode.durable };
      inodes.set(inode, fresh);
      return fresh;
    };
    const clonedNames = (names: ReadonlyMap<string, Inode>): Map<string, Inode> =>
      new Map([...names].map(([name, inode]) => [name, cloned(inode)]));
    for (const [path, { isDurable, cached, durable }] of this.#directories) {
      copy.#directories.set(path, { isDurable, cached: clonedNames(cached), durable: clonedNames(durable) });
    }
    copy.#unsynced = this.#unsynced.map((change) =>
      change.kind === 'write'
        ? { ...change, inode: cloned(change.inode) }
        : {
            ...change,
            entries: new Map(
              [...change.entries].map(([name, inode]) => [
                name,
                inode === undefined ? undefined : cloned(inode),
              ]),
            ),
          },
    );
    return copy;
  }

  /** The names in a directory, sorted. */
  names(directory: string): string[] {
    return [...(this.#directories.get(directory)?.cached.keys() ?? [])].sort();
  }

  /** The contents of a file. @throws if there is none. */
  contents(path: string): Uint8Array {
    return this.#inode(path).cached.slice();
  }

  /** Puts a file in place, durably: for tests that prepare or damage a directory. */
  put(path: string, bytes: Uint8Array): void {
    const inode: Inode = { cached: bytes.slice(), durable: bytes.slice() };
    const directory = this.#directory(dirname(path));
    directory.cached.set(basename(path), inode);
    directory.durable.set(basename(path), inode);
  }

  /** Takes a file away, durably. */
  remove(path: string): void {
    const directory = this.#directory(dirname(path));
    directory.cached.delete(basename(path));
    directory.durable.delete(basename(path));
  }

  /** Opens a file of the present state; see `FileSystem.open`. */
  open(path: string, mode: OpenMode): Promise<OpenFile> {
    return this.#call('open', path, () => {
      if (mode === 'read') return this.#openFile(this.#inode(path), path);
      const directory = this.#directory(dirname(path));
      if (directory.cached.has(basename(path))) throw systemError('EEXIST', path);
      const inode: Inode = { cached: new Uint8Array(), durable: new Uint8Array() };
      this.#name(dirname(path), new Map([[basename(path), inode]]));
      return this.#openFile(inode, path);
    });
  }

  link(existingPath: string, newPath: string): Promise<void> {
    return this.#call('link', newPath, () => {
      const inode = this.#inode(existingPath);
      if (this.#directory(dirname(newPath)).cached.has(basename(newPath)))
        throw systemError('EEXIST', newPath);
      this.#name(dirname(newPath), new Map([[basename(newPath), inode]]));
    });
  }

  /** Both names must be in one directory, so that one sync makes both changes durable. */
  rename(oldPath: string, newPath: string): Promise<void> {
    return this.#call('rename', newPath, () => {
      const inode = this.#inode(oldPath);
      if (dirname(oldPath) !== dirname(newPath)) throw systemError('EXDEV', newPath);
      this.#name(
        dirname(newPath),
        new Map([
          [basename(oldPath), undefined],
          [basename(newPath), inode],
        ]),
      );
    });
  }

  unlink(path: string): Promise<void> {
    return this.#call('unlink', path, () => {
      this.#inode(path);
      this.#name(dirname(path), new Map([[basename(path), undefined]]));
    });
  }

  mkdir(path: string): Promise<void> {
    return this.#call('mkdir', path, () => {
      if (this.#directories.has(path)) throw systemError('EEXIST', path);
      this.#directory(dirname(path));
      this.#directories.set(path, newDirectory(false));
    });
  }

  readdir(path: string): Promise<readonly string[]> {
    return this.#call('readdir', path, () => [...this.#directory(path).cached.keys()]);
  }

  /** What stands at the path; see `FileSystem.stat`. */
  stat(path: string): Promise<FileStatus> {
    return this.#call('stat', path, () =>
      this.#directories.has(path)
        ? { kind: 'directory', size: 0 }
        : { kind: 'file', size: this.#inode(path).cached.length },
    );
  }

  syncDirectory(path: string): Promise<void> {
    return this.#call('syncDirectory', path, () => {
      this.#directory(path);
      const [synced, rest] = partition(
        this.#unsynced,
        (change) => change.kind === 'names' && change.directory === path,
      );
      this.#unsynced = rest;
      for (const change of synced) if (change.kind === 'names') this.#nameDurably(change);
      for (const [child, directory] of this.#directories) {
        if (dirname(child) === path) directory.isDurable = true;
      }
    });
  }

  #openFile(inode: Inode, path: string): OpenFile {
    const life = this.#life;
    const onFile = <T>(
      name: FileSystemCallName,
      act: () => T,
      details: { bytes?: number } = {},
    ): Promise<T> => (life === this.#life ? this.#call(name, path, act, details) : new Promise<T>(() => {}));
    const sync = (name: 'fdatasync' | 'fsync') => (): Promise<void> => {
      if (life !== this.#life) return new Promise(() => {});
      const forget = (fault: FileSystemFault | undefined): void => {
        if (fault?.kind === 'error') this.#takeWrites(inode);
      };
      const act = (): void => {
        inode.durable = this.#takeWrites(inode).reduce(
          (durable, { bytes, position }) => overwrite(durable, bytes, position),
          inode.durable,
        );
      };
      return this.#call(name, path, act, {}, forget);
    };
    return {
      write: (bytes, position) => {
        let count = bytes.length;
        const fault = (asked: FileSystemFault | undefined): void => {
          if (asked?.kind === 'short') count = Math.min(count, asked.bytes);
        };
        if (life !== this.#life) return new Promise(() => {});
        return this.#call(
          'write',
          path,
          () => {
            const written = bytes.slice(0, count);
            inode.cached = overwrite(inode.cached, written, position);
            this.#unsynced.push({ kind: 'write', inode, path, position, bytes: written });
            return count;
          },
          { bytes: bytes.length },
          fault,
        );
      },
      read: (into, position) =>
        onFile('read', () => {
          const found = inode.cached.subarray(position, position + into.length);
          into.set(found);
          return found.length;
        }),
      datasync: sync('fdatasync'),
      sync: sync('fsync'),
      close: () => onFile('close', () => {}),
    };
  }

  /** Takes the unsynced writes of a file out of the list of what is unsynced. */
  #takeWrites(inode: Inode): Extract<Change, { readonly kind: 'write' }>[] {
    const taken: Extract<Change, { readonly kind: 'write' }>[] = [];
    this.#unsynced = this.#unsynced.filter((change) => {
      if (change.kind !== 'write' || change.inode !== inode) return true;
      taken.push(change);
      return false;
    });
    return taken;
  }

  #call<T>(
    name: FileSystemCallName,
    path: string,
    act: () => T,
    details: { bytes?: number } = {},
    onFault: (fault: FileSystemFault | undefined) => void = () => {},
  ): Promise<T> {
    const index = this.#calls++;
    const fault = this.onCall?.({ index, name, path, ...details });
    onFault(fault);
    if (fault?.kind === 'hang') return new Promise(() => {});
    try {
      if (fault?.kind === 'error') throw systemError(fault.code, path);
      return Promise.resolve(act());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #name(directory: string, entries: ReadonlyMap<string, Inode | undefined>): void {
    setNames(this.#directory(directory).cached, entries);
    this.#unsynced.push({ kind: 'names', directory, entries });
  }

  #nameDurably(change: Extract<Change, { readonly kind: 'names' }>): void {
    setNames(this.#directory(change.directory).durable, change.entries);
  }

  #directory(path: string): Directory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw systemError('ENOENT', path);
    return directory;
  }

  #inode(path: string): Inode {
    const inode = this.#directory(dirname(path)).cached.get(basename(path));
    if (inode === undefined) throw systemError('ENOENT', path);
    return inode;
  }
}

function newDirectory(isDurable: boolean): Directory {
  return { isDurable, cached: new Map(), durable: new Map() };
}

function setNames(names: Map<string, Inode>, entries: ReadonlyMap<string, Inode | undefined>): void {
  for (const [name, inode] of entries) {
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
  }
}

/** A copy of `contents` with `bytes` at `position`; a gap before them is zero. */
function overwrite(contents: Uint8Array, bytes: Uint8Array, position: number): Uint8Array {
  const result = new Uint8Array(Math.max(contents.length, position + bytes.length));
  result.set(contents);
  result.set(bytes, position);
  return result;
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))];
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
