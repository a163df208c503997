import {
  type Clock,
  encodedBytes,
  type Logger,
  PaxosDriver,
  PaxosNode,
  type PaxosNodeOptions,
  SnapshotPolicy,
  silentLogger,
  systemClock,
} from '../../../src/index.js';
import type { DecidedItem } from '../../../src/omnipaxos/index.js';
import { ApplyLoop } from './apply-loop.js';
import { HighWaterHalf } from './high-water-half.js';
import { type KvEntry, type KvSnapshot, kvCodecs } from './kv-log.js';
import { KvStore } from './kv-store.js';
import { PendingWrites } from './pending-writes.js';

export interface KvNodeOptions extends PaxosNodeOptions<KvEntry, KvSnapshot> {
  /** After how many records the log is compacted. */
  readonly snapshotEvery: number;
}

/** What the service tells of itself. */
export interface KvNodeStatus {
  readonly role: 'leader' | 'follower' | 'unknown';
  readonly appliedIdx: number;
  /** Entries folded of each half, and snapshots of both, in this life. */
  readonly folded: { readonly kv: number; readonly highWater: number; readonly snapshots: number };
}

/** One node of the replicated key-value store, which carries the oracle's high-water in the same log. */
export class KvNode implements AsyncDisposable {
  readonly store = new KvStore();
  readonly highWater: HighWaterHalf;
  /** The oracle's way to consensus. */
  readonly driver: PaxosDriver;
  readonly #node: PaxosNode<KvEntry, KvSnapshot>;
  readonly #loop: ApplyLoop<KvEntry, KvSnapshot>;
  readonly #writes: PendingWrites;
  readonly #folded = { kv: 0, highWater: 0, snapshots: 0 };
  #hasEnded = false;
  #ending: Promise<void> | undefined;

  /** Recovers both halves from the log, then takes part in the cluster. Storage and transport are the node's from now on. */
  static async start(options: KvNodeOptions): Promise<KvNode> {
    const kvNode = new KvNode(options);
    try {
      kvNode.#loop.start();
      await kvNode.#node.start();
      return kvNode;
    } catch (error) {
      await kvNode.close();
      throw error;
    }
  }

  private constructor({ snapshotEvery, ...options }: KvNodeOptions) {
    const clock: Clock = options.clock ?? systemClock;
    const logger: Logger = options.logger ?? silentLogger;
    this.#node = new PaxosNode({ entryBytes: (entry) => encodedBytes(kvCodecs.entry, entry), ...options });
    this.highWater = new HighWaterHalf(this.#node);
    this.driver = new PaxosDriver({ host: this.highWater, clock, logger });
    this.#writes = new PendingWrites(clock);
    this.#loop = new ApplyLoop({
      node: this.#node,
      fold: (item) => this.#fold(item),
      snapshots: {
        policy: SnapshotPolicy.every(snapshotEvery),
        take: () => this.snapshot(),
        compact: (upToIdx, value) => this.#node.snapshot(upToIdx, value),
      },
      clock,
      logger,
      onFailed: (error) => this.#end(error),
    });
    this.#node.events.on('leadership', () => this.#onLeadership());
    this.#node.events.on('stopped', () => this.#end(new Error('the node has stopped')));
  }

  /** As this node has folded it: it may lie behind the leader. */
  get(key: string): string | undefined {
    return this.store.get(key);
  }

  /** Resolves when the write is decided and folded here. On any node; a write that is lost on its way to the leader rejects after a while. */
  async put(key: string, value: string): Promise<void> {
    const { directoryId, incarnation } = this.#node;
    const id = `${directoryId}-${incarnation}-${this.#writes.takeSeq()}`;
    const folded = this.#writes.wait(id);
    const result = this.#node.append({ kv: { kind: 'put', id, key, value } }, { forward: true });
    if (!result.ok) this.#writes.reject(id, new Error(`the write was refused: ${result.reason}`));
    await folded;
  }

  status(): KvNodeStatus {
    const { role } = this.#node.leadership();
    return { role, appliedIdx: this.#loop.appliedIdx, folded: { ...this.#folded } };
  }

  /** Both halves, as of everything folded so far. */
  snapshot(): KvSnapshot {
    const kv = this.store.contents();
    const highWater = this.highWater.snapshot();
    return highWater === undefined ? { kv } : { kv, highWater };
  }

  async close(): Promise<void> {
    await this.driver.close();
    this.#end(new Error('the node was closed'));
    await this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Both halves in one pass, in the order of the log. */
  #fold(item: DecidedItem<KvEntry, KvSnapshot>): void {
    switch (item.kind) {
      case 'entry':
        this.#foldEntry(item.entry);
        return;
      case 'stopSign':
        this.highWater.foldStopSign(item);
        return;
      case 'snapshot':
        this.store.restore(item.snapshot.value.kv);
        this.highWater.restore(item.snapshot);
        this.#folded.snapshots += 1;
        return;
    }
  }

  #foldEntry(entry: KvEntry): void {
    if ('highWater' in entry) {
      this.highWater.applyState.fold(entry.highWater);
      this.#folded.highWater += 1;
    } else {
      this.store.fold(entry.kv);
      this.#folded.kv += 1;
      this.#writes.resolve(entry.kv.id);
    }
  }

  #onLeadership(): void {
    // A node that stops tells that it no longer leads before it tells why.
    if (this.#node.status().stopped !== undefined) this.#end(new Error('the node has stopped'));
    this.highWater.changed();
  }

  /** The one end of a node: whoever waits is told, in this turn. */
  #end(error: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#loop.stop();
    this.highWater.fail(error);
    this.#writes.rejectAll(error);
    this.#ending = this.#node.stop();
  }
}
