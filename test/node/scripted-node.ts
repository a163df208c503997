import { onTestFinished } from 'vitest';
import { PaxosNode, type PaxosNodeOptions } from '../../src/node/index.js';
import type { Ballot, ClusterConfig, NodeId } from '../../src/omnipaxos/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { recordingLogger } from '../driver/recording-logger.js';
import { ScriptedStorage, type ScriptedStorageOptions } from './scripted-storage.js';
import { ScriptedTransport } from './scripted-transport.js';

export const THREE: ClusterConfig = { configId: 1, nodes: [1, 2, 3], leaseMs: 0, maxClockDrift: 0.01 };

export function ballot(n: number, pid: NodeId, configId = 1): Ballot {
  return { configId, n, priority: 0, pid };
}

type NodeOptions = Partial<PaxosNodeOptions<string, number>>;

/** One node whose disk and peers are played by the test, on virtual time. What it does is told in `trace`, heartbeats apart. */
export class ScriptedNode {
  readonly trace: string[] = [];
  readonly clock = new VirtualClock();
  readonly logger = recordingLogger();
  readonly storage: ScriptedStorage;
  readonly transport: ScriptedTransport;
  readonly node: PaxosNode<string, number>;

  constructor(storage: Partial<ScriptedStorageOptions> = {}, options: NodeOptions = {}) {
    const { config = THREE, nodeId = 1 } = storage;
    this.storage = new ScriptedStorage({ nodeId, config, trace: this.trace, ...storage });
    this.transport = new ScriptedTransport(nodeId, config, this.trace);
    this.node = new PaxosNode<string, number>({
      storage: this.storage,
      transport: this.transport,
      clock: this.clock,
      logger: this.logger,
      nextTurn: (callback) => void this.clock.setTimer(0, callback),
      ...options,
    });
  }

  /** Started, with peers 2 and 3 connected, and nothing in the trace. */
  static async running(
    storage: Partial<ScriptedStorageOptions> = {},
    options: NodeOptions = {},
  ): Promise<ScriptedNode> {
    const scripted = new ScriptedNode(storage, options);
    await scripted.node.start();
    for (const peer of (storage.config ?? THREE).nodes) {
      if (peer !== scripted.node.nodeId) await scripted.connect(peer);
    }
    await settleMicrotasks();
    scripted.trace.length = 0;
    onTestFinished(async () => {
      scripted.storage.completeAll();
      await scripted.node.stop();
    });
    return scripted;
  }

  /** A peer connects, and what it teaches becomes durable. */
  async connect(nodeId: NodeId, changes: Parameters<ScriptedTransport['connect']>[1] = {}): Promise<void> {
    const admission = this.transport.connect(nodeId, changes);
    await settleMicrotasks();
    if (this.storage.underWay[0]?.startsWith('remember') === true) this.storage.complete();
    const { ok } = await admission;
    if (!ok) throw new Error(`peer ${nodeId} was refused`);
    await settleMicrotasks();
  }

  /** The trace since it was last taken. */
  async taken(): Promise<string[]> {
    await settleMicrotasks();
    return this.trace.splice(0);
  }

  /** Node 2 leads with ballot 5, and this node has synchronised with it: it holds `records` entries, none of them decided. */
  async follow(records = 0): Promise<void> {
    const n = ballot(5, 2);
    this.transport.deliver(2, {
      kind: 'prepare',
      n,
      decidedIdx: 0,
      nAccepted: ballot(0, 0, 0),
      acceptedIdx: 0,
    });
    await this.#sync();
    const promise = this.transport.bodies('promise').at(-1);
    if (promise === undefined) throw new Error('there is no Promise');
    const suffix = Array.from({ length: records }, (_, idx) => ({
      kind: 'entry' as const,
      entry: `synced ${idx}`,
    }));
    this.transport.deliver(2, {
      kind: 'acceptSync',
      n,
      syncToken: promise.syncToken,
      seqNum: { session: 1, counter: 0 },
      decidedIdx: 0,
      logSync: { suffix, syncIdx: 0 },
    });
    await this.#sync();
    this.trace.length = 0;
  }

  /** The leader that {@link follow} made sends its next message. */
  acceptDecide(counter: number, entries: readonly string[], decidedIdx = 0): void {
    this.transport.deliver(2, {
      kind: 'acceptDecide',
      n: ballot(5, 2),
      seqNum: { session: 1, counter },
      decidedIdx,
      records: entries.map((entry) => ({ kind: 'entry', entry })),
    });
  }

  /** This node leads with ballot 1, and node 2 is in its session; node 3 is silent. */
  async lead(): Promise<void> {
    await this.clock.advanceAsync(105);
    await this.#sync();
    const [prepare] = this.transport.bodies('prepare');
    if (prepare === undefined) throw new Error('there is no Prepare');
    this.transport.deliver(2, {
      kind: 'promise',
      n: prepare.n,
      syncToken: { incarnation: 1, counter: 1 },
      nAccepted: ballot(0, 0, 0),
      decidedIdx: 0,
      acceptedIdx: 0,
      compactedIdx: 0,
      previousPromise: ballot(0, 0, 0),
      msSinceLowerBallotReply: 0,
    });
    await this.#sync();
    this.trace.length = 0;
  }

  /** Node 2 has accepted, in the ballot that {@link lead} leads. */
  accepted(acceptedIdx: number): void {
    this.transport.deliver(2, { kind: 'accepted', n: ballot(1, 1), acceptedIdx });
  }

  async #sync(): Promise<void> {
    await settleMicrotasks();
    while (this.storage.underWay.length > 0) {
      this.storage.complete();
      await settleMicrotasks();
    }
  }
}
