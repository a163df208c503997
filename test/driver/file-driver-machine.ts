import { FileDriver, type FileDriverOptions, initFileDriver } from '../../src/driver/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import type { ProcessInfo } from '../../src/storage/index.js';
import { MemoryFileSystem } from '../../src/testing/memory-file-system.js';

export const dataDir = '/data';
export const file = '/data/high-water';

/** A machine with one file system, whose processes are numbered: `restart` ends the present one. */
export class FileDriverMachine {
  readonly fileSystem: MemoryFileSystem;
  /** Another one on each machine: names of temporary files must not come again. */
  readonly #random: SeededRandom;
  #pid: number;

  constructor(fileSystem = new MemoryFileSystem(), pid = 100) {
    this.fileSystem = fileSystem;
    this.#pid = pid;
    this.#random = new SeededRandom(pid);
  }

  init(highWaterMs = 0): Promise<void> {
    return initFileDriver({ dataDir, highWaterMs, ...this.#seams() });
  }

  open(options: Partial<FileDriverOptions> = {}): Promise<FileDriver> {
    return FileDriver.open({ dataDir, ...this.#seams(), ...options });
  }

  /** The process is killed; what it has written stays. */
  restart(): void {
    this.fileSystem.kill();
    this.#pid += 1;
  }

  /** Another machine with a copy of the disk, whose processes are later ones. */
  clone(): FileDriverMachine {
    return new FileDriverMachine(this.fileSystem.clone(), this.#pid + 1_000);
  }

  #seams(): { fileSystem: MemoryFileSystem; processInfo: ProcessInfo; random: SeededRandom } {
    const pid = this.#pid;
    return {
      fileSystem: this.fileSystem,
      random: this.#random,
      processInfo: {
        self: () => Promise.resolve({ pid, startTime: `${pid}`, machineBootId: 'boot' }),
        isGone: (holder) => Promise.resolve(holder.pid !== pid),
      },
    };
  }
}

/** A machine with a directory, and its driver. */
export async function openedFileDriver(options: Partial<FileDriverOptions> = {}) {
  const machine = new FileDriverMachine();
  await machine.init();
  return { machine, driver: await machine.open(options) };
}
