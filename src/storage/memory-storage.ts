import type { StableState, StableWrite } from '../omnipaxos/index.js';
import { withResolvers } from '../runtime/index.js';
import { boundsAfter, type LogBounds } from './log-bounds.js';
import type { PeerIdentity, Storage, StorageIdentity } from './storage.js';
import { StorageError } from './storage-error.js';
import type { StorageImage, StorageOperation } from './storage-operation.js';

/** One call of a memory storage, as the seams below see it. */
export interface MemoryCall {
  /** Counts the calls of this opening, from 0. */
  readonly index: number;
  readonly kind: 'persist' | 'rememberPeers' | 'markRefused';
  /** Whether it resolves only once it is durable. */
  readonly needsSync: boolean;
}

/** How a call fails: before anything of it is written, or in the sync after it (what it wrote may then be there or not after a crash). */
export interface InjectedFailure {
  readonly error: Error;
  readonly stage: 'write' | 'sync';
}

/** The seams of a memory storage. */
export interface MemoryStorageOptions {
  /**
   * Decides when a call completes: `done` is to be called once, in a later turn; a call that needs a sync becomes durable in that very turn, and everything
   * before it as well. Default: at once (as a promise reaction).
   */
  readonly completeLater?: (done: () => void, call: MemoryCall) => void;
  /** Asked for each call: a failure to inject, or undefined. The failure is final, as any other. */
  readonly inject?: (call: MemoryCall) => InjectedFailure | undefined;
}

/** What a memory storage needs of its disk. */
export interface MemoryDiskPort<E, S> {
  readonly identity: StorageIdentity;
  readonly image: StorageImage<E, S>;
  /** Writes, not synced; returns how many operations have been written. */
  append(operation: StorageOperation<E, S>): number;
  /** Makes so many operations durable, in all. */
  syncThrough(count: number): void;
  release(): void;
}

/** The storage of an open `MemoryDisk`. */
export class MemoryStorage<E, S> implements Storage<E, S> {
  readonly identity: StorageIdentity;
  readonly #disk: MemoryDiskPort<E, S>;
  readonly #options: MemoryStorageOptions;
  readonly #recovered: StableState<E, S>;
  #peers: readonly PeerIdentity[];
  #bounds: LogBounds;
  #calls = 0;
  #written = 0;
  /** The first failure, and the call that it befell: that one and all later ones reject with it. */
  #failure: { readonly error: Error; readonly index: number } | undefined;
  #abandoned = false;
  #closed: Promise<void> | undefined;
  /** Calls that have not completed, and who waits for there to be none. */
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  constructor(disk: MemoryDiskPort<E, S>, options: MemoryStorageOptions) {
    this.identity = disk.identity;
    this.#disk = disk;
    this.#options = options;
    this.#recovered = disk.image.stable.copy();
    this.#peers = disk.image.peers;
    this.#bounds = disk.image.stable.bounds;
  }

  load(): StableState<E, S> {
    return this.#recovered;
  }

  peers(): readonly PeerIdentity[] {
    return this.#peers;
  }

  persist(writes: readonly StableWrite<E, S>[], needsSync: boolean): Promise<void> {
    return this.#submit({ kind: 'writes', writes: [...writes] }, 'persist', needsSync);
  }

  rememberPeers(peers: readonly PeerIdentity[]): Promise<void> {
    return this.#submit({ kind: 'peers', peers: [...peers] }, 'rememberPeers', true);
  }

  markRefused(reason: string): Promise<void> {
    return this.#submit({ kind: 'refused', reason }, 'markRefused', true);
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  /** The machine has lost power: nothing completes any more. */
  abandon(): void {
    this.#abandoned = true;
  }

  async #finish(): Promise<void> {
    if (this.#underWay > 0) {
      const { promise, resolve } = withResolvers<void>();
      this.#onIdle = () => resolve();
      await promise;
    }
    if (this.#failure === undefined) this.#disk.syncThrough(this.#written);
    this.#disk.release();
  }

  #submit(operation: StorageOperation<E, S>, kind: MemoryCall['kind'], needsSync: boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#closed !== undefined || this.#abandoned) {
      return Promise.reject(new StorageError('storage_closed', 'the memory storage has been closed'));
    }
    const call: MemoryCall = { index: this.#calls++, kind, needsSync };
    const injected = this.#options.inject?.(call);
    try {
      if (injected?.stage === 'write') throw injected.error;
      if (operation.kind === 'writes') this.#bounds = boundsAfter(this.#bounds, operation.writes);
    } catch (error) {
      // Only boundsAfter and the line above throw here, and both throw Errors.
      this.#failure = { error: error as Error, index: call.index };
      return Promise.reject(error);
    }
    this.#written = this.#disk.append(operation);
    return this.#complete(operation, call, this.#written, injected?.error);
  }

  #complete(
    operation: StorageOperation<E, S>,
    call: MemoryCall,
    written: number,
    syncError: Error | undefined,
  ): Promise<void> {
    const { promise, resolve, reject } = withResolvers<void>();
    this.#underWay++;
    const later = this.#options.completeLater ?? queueMicrotask;
    later(() => {
      if (this.#abandoned) return;
      if (syncError !== undefined) this.#failure ??= { error: syncError, index: call.index };
      if (this.#failure === undefined || call.index < this.#failure.index) {
        if (call.needsSync) this.#disk.syncThrough(written);
        if (operation.kind === 'peers') this.#peers = operation.peers;
        resolve();
      } else {
        reject(this.#failure.error);
      }
      if (--this.#underWay === 0) this.#onIdle?.();
    }, call);
    return promise;
  }
}
