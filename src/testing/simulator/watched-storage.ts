import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import type { StableState, StableWrite } from '../../omnipaxos/index.js';
import type { PeerIdentity, Storage, StorageIdentity } from '../../storage/index.js';
import type { DiskModel } from './checkers/disk-model.js';

/** The same storage; `model` is told of what is written through it, and of what it acknowledges. */
export class WatchedStorage implements Storage<HighWaterCommand, HighWaterSnapshot> {
  readonly identity: StorageIdentity;
  readonly #storage: Storage<HighWaterCommand, HighWaterSnapshot>;
  readonly #model: DiskModel;
  readonly #onPeers: (peers: readonly PeerIdentity[]) => void;
  #isClosed = false;

  /** @param onPeers told of the peers that are remembered durably. */
  constructor(
    storage: Storage<HighWaterCommand, HighWaterSnapshot>,
    model: DiskModel,
    onPeers: (peers: readonly PeerIdentity[]) => void,
  ) {
    this.identity = storage.identity;
    this.#storage = storage;
    this.#model = model;
    this.#onPeers = onPeers;
  }

  /** Whether it was closed, without an error. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  load(): StableState<HighWaterCommand, HighWaterSnapshot> {
    return this.#storage.load();
  }

  peers(): readonly PeerIdentity[] {
    return this.#storage.peers();
  }

  persist(
    writes: readonly StableWrite<HighWaterCommand, HighWaterSnapshot>[],
    needsSync: boolean,
  ): Promise<void> {
    const number = this.#model.handedOver(writes);
    const done = this.#storage.persist(writes, needsSync);
    return needsSync ? this.#acknowledge(number, done) : done;
  }

  /** No write of the protocol's, but durable only with all before it. */
  async rememberPeers(peers: readonly PeerIdentity[]): Promise<void> {
    await this.#acknowledge(this.#model.handedOver([]), this.#storage.rememberPeers(peers));
    this.#onPeers(peers);
  }

  async markRefused(reason: string): Promise<void> {
    await this.#acknowledge(this.#model.handedOver([]), this.#storage.markRefused(reason));
  }

  async close(): Promise<void> {
    await this.#storage.close();
    this.#isClosed = true;
  }

  async #acknowledge(number: number, done: Promise<void>): Promise<void> {
    await done;
    this.#model.acknowledged(number);
  }
}
