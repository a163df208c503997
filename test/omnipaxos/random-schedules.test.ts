import { describe, expect, test } from 'vitest';
import type { Ballot, ClusterConfig, NodeId } from '../../src/omnipaxos/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { AgreementChecker } from './agreement-checker.js';
import { CoreCluster } from './core-cluster.js';

/** `SCHEDULE_SEED=n` replays one seed; `SCHEDULES=n` runs more of them. */
const ONLY_SEED = process.env['SCHEDULE_SEED'];
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 120);

interface Rates {
  readonly loss: number;
  readonly duplication: number;
  readonly crash: number;
  readonly slowDisk: number;
  readonly compaction: number;
  readonly reconnect: number;
  /** New configurations, hand-overs and takeovers by hand. */
  readonly change: number;
  /** Nodes cut off, links cut in one direction or both, and healed again. */
  readonly cut: number;
}

function runSchedule(seed: number, steps: number): number {
  const random = new SeededRandom(seed);
  const size = random.pick([1, 3, 3, 3, 5]);
  const rates: Rates = {
    loss: random.pick([0, 0.05, 0.3]),
    duplication: random.pick([0, 0.1, 0.5]),
    crash: random.pick([0, 0.002, 0.01]),
    slowDisk: random.pick([0, 0.3, 0.8]),
    compaction: random.pick([0, 0.01, 0.05]),
    reconnect: random.pick([0, 0.005, 0.02]),
    change: random.pick([0, 0, 0.003, 0.02]),
    cut: random.pick([0, 0, 0.005, 0.02]),
  };
  const cluster = new CoreCluster(size);
  if (rates.change > 0) for (let pid = size + 1; pid <= size + 2; pid++) cluster.add(pid);
  const checker = new AgreementChecker();
  const pids = [...cluster.nodes.keys()];
  let proposals = 0;

  const change = (pid: NodeId): void => {
    const { core } = cluster.node(pid);
    const dice = random.nextFloat();
    if (dice < 0.5) {
      const nodes = pids.filter(() => random.chance(0.6));
      core.reconfigure(cluster.nextConfig(pid, nodes.length === 0 ? [pid] : nodes));
    } else if (dice < 0.75) core.transferLeadership(random.pick(pids));
    else if (dice < 0.9) core.tryBecomeLeader();
    else core.setPriority(random.below(10));
  };

  const cut = (): void => {
    const [a, b] = [random.pick(pids), random.pick(pids)];
    const dice = random.nextFloat();
    if (dice < 0.25) cluster.heal();
    else if (dice < 0.5) cluster.isolate(a, random.chance(0.6));
    else if (dice < 0.8) cluster.link(a, b, random.chance(0.5));
    else cluster.oneWay(a, b, random.chance(0.5));
  };

  const act = (): void => {
    if (random.chance(rates.cut)) cut();
    const dice = random.nextFloat();
    const pid = random.pick(pids);
    const node = cluster.node(pid);
    if (dice < rates.crash) {
      if (node.up) cluster.crash(pid);
      return;
    }
    if (dice < rates.crash * 3) {
      if (!node.up) {
        cluster.restart(pid);
        checker.restarted(pid);
      }
      return;
    }
    if (!node.up) return;
    if (random.chance(rates.change)) change(pid);
    else if (random.chance(rates.reconnect)) node.core.reconnected(random.pick(pids));
    else if (random.chance(rates.compaction)) {
      const { decidedIdx, compactedIdx } = node.core;
      if (decidedIdx > compactedIdx) node.core.snapshot(decidedIdx, checker.fold(decidedIdx));
    } else if (random.chance(0.1)) {
      proposals += 1;
      node.core.append(`p${proposals}`, { forward: random.chance(0.7) });
    } else if (random.chance(0.3)) node.core.tick({ late: random.chance(0.02) });
    else if (random.chance(0.2)) {
      node.slowDisk = random.chance(rates.slowDisk);
      cluster.sync(pid);
    }
    cluster.collect();
  };

  for (let step = 0; step < steps; step++) {
    act();
    checker.check(cluster);
    while (cluster.queue.length > 0 && random.chance(0.7)) {
      const index = random.chance(0.8) ? 0 : random.below(cluster.queue.length);
      const message = cluster.queue[index];
      if (message === undefined) break;
      if (!random.chance(rates.duplication)) cluster.queue.splice(index, 1);
      if (!random.chance(rates.loss) && !cluster.isCut(message.from, message.to)) cluster.deliver(message);
      checker.check(cluster);
    }
    if (cluster.queue.length > 500) cluster.queue.splice(0, 250);
  }

  cluster.heal();
  for (const pid of pids) {
    cluster.node(pid).slowDisk = false;
    if (!cluster.node(pid).up) {
      cluster.restart(pid);
      checker.restarted(pid);
    }
  }
  // What a leader appends just before it is deposed may be lost: it is proposed again until it is decided.
  let proposedIn: Ballot | undefined;
  const newestConfig = (): ClusterConfig =>
    pids
      .map((pid) => cluster.core(pid).config)
      .reduce((newest, config) => (config.configId > newest.configId ? config : newest));
  const isDecidedEverywhere = (): boolean =>
    newestConfig().nodes.every((pid) => cluster.decided(pid).includes('last'));
  cluster.until(
    () => {
      checker.check(cluster);
      const [leader, ...others] = cluster.leaders();
      if (
        leader !== undefined &&
        others.length === 0 &&
        cluster.core(leader).status().promise !== proposedIn
      ) {
        proposedIn = cluster.core(leader).status().promise;
        cluster.core(leader).append('last', { forward: false });
      }
      return isDecidedEverywhere();
    },
    'every node has decided the last entry',
    300,
  );
  for (const pid of pids) {
    cluster.core(pid).takeOutput();
    expect(cluster.facts(pid, 'violation')).toEqual([]);
  }
  return checker.decidedIdx;
}

describe('random schedules of cores', () => {
  const seeds =
    ONLY_SEED === undefined ? Array.from({ length: SCHEDULES }, (_, i) => i + 1) : [Number(ONLY_SEED)];
  test.each(seeds)('seed %i: agreement always, and progress when faults stop', (seed) => {
    try {
      expect(runSchedule(seed, 2_000)).toBeGreaterThan(0);
    } catch (cause) {
      throw new Error(
        `replay with: SCHEDULE_SEED=${seed} npx vitest run test/omnipaxos/random-schedules.test.ts`,
        { cause },
      );
    }
  });
});
