// A state machine of one's own in a small simulated cluster: a seed decides what is lost, who is cut off and who loses power.
import { ApplyEngine, MemoryDisk, openMemoryStorage, PaxosNode, SnapshotPolicy } from '../../src/index.js';
import { MemoryNetwork, SeededRandom, VirtualClock } from '../../src/testing/index.js';
import type { Stock, StockEntry, StockSnapshot } from './property-test.js';

const NODES = [1, 2, 3];
const ROUNDS = 400;

/** What runs on one machine, until its power fails. */
interface Running {
  readonly node: PaxosNode<StockEntry, StockSnapshot>;
  readonly stock: Stock;
  readonly engine: ApplyEngine<StockEntry, StockSnapshot>;
}

/**
 * Runs one world, then lets it heal. Throws, with the seed, if two nodes have folded different entries at one index, or do not have equal states in the end.
 * @returns how many records were decided, and how often the power failed.
 */
export async function stockWorld(seed: number, createStock: () => Stock) {
  const random = new SeededRandom(seed);
  const clock = new VirtualClock();
  let losses = 0.1;
  const network = new MemoryNetwork<StockEntry, StockSnapshot>({
    clock,
    route: () => (random.chance(losses) ? [] : [random.between(1, 5)]),
  });
  const config = { configId: 1, nodes: NODES, leaseMs: 250, maxClockDrift: 0.01 };
  const disks = new Map(
    NODES.map((nodeId) => [
      nodeId,
      new MemoryDisk<StockEntry, StockSnapshot>({ clusterId: 'stock', nodeId, config, random }),
    ]),
  );
  const running = new Map<number, Running>();
  const reference: string[] = [];
  let powerCuts = 0;

  const boot = async (nodeId: number, disk: MemoryDisk<StockEntry, StockSnapshot>): Promise<void> => {
    const stock = createStock();
    const node = new PaxosNode<StockEntry, StockSnapshot>({
      storage: openMemoryStorage(disk),
      transport: network.transport(nodeId),
      clock,
      nextTurn: (callback) => void clock.setTimer(0, callback),
    });
    const engine = new ApplyEngine<StockEntry, StockSnapshot>({
      log: node.log,
      fold: (item) => {
        if (item.kind === 'entry') {
          const entry = JSON.stringify(item.entry);
          reference[item.idx] ??= entry;
          if (reference[item.idx] !== entry)
            throw new Error(`two entries at index ${item.idx}, seed ${seed}`);
        }
        stock.fold(item);
      },
      snapshots: {
        policy: SnapshotPolicy.every(10),
        take: () => stock.snapshot(),
        compact: (upToIdx, value) => node.snapshot(upToIdx, value),
      },
    });
    engine.recover();
    node.events.on('decided', () => void engine.step());
    running.set(nodeId, { node, stock, engine });
    await node.start();
  };
  const powerCut = (nodeId: number, disk: MemoryDisk<StockEntry, StockSnapshot>): void => {
    powerCuts += 1;
    network.kill(nodeId);
    disk.crash();
    void running.get(nodeId)?.node.stop();
    running.delete(nodeId);
  };

  for (let round = 0; round < ROUNDS; round++) {
    for (const [nodeId, disk] of disks) {
      if (!running.has(nodeId)) {
        if (random.chance(0.2)) await boot(nodeId, disk);
      } else if (random.chance(0.01)) powerCut(nodeId, disk);
      if (random.chance(0.05)) network.isolate(nodeId, random.chance(0.3));
    }
    for (const { node } of running.values()) {
      const item = ['bolt', 'nut', 'screw'][random.below(3)] ?? 'bolt';
      if (node.leadership().role === 'leader')
        node.append({ item, change: random.between(-5, 5) }, { forward: false });
    }
    await clock.advanceAsync(20);
  }

  losses = 0;
  for (const [nodeId, disk] of disks) {
    network.isolate(nodeId, false);
    if (!running.has(nodeId)) await boot(nodeId, disk);
  }
  await clock.advanceAsync(10_000);
  for (const { engine } of running.values()) while (engine.step().more);
  const states = new Set([...running.values()].map(({ stock }) => JSON.stringify(stock.snapshot().counts)));
  if (states.size > 1) throw new Error(`replicas differ, seed ${seed}: ${[...states].join(' and ')}`);
  for (const { node } of running.values()) void node.stop();
  return { decided: reference.length, powerCuts };
}
