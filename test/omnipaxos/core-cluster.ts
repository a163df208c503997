import { deserialize, serialize } from 'node:v8';
import {
  BALLOT_ZERO,
  type ClusterConfig,
  type Fact,
  type LogRecord,
  type Message,
  type MessageKind,
  type NodeId,
  OmniPaxos,
  type OmniPaxosOptions,
  type OutputBatch,
  type ReconfigureResult,
  type Snapshot,
  type StableState,
  type StableWrite,
} from '../../src/omnipaxos/index.js';

export type TestMessage = Message<string, string>;
export type TestBatch = OutputBatch<string, string>;

/** A naive disk: carries writes out on a plain state, and can be cut back to what was synced. */
export class TestDisk {
  #synced: StableState<string, string>;
  #unsynced: StableWrite<string, string>[] = [];

  constructor(config: ClusterConfig) {
    this.#synced = { config, promise: BALLOT_ZERO, acceptedRound: BALLOT_ZERO, decidedIdx: 0, records: [] };
  }

  write(writes: readonly StableWrite<string, string>[]): void {
    this.#unsynced.push(...writes);
  }

  sync(): void {
    for (const write of this.#unsynced) this.#synced = applyWrite(this.#synced, write);
    this.#unsynced = [];
  }

  /** Puts a state in the place of everything. */
  replace(state: StableState<string, string>): void {
    this.#synced = state;
    this.#unsynced = [];
  }

  /** What a restart finds after a crash that loses everything unsynced. */
  crash(): StableState<string, string> {
    this.#unsynced = [];
    return this.#synced;
  }
}

export function applyWrite(
  state: StableState<string, string>,
  write: StableWrite<string, string>,
): StableState<string, string> {
  const baseIdx = state.snapshot?.compactedIdx ?? 0;
  switch (write.kind) {
    case 'promise':
      return { ...state, promise: write.promise };
    case 'append':
      if (write.fromIdx !== baseIdx + state.records.length)
        throw new Error(`append at ${write.fromIdx} leaves a gap`);
      return { ...state, records: [...state.records, ...write.records] };
    case 'sync': {
      const { logSync, acceptedRound, decidedIdx } = write;
      if (logSync.snapshot !== undefined) {
        return { ...state, acceptedRound, decidedIdx, snapshot: logSync.snapshot, records: logSync.suffix };
      }
      const kept = state.records.slice(0, logSync.syncIdx - baseIdx);
      return { ...state, acceptedRound, decidedIdx, records: [...kept, ...logSync.suffix] };
    }
    case 'decided':
      return { ...state, decidedIdx: write.decidedIdx };
    case 'snapshot': {
      const records = state.records.slice(write.snapshot.compactedIdx - baseIdx);
      return { ...state, snapshot: write.snapshot, records };
    }
    case 'enterConfig': {
      const { config, decidedIdx, logSync } = write;
      const promise = { configId: config.configId, n: 0, priority: 0, pid: 0 };
      const kept = logSync.snapshot === undefined ? state.records.slice(0, logSync.syncIdx - baseIdx) : [];
      return {
        ...state,
        ...(logSync.snapshot === undefined ? {} : { snapshot: logSync.snapshot }),
        config,
        promise,
        acceptedRound: promise,
        decidedIdx,
        records: [...kept, ...logSync.suffix],
      };
    }
  }
}

export interface TestNode {
  core: OmniPaxos<string, string>;
  incarnation: number;
  disk: TestDisk;
  /** Batches whose writes are not synced yet, in order. */
  held: TestBatch[];
  facts: Fact[];
  up: boolean;
  /** While true, nothing of this node becomes durable by itself. */
  slowDisk: boolean;
}

export type CoreOptions = Partial<Pick<OmniPaxosOptions, 'priority' | 'proposalBufferLimit'>>;

const TICKS = { electionTickTimeout: 5, resendMessageTickTimeout: 20 };

/**
 * Cores without runner, clock or network: messages lie in one queue until they are delivered, held back, copied or dropped by the test.
 * Every message and batch is cloned on its way, so that a shared reference would show.
 */
export class CoreCluster {
  readonly nodes = new Map<NodeId, TestNode>();
  queue: TestMessage[] = [];
  /** Cut links, as `from>to`. */
  readonly #cut = new Set<string>();
  /** Messages that must not be delivered: dropped, and kept for the test to look at. */
  filter: (message: TestMessage) => boolean = () => true;
  readonly filtered: TestMessage[] = [];
  readonly config: ClusterConfig;

