import { onTestFinished } from 'vitest';
import { PaxosNode, type PaxosNodeOptions } from '../../src/node/index.js';
import type { Ballot, ClusterConfig, Message, NodeId } from '../../src/omnipaxos/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { MemoryDisk, type MemoryStorageOptions, openMemoryStorage } from '../../src/storage/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { MemoryNetwork } from '../../src/transport/memory-network.js';
import { testCodecs } from '../codec/test-codecs.js';
import { type LogLine, recordingLogger } from '../driver/recording-logger.js';
import { MachineClock } from './machine-clock.js';

export type TestNode = PaxosNode<string, number>;

export interface NodeClusterOptions {
  readonly size?: number;
  readonly config?: Partial<ClusterConfig>;
  readonly node?: Partial<PaxosNodeOptions<string, number>>;
  /** How fast each machine's clocks run; 1 if absent. */
  readonly rates?: Readonly<Record<NodeId, number>>;
  /** Of the identities of disks. Default 7. */
  readonly seed?: number;
}

export interface StartOptions {
  readonly storage?: MemoryStorageOptions;
  readonly node?: Partial<PaxosNodeOptions<string, number>>;
  /** In place of the node's own disk. */
  readonly disk?: MemoryDisk<string, number>;
}

/** Whole nodes on virtual time, with memory disks that survive them and a memory network between them. */
export class NodeCluster {
  readonly clock = new VirtualClock();
  readonly disks = new Map<NodeId, MemoryDisk<string, number>>();
  readonly clocks = new Map<NodeId, MachineClock>();
  readonly nodes = new Map<NodeId, TestNode>();
  readonly config: ClusterConfig;
  readonly lines: LogLine[] = [];
  /** What becomes of a message; none of these delays means that it is lost. */
  route: (message: Message<string, number>) => readonly number[] = () => [1];
  readonly network = new MemoryNetwork<string, number>({
    clock: this.clock,
    codecs: testCodecs,
    route: (message) => this.route(message),
  });
  readonly #options: NodeClusterOptions;
  readonly #random: SeededRandom;

  constructor(options: NodeClusterOptions = {}) {
    this.#options = options;
    const nodes = Array.from({ length: options.size ?? 3 }, (_, index) => index + 1);
    this.config = { configId: 1, nodes, leaseMs: 0, maxClockDrift: 0.01, ...options.config };
    this.#random = new SeededRandom(options.seed ?? 7);
    for (const nodeId of this.config.nodes) this.addMachine(nodeId);
    onTestFinished(async () => {
      // A disk may be slow, or dead: nobody waits for it.
      for (const node of this.nodes.values()) void node.stop();
      await settleMicrotasks();
    });
  }

  /** A machine with a new disk of the cluster's first configuration, of which the node need not be a member. */
  addMachine(nodeId: NodeId): void {
    const random = this.#random.fork();
    this.disks.set(nodeId, new MemoryDisk({ clusterId: 'test', nodeId, config: this.config, random }));
    this.clocks.set(nodeId, new MachineClock(this.clock, this.#options.rates?.[nodeId]));
  }

  /** A cluster that runs, and has had the time to agree on a leader. */
  static async started(options: NodeClusterOptions = {}): Promise<NodeCluster> {
    const cluster = new NodeCluster(options);
    for (const nodeId of cluster.config.nodes) await cluster.start(nodeId);
    await cluster.pass(500);
    return cluster;
  }

  async start(nodeId: NodeId, options: StartOptions = {}): Promise<TestNode> {
    const clock = this.machine(nodeId);
    const node = new PaxosNode<string, number>({
      storage: openMemoryStorage(options.disk ?? this.disk(nodeId), options.storage),
      transport: this.network.transport(nodeId, clock.frozenForMs),
      clock,
      nextTurn: (callback) => void clock.setTimer(0, callback),
      logger: recordingLogger(this.lines),
      clientEndpoint: `client-${nodeId}:50551`,
      ...this.#options.node,
      ...options.node,
    });
    this.nodes.set(nodeId, node);
    await node.start();
    return node;
  }

  node(nodeId: NodeId): TestNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`node ${nodeId} does not run`);
    return node;
  }

