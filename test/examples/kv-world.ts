import { type KvEntry, type KvSnapshot, kvCodecs } from '../../docs/examples/piggyback-kv/kv-log.js';
import { KvNode } from '../../docs/examples/piggyback-kv/kv-node.js';
import { type Codecs, MemoryDisk, openMemoryStorage, type PaxosNodeOptions } from '../../src/index.js';
import type { ClusterConfig, NodeId } from '../../src/omnipaxos/index.js';
import { SeededRandom, settleMicrotasks, VirtualClock } from '../../src/testing/index.js';
import { MemoryNetwork } from '../../src/transport/index.js';

export type KvStartOptions = Partial<Omit<PaxosNodeOptions<KvEntry, KvSnapshot>, 'storage' | 'transport'>> & {
  readonly snapshotEvery?: number;
  readonly storage?: Parameters<typeof openMemoryStorage>[1];
};

/** Nodes of the example's store on virtual time, with disks that survive them. */
export class KvWorld implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly disks = new Map<NodeId, MemoryDisk<KvEntry, KvSnapshot>>();
  readonly nodes = new Map<NodeId, KvNode>();
  #network: MemoryNetwork<KvEntry, KvSnapshot>;

  constructor(ids: readonly NodeId[] = [1, 2, 3], codecs: Codecs<KvEntry, KvSnapshot> = kvCodecs) {
    const config: ClusterConfig = { configId: 1, nodes: ids, leaseMs: 250, maxClockDrift: 0.01 };
    const random = new SeededRandom(11);
    for (const nodeId of ids) {
      this.disks.set(nodeId, new MemoryDisk({ clusterId: 'kv', nodeId, config, random }));
    }
    this.#network = new MemoryNetwork({ clock: this.clock, codecs });
  }

  get network(): MemoryNetwork<KvEntry, KvSnapshot> {
    return this.#network;
  }

  /** Another release, which writes otherwise. No node may run. */
  useCodecs(codecs: Codecs<KvEntry, KvSnapshot>): void {
    this.#network = new MemoryNetwork({ clock: this.clock, codecs });
  }

  /** Starts nodes, all of them if none is named. */
  async start(ids: readonly NodeId[] = [...this.disks.keys()], options: KvStartOptions = {}): Promise<void> {
    const { storage, ...rest } = options;
    for (const nodeId of ids) {
      const node = await KvNode.start({
        storage: openMemoryStorage(this.disk(nodeId), storage),
        transport: this.#network.transport(nodeId),
        clock: this.clock,
        nextTurn: (callback) => void this.clock.setTimer(0, callback),
        snapshotEvery: 1_000_000,
        ...rest,
      });
      this.nodes.set(nodeId, node);
    }
  }

  node(nodeId: NodeId): KvNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`node ${nodeId} does not run`);
    return node;
  }

  disk(nodeId: NodeId): MemoryDisk<KvEntry, KvSnapshot> {
    const disk = this.disks.get(nodeId);
    if (disk === undefined) throw new Error(`node ${nodeId} is no member`);
    return disk;
  }

  async close(nodeId: NodeId): Promise<void> {
    await this.drive(this.node(nodeId).close());
    this.nodes.delete(nodeId);
  }

  async closeAll(): Promise<void> {
    for (const nodeId of [...this.nodes.keys()]) await this.close(nodeId);
  }

  /** The power of one machine fails: what was not synced is lost. */
  async crash(nodeId: NodeId): Promise<void> {
    const node = this.node(nodeId);
    this.#network.kill(nodeId);
    this.disk(nodeId).crash();
    this.nodes.delete(nodeId);
    // What is left of the process; its storage never answers any more, so its end is not awaited.
    void node.close();
    await settleMicrotasks();
  }

  /** Waits until a node leads, other than `but`. */
  leader(but: readonly NodeId[] = []): Promise<readonly [NodeId, KvNode]> {
    return this.until(() =>
      [...this.nodes].find(([nodeId, node]) => !but.includes(nodeId) && node.status().role === 'leader'),
    );
  }

  /** Waits until every node that runs has folded as much as the one that is furthest. */
  settled(): Promise<true> {
    return this.until(() => {
      const applied = [...this.nodes.values()].map((node) => node.status().appliedIdx);
      return Math.min(...applied) === Math.max(...applied) ? true : undefined;
    });
  }

  /** Lets virtual time pass, ms by ms. */
  async pass(ms: number): Promise<void> {
    for (let i = 0; i < ms; i++) await this.clock.advanceAsync(1);
  }

  /** Lets virtual time pass until `work` is done. */
  async drive<T>(work: Promise<T>, withinMs = 20_000): Promise<T> {
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    work.then(done, done);
    await settleMicrotasks();
    for (let ms = 0; !isDone; ms++) {
      if (ms >= withinMs) throw new Error(`not done within ${withinMs} ms of virtual time`);
      await this.clock.advanceAsync(1);
    }
    return await work;
  }

  /** Lets virtual time pass until the condition gives something. */
  async until<T>(condition: () => T | undefined, withinMs = 20_000): Promise<T> {
    for (let ms = 0; ms < withinMs; ms++) {
      const value = condition();
      if (value !== undefined) return value;
      await this.clock.advanceAsync(1);
    }
    throw new Error(`the condition did not hold within ${withinMs} ms of virtual time`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
  }
}