  constructor(size: number, config: Partial<ClusterConfig> = {}, options: Record<NodeId, CoreOptions> = {}) {
    const nodes = Array.from({ length: size }, (_, index) => index + 1);
    this.config = { configId: 1, nodes, leaseMs: 0, maxClockDrift: 0.01, ...config };
    for (const pid of this.config.nodes) this.add(pid, options[pid]);
    this.collect();
  }

  /** A further node, on a new disk of the cluster's first configuration, of which it need not be a member. */
  add(pid: NodeId, options: CoreOptions = {}): void {
    const disk = new TestDisk(this.config);
    const core = new OmniPaxos<string, string>({ pid, incarnation: 1, ...TICKS, ...options }, disk.crash());
    this.nodes.set(pid, { core, incarnation: 1, disk, held: [], facts: [], up: true, slowDisk: false });
  }

  /** The configuration with `nodes` that may follow the one in force at `pid`. */
  nextConfig(pid: NodeId, nodes: readonly NodeId[], config: Partial<ClusterConfig> = {}): ClusterConfig {
    const { configId, leaseMs, maxClockDrift } = this.core(pid).config;
    return { configId: configId + 1, nodes, leaseMs, maxClockDrift, ...config };
  }

  /** The leader of the newest configuration proposes to go on with `nodes`. */
  reconfigure(nodes: readonly NodeId[]): ReconfigureResult {
    const leader = this.electLeader();
    return this.core(leader).reconfigure(this.nextConfig(leader, nodes));
  }

  /** Waits until every member of configuration `configId` takes part in it. */
  entered(configId: number, nodes: readonly NodeId[]): void {
    this.until(
      () =>
        nodes.every((pid) => {
          const { config, takesPart } = this.core(pid).status();
          return config.configId === configId && takesPart;
        }),
      `nodes ${nodes.join(', ')} in configuration ${configId}`,
    );
  }

  node(pid: NodeId): TestNode {
    const node = this.nodes.get(pid);
    if (node === undefined) throw new Error(`no node ${pid}`);
    return node;
  }

  core(pid: NodeId): OmniPaxos<string, string> {
    return this.node(pid).core;
  }

  /** Cuts or heals the link in both directions. */
  link(a: NodeId, b: NodeId, up: boolean): void {
    this.oneWay(a, b, up);
    this.oneWay(b, a, up);
  }

