import type { FileSystem, OpenFile } from '../../storage/index.js';

/**
 * A file system whose calls take their time: each is carried out only when `wait` has resolved, and never if it does not.
 * Closing takes none.
 */
export function timedFileSystem(
  inner: FileSystem,
  wait: (kind: 'sync' | 'write' | 'read') => Promise<void>,
): FileSystem {
  const timed = async <T>(kind: 'sync' | 'write' | 'read', call: () => Promise<T>): Promise<T> => {
    await wait(kind);
    return call();
  };
  const timedFile = (file: OpenFile): OpenFile => ({
    write: (bytes, position) => timed('write', () => file.write(bytes, position)),
    read: (into, position) => timed('read', () => file.read(into, position)),
    datasync: () => timed('sync', () => file.datasync()),
    sync: () => timed('sync', () => file.sync()),
    close: () => file.close(),
  });
  return {
    open: (path, mode) =>
      timed(mode === 'read' ? 'read' : 'write', async () => timedFile(await inner.open(path, mode))),
    link: (from, to) => timed('write', () => inner.link(from, to)),
    rename: (from, to) => timed('write', () => inner.rename(from, to)),
    unlink: (path) => timed('write', () => inner.unlink(path)),
    mkdir: (path) => timed('write', () => inner.mkdir(path)),
    readdir: (path) => timed('read', () => inner.readdir(path)),
    stat: (path) => timed('read', () => inner.stat(path)),
    syncDirectory: (path) => timed('sync', () => inner.syncDirectory(path)),
  };
}