  disk(nodeId: NodeId): MemoryDisk<string, number> {
    const disk = this.disks.get(nodeId);
    if (disk === undefined) throw new Error(`there is no disk ${nodeId}`);
    return disk;
  }

  machine(nodeId: NodeId): MachineClock {
    const clock = this.clocks.get(nodeId);
    if (clock === undefined) throw new Error(`there is no machine ${nodeId}`);
    return clock;
  }

  async stop(nodeId: NodeId): Promise<void> {
    await this.node(nodeId).stop();
    this.nodes.delete(nodeId);
  }

  /** The machine loses power: what was not synced is gone, and nobody is told. */
  async crash(nodeId: NodeId): Promise<void> {
    const node = this.node(nodeId);
    this.network.kill(nodeId);
    this.disk(nodeId).crash();
    this.nodes.delete(nodeId);
    // What is left of the process. Its storage never answers again, so nobody can wait for it.
    void node.stop();
    await settleMicrotasks();
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms);
  }

  /** Lets time pass until there is a value. */
  async until<T>(ask: () => T | undefined | false, what: string, withinMs = 10_000): Promise<T> {
    for (let ms = 0; ms <= withinMs; ms++) {
      const value = ask();
      if (value !== undefined && value !== false) return value;
      await this.pass(1);
    }
    throw new Error(`after ${withinMs} ms there is still not: ${what}`);
  }

  /** The nodes that report themselves as leader. */
  leaders(): { nodeId: NodeId; node: TestNode; ballot: Ballot; isValid: () => boolean }[] {
    return [...this.nodes].flatMap(([nodeId, node]) => {
      const leadership = node.leadership();
      if (leadership.role !== 'leader') return [];
      const { ballot, lease } = leadership;
      return [{ nodeId, node, ballot, isValid: () => lease.isValid() }];
    });
  }

  /** Waits for a leader other than `but` that all others which are not in `but` follow. */
  async electLeader(but: readonly NodeId[] = []) {
    return await this.until(() => {
      const leader = this.leaders().find(({ nodeId }) => !but.includes(nodeId));
      const others = [...this.nodes].filter(([nodeId]) => nodeId !== leader?.nodeId && !but.includes(nodeId));
      return others.every(([, node]) => node.leadership().role === 'follower') && leader;
    }, 'a leader that all follow');
  }

  /** Proposes at a leader, and waits until the nodes have it decided. */
  async decide(leader: TestNode, entry: string, at: readonly NodeId[] = [...this.nodes.keys()]) {
    const result = leader.append(entry, { forward: false });
    if (!result.ok) throw new Error(`append: ${result.reason}`);
    await this.until(() => at.every((nodeId) => this.decided(nodeId).includes(entry)), `${entry} is decided`);
  }

  /** The leader proposes to go on with these nodes. */
  async reconfigure(nodes: readonly NodeId[], changes: Partial<ClusterConfig> = {}): Promise<void> {
    // Not all follow it: some may be waiting to become members.
    const { node } = await this.until(() => this.leaders()[0], 'a leader');
    const { configId, leaseMs, maxClockDrift } = node.status().core.config;
    const result = node.reconfigure({ configId: configId + 1, nodes, leaseMs, maxClockDrift, ...changes });
    if (!result.ok) throw new Error(`reconfigure: ${result.reason}`);
  }

  /** Waits until these nodes take part in this configuration. */
  async entered(configId: number, nodes: readonly NodeId[]): Promise<void> {
    const isIn = (nodeId: NodeId): boolean => {
      const { config, takesPart } = this.node(nodeId).status().core;
      return config.configId === configId && takesPart;
    };
    await this.until(() => nodes.every(isIn), `nodes ${nodes.join(', ')} in configuration ${configId}`);
  }

  /** The decided entries of a node; a snapshot as `<value>`. */
  decided(nodeId: NodeId): string[] {
    return this.node(nodeId)
      .log.read(0)
      .map((item) =>
        item.kind === 'entry'
          ? item.entry
          : item.kind === 'snapshot'
            ? `<${item.snapshot.value}>`
            : 'stop sign',
      );
  }

  errors(): LogLine[] {
    return this.lines.filter((line) => line.level === 'error');
  }
}
