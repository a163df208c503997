import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import type { ClusterConfig, NodeId } from '../../omnipaxos/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import { type InjectedFailure, MemoryDisk, openMemoryStorage, type Storage } from '../../storage/index.js';

/** Whose disk it is, and what it begins with. */
export interface SimulatedDiskOptions {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** The cluster's first configuration. */
  readonly config: ClusterConfig;
  readonly random: SeededRandom;
}

/** How a disk behaves towards one process. */
export interface DiskBehaviour {
  /** Calls `done` when a call has had its time; never if the process is dead by then. */
  take(kind: 'sync' | 'write', done: () => void): void;
  /** What becomes of the next call. */
  fault(kind: 'sync' | 'write' | 'read'): DiskFault | undefined;
}

/** A call fails: of its own, or since there is no room. A `short` write writes a part, and says so. */
export type DiskFault = 'fails' | 'full' | 'short';

/** What a power cut has done. */
export interface CrashLoss {
  /** Writes of which a part is left. */
  readonly torn: number;
  /** Writes of which nothing is left. */
  readonly lost: number;
}

/** What rots on a disk: a byte changes, a block is found elsewhere, or a block is as it was long ago. */
export type DiskDamage = 'rot' | 'misdirected' | 'stale';

/** A disk that outlives the processes of its machine. */
export interface SimulatedDisk {
  /** Opens it for a new process, as that process would. */
  open(behaviour: DiskBehaviour): Promise<Storage<HighWaterCommand, HighWaterSnapshot>>;
  /** The power fails. */
  crash(): CrashLoss;
  /** The process has ended in order, or by itself; the power has not failed. */
  exit(): void;
  /** A disk of its own, with all that a power cut right now would surely leave. */
  copy(): SimulatedDisk;
  /**
   * Changes bytes where a checksum covers them, and what stands behind them proves that they were durable. To
   * be called after an orderly end: a damaged last record that nothing stands behind cannot be told from one
   * that was never synced.
   * @returns where it was; undefined if nothing has changed.
   */
  damage(kind: DiskDamage): string | undefined;
}

/** Storage that keeps its contract by itself: fast, and without bytes. */
export class MemoryBackedDisk implements SimulatedDisk {
  readonly #options: SimulatedDiskOptions;
  readonly #disk: MemoryDisk<HighWaterCommand, HighWaterSnapshot>;
  readonly #random: SeededRandom;

  constructor(
    options: SimulatedDiskOptions,
    disk: MemoryDisk<HighWaterCommand, HighWaterSnapshot> = new MemoryDisk(options),
  ) {
    this.#options = options;
    this.#random = options.random;
    this.#disk = disk;
  }

  async open(behaviour: DiskBehaviour): Promise<Storage<HighWaterCommand, HighWaterSnapshot>> {
    return openMemoryStorage(this.#disk, {
      completeLater: (done, { needsSync }) => behaviour.take(needsSync ? 'sync' : 'write', done),
      inject: ({ kind }) => this.#failure(kind, behaviour.fault('write')),
    });
  }

  crash(): CrashLoss {
    const count = this.#disk.unsyncedOperations;
    this.#disk.crash({ keepUnsynced: this.#random.below(count + 1) });
    return { torn: 0, lost: 0 };
  }

  exit(): void {
    // A storage that was closed in order has written everything, and owns the disk no more.
    this.#disk.crash({ keepUnsynced: this.#disk.unsyncedOperations });
  }

  copy(): SimulatedDisk {
    return new MemoryBackedDisk({ ...this.#options, random: this.#random.fork() }, this.#disk.clone());
  }

  damage(): undefined {
    // It has no bytes.
  }

  #failure(kind: string, fault: DiskFault | undefined): InjectedFailure | undefined {
    if (fault === undefined || fault === 'short') return undefined;
    const stage = fault === 'full' ? 'write' : this.#random.pick(['write', 'sync'] as const);
    return { error: new Error(`injected failure of ${kind}: it ${fault}`), stage };
  }
}
