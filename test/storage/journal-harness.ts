import { initDataDirectory, type Journal, openJournal, type ProcessInfo } from '../../src/storage/index.js';
import type { OpenJournalOptions } from '../../src/storage/journal-options.js';
import { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { testCodecs } from '../codec/test-codecs.js';
import { config } from './storage-fixtures.js';

export const dataDir = '/data';
export const segmentBytes = 4_096;
export const peerAddresses = new Map([
  [2, 'two:50552'],
  [3, 'three:50552'],
]);

const FIRST_PID = 100;

/** Ids that count up: the same in every run. */
export function countingRandom(count = 0): { nextFloat(): number; nextId(): string } {
  return { nextFloat: () => 0.5, nextId: () => (++count).toString(16).padStart(16, '0') };
}

/** A machine with one file system, whose processes are numbered: `restart` ends the present one. */
export class TestMachine {
  readonly fileSystem: MemoryFileSystem;
  readonly random;
  #pid: number;

  constructor(fileSystem = new MemoryFileSystem(), pid = FIRST_PID) {
    this.fileSystem = fileSystem;
    this.#pid = pid;
    // Later processes draw other ids.
    this.random = countingRandom(pid - FIRST_PID);
  }

  get processInfo(): ProcessInfo {
    return {
      self: () => Promise.resolve({ pid: this.#pid, startTime: `${this.#pid}`, machineBootId: 'boot' }),
      isGone: ({ pid }) => Promise.resolve(pid !== this.#pid),
    };
  }

  /** The process is killed; what it has written stays. */
  restart(): void {
    this.fileSystem.kill();
    this.#pid++;
  }

  /** Power is lost: see `MemoryFileSystem.crash`. */
  crash(survives?: Parameters<MemoryFileSystem['crash']>[0]): void {
    this.fileSystem.crash(survives);
    this.#pid++;
  }

  /** Another machine with a copy of the disk, whose processes are later ones. */
  clone(): TestMachine {
    return new TestMachine(this.fileSystem.clone(), this.#pid + 1_000);
  }

  init(options: { readonly clusterId?: string } = {}): Promise<void> {
    const { fileSystem, processInfo, random } = this;
    return initDataDirectory({
      dataDir,
      clusterId: 'test',
      nodeId: 1,
      config,
      peerAddresses,
      fileSystem,
      processInfo,
      random,
      ...options,
    });
  }

  open(options: Partial<OpenJournalOptions<string, number>> = {}): Promise<Journal<string, number>> {
    const { fileSystem, processInfo, random } = this;
    return openJournal({
      dataDir,
      entryCodec: testCodecs.entry,
      snapshotCodec: testCodecs.snapshot,
      segmentBytes,
      fileSystem,
      processInfo,
      random,
      ...options,
    });
  }

  /** The one segment that there is. */
  segmentFile(): string {
    const segments = this.fileSystem.names(dataDir).filter((name) => /^journal-[0-9]+$/.test(name));
    if (segments.length !== 1) throw new Error(`there are ${segments.length} segments: ${segments.join()}`);
    return `${dataDir}/${segments[0]}`;
  }
}

/** A machine with a data directory, and its journal. */
export async function openedMachine(
  options: Partial<OpenJournalOptions<string, number>> = {},
): Promise<{ machine: TestMachine; journal: Journal<string, number> }> {
  const machine = new TestMachine();
  await machine.init();
  return { machine, journal: await machine.open(options) };
}
