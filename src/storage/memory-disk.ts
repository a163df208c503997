import type { ClusterConfig, NodeId, StableState } from '../omnipaxos/index.js';
import { type Random, systemRandom } from '../runtime/index.js';
import { MemoryStorage, type MemoryStorageOptions } from './memory-storage.js';
import { refusedError } from './refusal.js';
import type { DirectoryId, Storage } from './storage.js';
import { StorageError } from './storage-error.js';
import { StorageImage, type StorageOperation } from './storage-operation.js';

/** What a {@link MemoryDisk} is made of. */
export interface MemoryDiskOptions {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** The cluster's first configuration. */
  readonly config: ClusterConfig;
  /** 16 lower-case hexadecimal digits; random if absent. */
  readonly directoryId?: DirectoryId;
  /** Where random ids come from. Default: the machine. */
  readonly random?: Random;
}

/** What survives a {@link MemoryDisk.crash}. */
export interface CrashOptions {
  /**
   * How many of the operations that were not synced survive nevertheless, oldest first; or a function of how
   * many there are. Default 0. More than there are means all.
   */
  readonly keepUnsynced?: number | ((unsynced: number) => number);
}

/**
 * The data directory of one node, in memory. Its contents survive closing and opening again, as a real one's
 * survive a restart; what was not synced can be lost in a {@link crash}, whole operations at a time and never
 * an earlier one without the later ones, as the contract of {@link Storage} has it.
 */
export class MemoryDisk<E, S> {
  /** As `init` would have noted it. */
  readonly clusterId: string;
  /** As `init` would have noted it. */
  readonly nodeId: NodeId;
  /** What tells this directory from every other. */
  readonly directoryId: DirectoryId;
  readonly #random: Random;
  #durable: StorageImage<E, S>;
  #unsynced: StorageOperation<E, S>[] = [];
  /** How many operations have become durable since this disk was made. */
  #synced = 0;
  #owner: MemoryStorage<E, S> | undefined;

  constructor(options: MemoryDiskOptions) {
    this.clusterId = options.clusterId;
    this.nodeId = options.nodeId;
    this.#random = options.random ?? systemRandom;
    this.directoryId = options.directoryId ?? this.#random.nextId();
    this.#durable = StorageImage.initial(options.config);
  }

  /** How many operations a crash right now could lose. */
  get unsyncedOperations(): number {
    return this.#unsynced.length;
  }

  /**
   * What a crash right now would leave if it took everything that it may take. A live view: its `records` change with the next sync.
   */
  get durable(): StableState<E, S> {
    return this.#durable.stable.live;
  }

  /** The bootIds of all openings so far; their number is the incarnation. */
  get bootIds(): readonly string[] {
    return this.#durable.bootIds;
  }

  /**
   * Opens the disk, durably raising its incarnation. Use `openMemoryStorage`.
   * @throws {StorageError} `storage_locked` if it is open, `storage_refused` if it was marked so.
   */
  open(options: MemoryStorageOptions = {}): Storage<E, S> {
    if (this.#owner !== undefined) {
      throw new StorageError('storage_locked', `the disk of node ${this.nodeId} is open already`);
    }
    this.#syncThrough(this.#written);
    const { refusedReason } = this.#durable;
    if (refusedReason !== undefined) throw refusedError(refusedReason);
    this.#append({ kind: 'opening', bootId: this.#random.nextId() });
    this.#syncThrough(this.#written);
    const owner = new MemoryStorage<E, S>(
      {
        identity: {
          clusterId: this.clusterId,
          nodeId: this.nodeId,
          directoryId: this.directoryId,
          incarnation: this.#durable.bootIds.length,
          bootIds: this.#durable.bootIds,
        },
        image: this.#durable,
        append: (operation) => this.#append(operation),
        syncThrough: (count) => this.#syncThrough(count),
        release: () => {
          if (this.#owner === owner) this.#owner = undefined;
        },
      },
      options,
    );
    this.#owner = owner;
    return owner;
  }

  /**
   * The power fails: the storage that has this disk open is dead (its promises never settle, it writes
   * nothing any more), and what was not synced is lost, up to what `keepUnsynced` spares. The disk can be
   * opened again at once.
   */
  crash(options: CrashOptions = {}): void {
    this.#owner?.abandon();
    this.#owner = undefined;
    const { keepUnsynced = 0 } = options;
    const count = this.#unsynced.length;
    const kept = typeof keepUnsynced === 'function' ? keepUnsynced(count) : keepUnsynced;
    this.#syncThrough(this.#synced + Math.min(Math.max(0, Math.trunc(kept)), count));
    this.#unsynced = [];
  }

  /**
   * Another disk with the same durable contents and the same identity, as a backup or a cloned machine has
   * it. What was not synced is not in it.
   */
  clone(): MemoryDisk<E, S> {
    const copy = new MemoryDisk<E, S>({
      clusterId: this.clusterId,
      nodeId: this.nodeId,
      config: this.durable.config,
      directoryId: this.directoryId,
      random: this.#random,
    });
    copy.#durable = this.#durable.clone();
    return copy;
  }

  /** How many operations have been written since this disk was made and not been lost. */
  get #written(): number {
    return this.#synced + this.#unsynced.length;
  }

  #append(operation: StorageOperation<E, S>): number {
    this.#unsynced.push(operation);
    return this.#written;
  }

  #syncThrough(count: number): void {
    const newlySynced = Math.max(0, count - this.#synced);
    for (const operation of this.#unsynced.splice(0, newlySynced)) {
      this.#durable.apply(operation);
      this.#synced++;
    }
  }
}

/**
 * Opens a memory disk, durably raising its incarnation. Synchronous.
 * @throws {StorageError} `storage_locked` if it is open, `storage_refused` if it was marked so.
 */
export function openMemoryStorage<E, S>(
  disk: MemoryDisk<E, S>,
  options: MemoryStorageOptions = {},
): Storage<E, S> {
  return disk.open(options);
}
