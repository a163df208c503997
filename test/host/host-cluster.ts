import type { ConsensusDriver, Epoch, LeaderState } from '../../src/consensus/index.js';
import {
  type HighWaterCommand,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../../src/high-water/index.js';
import { StandaloneHost, type StandaloneHostStartOptions } from '../../src/host/index.js';
import type { ClusterConfig, NodeId } from '../../src/omnipaxos/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { MemoryDisk, type MemoryStorageOptions, openMemoryStorage } from '../../src/storage/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { MemoryNetwork } from '../../src/transport/index.js';

export type HostOptions = Omit<StandaloneHostStartOptions, 'storage' | 'transport'> & {
  readonly storage?: MemoryStorageOptions;
};

export type HostClusterOptions = HostOptions & {
  /** Default 250. */
  readonly leaseMs?: number;
};

/** Hosts on virtual time, with disks that survive them. */
export class HostCluster implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork<HighWaterCommand, HighWaterSnapshot>({
    clock: this.clock,
    codecs: { entry: highWaterCommandCodec, snapshot: highWaterSnapshotCodec },
  });
  readonly disks = new Map<NodeId, MemoryDisk<HighWaterCommand, HighWaterSnapshot>>();
  readonly hosts = new Map<NodeId, StandaloneHost>();
  readonly nextTurn = (callback: () => void): void => void this.clock.setTimer(0, callback);
  readonly #options: HostOptions;

  constructor(nodes: readonly NodeId[], { leaseMs = 250, ...options }: HostClusterOptions = {}) {
    this.#options = options;
    const random = new SeededRandom(7);
    const config: ClusterConfig = { configId: 1, nodes, leaseMs, maxClockDrift: 0.01 };
    for (const nodeId of nodes) {
      this.disks.set(nodeId, new MemoryDisk({ clusterId: 'test', nodeId, config, random }));
    }
  }

  /** Starts hosts, all of them if none is named. */
  async start(nodes: readonly NodeId[] = [...this.disks.keys()], options: HostOptions = {}): Promise<void> {
    for (const nodeId of nodes) {
      const { storage, ...rest } = { ...this.#options, ...options };
      const host = await StandaloneHost.start({
        storage: openMemoryStorage(this.disk(nodeId), storage),
        transport: this.network.transport(nodeId),
        clock: this.clock,
        nextTurn: this.nextTurn,
        clientEndpoint: `client-${nodeId}:50551`,
        ...rest,
      });
      this.hosts.set(nodeId, host);
    }
  }

  host(nodeId: NodeId): StandaloneHost {
    const host = this.hosts.get(nodeId);
    if (host === undefined) throw new Error(`host ${nodeId} has not been started`);
    return host;
  }

  async close(nodeId: NodeId): Promise<void> {
    await this.drive(this.host(nodeId).close());
    this.hosts.delete(nodeId);
  }

  /** The power of one machine fails: what was not synced is lost. */
  async crash(nodeId: NodeId): Promise<void> {
    const host = this.host(nodeId);
    this.network.kill(nodeId);
    this.disk(nodeId).crash();
    this.hosts.delete(nodeId);
    // What is left of the process; its storage never answers any more, so its end is not awaited.
    void host.close();
    await settleMicrotasks();
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

  /** Lets virtual time pass until the condition holds. */
  async until<T>(condition: () => T | undefined, withinMs = 20_000): Promise<T> {
    for (let ms = 0; ms < withinMs; ms++) {
      const value = condition();
      if (value !== undefined) return value;
      await this.clock.advanceAsync(1);
    }
    throw new Error(`the condition did not hold within ${withinMs} ms of virtual time`);
  }

  /** Waits until one host leads, other than `but`, and the others that run follow it. */
  leader(but: readonly NodeId[] = []): Promise<{ nodeId: NodeId; host: StandaloneHost; epoch: Epoch }> {
    return this.until(() => {
      for (const [nodeId, host] of this.hosts) {
        const { leadership } = host.status();
        if (but.includes(nodeId) || leadership.role !== 'leader') continue;
        return { nodeId, host, epoch: leadership.epoch };
      }
      return undefined;
    });
  }

  /** Waits until the driver tells that it leads. Takes its stream and releases it. */
  async untilLeads(driver: ConsensusDriver): Promise<Extract<LeaderState, { role: 'leader' }>> {
    using stream = driver.leadershipEvents();
    for (;;) {
      const result = await this.drive(stream.next());
      if (result.done === true) throw new Error('the stream has ended');
      if (result.value.role === 'leader') return result.value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const nodeId of [...this.hosts.keys()]) await this.close(nodeId);
  }

  disk(nodeId: NodeId): MemoryDisk<HighWaterCommand, HighWaterSnapshot> {
    const disk = this.disks.get(nodeId);
    if (disk === undefined) throw new Error(`node ${nodeId} is no member`);
    return disk;
  }
}
