import { expect, onTestFinished, test } from 'vitest';
import { ApplyEngine, ApplyTask, SnapshotPolicy } from '../../src/apply/index.js';
import { cursorAfter, type DecidedItem } from '../../src/omnipaxos/index.js';
import { withResolvers } from '../../src/runtime/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { YieldPointHold } from '../../src/testing/yield-points.js';
import { NodeCluster, type TestNode } from '../node/node-cluster.js';

type Item = DecidedItem<string, number>;

/** A host that is as slow as a test wants: its state is the sum of the numbers that were decided. */
class SlowHost {
  readonly folded: Item[] = [];
  readonly hold = new YieldPointHold('beforeChunk');
  readonly engine: ApplyEngine<string, number>;
  readonly #task: ApplyTask<string, number>;
  readonly #gate = withResolvers<void>();
  #sum = 0;

  /** Parked before it reads the log, or in the fold of the first item that it has read. */
  constructor(cluster: NodeCluster, node: TestNode, parked: 'before it reads' | 'in mid-chunk') {
    this.engine = new ApplyEngine<string, number>({
      log: node.log,
      fold: (item) => this.#fold(item, parked === 'in mid-chunk'),
      snapshots: {
        policy: SnapshotPolicy.every(2),
        take: () => this.#sum,
        compact: (upToIdx, value) => node.snapshot(upToIdx, value),
      },
    });
    this.#task = new ApplyTask({
      engine: this.engine,
      subscribe: (wake) => {
        node.events.on('decided', wake);
        return () => void node.events.off('decided', wake);
      },
      clock: cluster.clock,
      ...(parked === 'before it reads' ? { yieldPoint: this.hold.at } : {}),
    });
    onTestFinished(() => this.#task.stop());
  }

  get sum(): number {
    return this.#sum;
  }

  start(): void {
    this.#task.start();
  }

  release(): void {
    this.hold.release();
    this.#gate.resolve();
  }

  async #fold(item: Item, slow: boolean): Promise<void> {
    if (slow) await this.#gate.promise;
    this.folded.push(item);
    if (item.kind === 'snapshot') this.#sum = item.snapshot.value;
    else if (item.kind === 'entry') this.#sum += Number(item.entry);
  }
}

// P18
test.each(['before it reads', 'in mid-chunk'] as const)(
  'an applier is parked %s while its peers compact and a sync brings a snapshot: it goes on with that snapshot, and misses nothing',
  async (parked) => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    const slowId = leader.nodeId === 1 ? 2 : 1;
    const slow = cluster.node(slowId);
    const others = [...cluster.nodes.keys()].filter((nodeId) => nodeId !== slowId);
    const host = new SlowHost(cluster, slow, parked);
    host.start();
    for (const entry of ['1', '2', '4', '8']) await cluster.decide(leader.node, entry);

    // Its peers compact all of it. That is their own affair: what waits to be applied here stays.
    for (const nodeId of others) cluster.node(nodeId).snapshot(4, 15);
    await cluster.pass(500);
    expect(host.engine.status()).toMatchObject({ appliedIdx: 0, lag: 4 });
    expect(slow.status().core.compactedIdx).toBe(0);
    expect(cluster.decided(slowId)).toEqual(['1', '2', '4', '8']);

    // It misses more than its peers keep, so that only a snapshot can bring it back: over what it has not applied.
    cluster.network.isolate(slowId, true);
    for (const entry of ['16', '32', '64']) await cluster.decide(leader.node, entry, others);
    for (const nodeId of others) cluster.node(nodeId).snapshot(6, 63);
    cluster.network.isolate(slowId, false);
    await cluster.until(() => slow.status().core.compactedIdx === 6, 'the snapshot has come');
    await cluster.decide(leader.node, '128');
    expect(host.engine.status()).toMatchObject({ appliedIdx: 0, lag: 8 });
    expect(host.folded).toEqual([]);

    host.release();
    await cluster.until(() => host.engine.appliedIdx === 8, 'all is applied');
    await settleMicrotasks();
    expect(host.engine.failure).toBeUndefined();
    expect(host.sum).toBe(255);
    // Each item begins where the one before has ended; only a snapshot stands for more than one record.
    let cursor = 0;
    for (const item of host.folded) {
      if (item.kind !== 'snapshot') expect(item.idx).toBe(cursor);
      cursor = cursorAfter(item);
    }
    expect(host.folded.filter(({ kind }) => kind === 'snapshot')).toEqual([
      { kind: 'snapshot', snapshot: expect.objectContaining({ compactedIdx: 6, value: 63 }) },
    ]);
  },
);
