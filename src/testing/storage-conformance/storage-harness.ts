import type { ClusterConfig } from '../../omnipaxos/index.js';
import type { Storage } from '../../storage/index.js';

/** A storage of texts, with snapshots of one number: what the cases write. */
export type ConformanceStorage = Storage<string, number>;

/** One case, to be run by any test runner: it rejects if the storage breaks its contract. */
export interface StorageCase {
  readonly name: string;
  run(): Promise<void>;
}

/** The place of one storage, in which nothing was ever written. */
export interface StorageHarness {
  /** The configuration that the storage was initialised with. */
  readonly config: ClusterConfig;
  /** Opens the storage, or opens it again. Rejects (or throws) as its own opening does. */
  open(): ConformanceStorage | Promise<ConformanceStorage>;
  /**
   * The machine loses power: storages that are open are dead, and everything is lost that need not survive,
   * or all of it up to some point in the order of the calls.
   */
  readonly crash?: () => void | Promise<void>;
  /** Makes the next write, or its sync, fail once; everything after it would succeed. */
  readonly failNext?: (stage: 'write' | 'sync') => void;
  /** Ends the world. Storages may still be open. */
  dispose(): void | Promise<void>;
}

/** What the storage's world can be made to do: each adds cases, and its part of the harness must then be there. */
export interface StorageCapabilities {
  /** {@link StorageHarness.crash}. */
  readonly crash: boolean;
  /** {@link StorageHarness.failNext}. */
  readonly fail: boolean;
}

/** The storage that is held to `storageConformance`. */
export interface StorageConformanceOptions {
  /** Makes a fresh place; called at least once for each case. */
  readonly create: () => StorageHarness | Promise<StorageHarness>;
  readonly capabilities: StorageCapabilities;
}