  oneWay(from: NodeId, to: NodeId, up: boolean): void {
    if (up) this.#cut.delete(`${from}>${to}`);
    else this.#cut.add(`${from}>${to}`);
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Cuts or heals every link of one node. */
  isolate(pid: NodeId, isolated = true): void {
    for (const other of this.nodes.keys()) if (other !== pid) this.link(pid, other, !isolated);
  }

  /** Cuts all links, then connects exactly these pairs. */
  connectOnly(pairs: readonly (readonly [NodeId, NodeId])[]): void {
    for (const pid of this.nodes.keys()) this.isolate(pid);
    for (const [a, b] of pairs) this.link(a, b, true);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Loses everything unsynced, and everything that was not sent. */
  crash(pid: NodeId): void {
    const node = this.node(pid);
    node.up = false;
    node.held = [];
    node.core.takeOutput();
  }

  /** @param tellsLinks whether everybody is told that the links to this node are new. */
  restart(pid: NodeId, tellsLinks = true): void {
    const node = this.node(pid);
    node.incarnation += 1;
    node.core = new OmniPaxos<string, string>(
      { pid, incarnation: node.incarnation, ...TICKS },
      node.disk.crash(),
    );
    node.up = true;
    node.held = [];
    for (const other of this.nodes.keys()) {
      if (!tellsLinks || other === pid || !this.node(other).up) continue;
      node.core.reconnected(other);
      this.core(other).reconnected(pid);
    }
    this.collect();
  }

  /** Takes the output of every core; syncs the disks that are not slow. */
  collect(): void {
    for (const [pid, node] of this.nodes) {
      if (!node.up) continue;
      this.#takeOutput(node);
      if (!node.slowDisk) this.sync(pid);
    }
  }

  /** The disk of this node syncs all held batches, and what follows from that. */
  sync(pid: NodeId): void {
    const node = this.node(pid);
    while (node.held.length > 0) {
      const done = node.held;
      node.held = [];
      node.disk.sync();
      node.core.persisted(done.at(-1)?.writeToken ?? 0);
      for (const batch of done) this.queue.push(...batch.messagesAfterWrites);
      this.#takeOutput(node);
    }
  }

  #takeOutput(node: TestNode): void {
    for (let batch = node.core.takeOutput(); batch !== undefined; batch = node.core.takeOutput()) {
      const copy: TestBatch = deserialize(serialize(batch));
      node.facts.push(...copy.facts);
      this.queue.push(...copy.messages);
      node.disk.write(copy.writes);
      node.held.push(copy);
    }
  }

  /** Delivers one message now, whatever the links say. */
  deliver(message: TestMessage): void {
    const node = this.node(message.to);
    if (!node.up) return;
    node.core.handleIncoming(deserialize(serialize(message)));
    this.collect();
  }

  /** Delivers everything that is or comes into the queue. */
  settle(maxMessages = 100_000): void {
    this.collect();
    for (let count = 0; this.queue.length > 0; count++) {
      if (count > maxMessages) throw new Error('messages never end');
      const message = this.queue.shift();
      if (message === undefined || this.isCut(message.from, message.to)) continue;
      if (!this.filter(message)) {
        this.filtered.push(message);
        continue;
      }
      this.deliver(message);
    }
  }

  /** Lets ticks pass on all nodes that are up, delivering everything in between. */
  ticks(count: number, only?: readonly NodeId[]): void {
    for (let i = 0; i < count; i++) {
      for (const [pid, node] of this.nodes) {
        if (node.up && (only === undefined || only.includes(pid))) node.core.tick();
      }
      this.settle();
    }
  }

  /** Lets time pass until `condition` holds, at most `maxTicks`. */
  until(condition: () => boolean, what: string, maxTicks = 1_000): void {
    for (let i = 0; i < maxTicks; i++) {
      if (condition()) return;
      this.ticks(1);
    }
    if (!condition()) throw new Error(`after ${maxTicks} ticks there is still not: ${what}`);
  }

  leaders(): NodeId[] {
    return [...this.nodes]
      .filter(([, node]) => node.up && node.core.leadership().role === 'leader')
      .map(([pid]) => pid);
  }

  /** Waits for exactly one leader that `followers` follow, and returns it. */
  electLeader(): NodeId {
    this.until(() => this.leaders().length === 1, 'one leader');
    const leader = this.leaders()[0];
    if (leader === undefined) throw new Error('unreachable');
    return leader;
  }

  /** Connects everybody with `hub` only. */
  connectStar(hub: NodeId): void {
    this.connectOnly([...this.nodes.keys()].filter((pid) => pid !== hub).map((pid) => [hub, pid] as const));
  }

  /** The decided entries of a node, below its snapshot as `<snapshot value>`. */
  decided(pid: NodeId): string[] {
    return this.core(pid)
      .read(0)
      .map((item) => {
        if (item.kind === 'entry') return item.entry;
        return item.kind === 'snapshot' ? `<${item.snapshot.value}>` : 'stop sign';
      });
  }

  facts<K extends Fact['kind']>(pid: NodeId, kind: K): Extract<Fact, { kind: K }>[] {
    return this.node(pid).facts.filter((fact): fact is Extract<Fact, { kind: K }> => fact.kind === kind);
  }

  /** How many messages of a kind wait in the queue. */
  queued(kind: MessageKind): TestMessage[] {
    return this.queue.filter((message) => message.body.kind === kind);
  }
}

export function entryRecord(entry: string): LogRecord<string> {
  return { kind: 'entry', entry };
}

export function testSnapshot(value: string, compactedIdx: number, config: ClusterConfig): Snapshot<string> {
  return { value, compactedIdx, config };
}
