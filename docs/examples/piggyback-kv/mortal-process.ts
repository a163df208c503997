import {
  type FileSystem,
  nodeFileSystem,
  type OpenFile,
  type ProcessIdentity,
  type ProcessInfo,
} from '../../../src/index.js';

/** The seams of a directory to a process that can be killed while the others of this example, in the same process, go on. */
export interface MortalProcess {
  readonly fileSystem: FileSystem;
  readonly processInfo: ProcessInfo;
  /** As SIGKILL: no call reaches the disk from now on, so nothing is finished, synced, sealed or unlocked. */
  kill(): void;
}

const killed = new Set<string>();
let lastStart = 0;

export function mortalProcess(): MortalProcess {
  lastStart += 1;
  const self: ProcessIdentity = {
    pid: process.pid,
    startTime: `of the example ${lastStart}`,
    machineBootId: '',
  };
  const alive = async <T>(call: () => Promise<T>): Promise<T> => {
    if (!killed.has(self.startTime)) return await call();
    throw Object.assign(new Error('the process was killed'), { code: 'EIO' });
  };
  const mortal = (file: OpenFile): OpenFile => ({
    write: (bytes, position) => alive(() => file.write(bytes, position)),
    read: (into, position) => alive(() => file.read(into, position)),
    datasync: () => alive(() => file.datasync()),
    sync: () => alive(() => file.sync()),
    // The system closes the files of a killed process.
    close: () => file.close(),
  });
  const disk = nodeFileSystem;
  return {
    fileSystem: {
      open: (path, mode) => alive(async () => mortal(await disk.open(path, mode))),
      link: (from, to) => alive(() => disk.link(from, to)),
      rename: (from, to) => alive(() => disk.rename(from, to)),
      unlink: (path) => alive(() => disk.unlink(path)),
      mkdir: (path) => alive(() => disk.mkdir(path)),
      readdir: (path) => alive(() => disk.readdir(path)),
      stat: (path) => alive(() => disk.stat(path)),
      syncDirectory: (path) => alive(() => disk.syncDirectory(path)),
    },
    processInfo: { self: async () => self, isGone: async ({ startTime }) => killed.has(startTime) },
    kill: () => void killed.add(self.startTime),
  };
}
