import { describe, expect, test } from 'vitest';
import type { Ballot, ClusterConfig, NodeId } from '../../src/omnipaxos/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { AgreementChecker } from './agreement-checker.js';
import { CoreCluster } from './core-cluster.js';

/** `SCHEDULE_SEED=n` replays one seed; `SCHEDULES=n` runs more of them. */
const ONLY_SEED = process.env['SCHEDULE_SEED'];
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 60);
const CLUSTERS: readonly (Partial<ClusterConfig> & { readonly size: number; readonly read: number })[] = [
  { size: 5, read: 3 },
  { size: 7, read: 4 },
  { size: 7, read: 4 },
  { size: 8, read: 5, flexibleQuorum: { readQuorumSize: 5, writeQuorumSize: 4 } },
];

/** Some members of the second configuration are in it, with its beginning as their log; the others have missed it. */
function begin(size: number, late: readonly NodeId[], config: Partial<ClusterConfig>): CoreCluster {
  const cluster = new CoreCluster(size, config);
  const nextConfig = { ...cluster.config, configId: 2 };
  const floor = { configId: 2, n: 0, priority: 0, pid: 0 };
  for (const pid of cluster.nodes.keys()) {
    if (late.includes(pid)) continue;
    cluster.crash(pid);
    cluster.node(pid).disk.replace({
      config: nextConfig,
      promise: floor,
      acceptedRound: floor,
      decidedIdx: 1,
      records: [{ kind: 'stopSign', stopSign: { nextConfig } }],
    });
    cluster.restart(pid, false);
  }
  return cluster;
}

/**
 * Nobody is elected: nodes take over, append, compact and meet as the seed says, each act among few nodes only. First some lead without knowing that they are deposed, then one decides and compacts
 * in their place, and then the late members enter by its snapshot and meet the deposed ones.
 */
function runSchedule(seed: number): number {
  const random = new SeededRandom(seed);
  const some = (from: readonly NodeId[], count: number): NodeId[] => {
    const left = [...from];
    const taken: NodeId[] = [];
    while (taken.length < count && left.length > 0) taken.push(...left.splice(random.below(left.length), 1));
    return taken;
  };
  const { size, read, ...quorums } = random.pick(CLUSTERS);
  const late = some(
    Array.from({ length: size }, (_, i) => i + 1),
    size > 5 && random.chance(0.2) ? 2 : 1,
  );
  const cluster = begin(size, late, quorums);
  const pids = [...cluster.nodes.keys()];
  const early = pids.filter((pid) => !late.includes(pid));
  const checker = new AgreementChecker();
  cluster.queue = [];

  const leaders = (): NodeId[] => pids.filter((pid) => cluster.core(pid).status().role === 'leader');
  const around = (hub: NodeId, others: readonly NodeId[]): void =>
    cluster.connectOnly(others.filter((pid) => pid !== hub).map((pid) => [hub, pid] as const));
  const settle = (losesSync = false): void => {
    cluster.filter = ({ body: { kind } }) =>
      kind !== 'heartbeatRequest' && kind !== 'heartbeatReply' && !(losesSync && kind === 'acceptSync');
    cluster.settle();
    checker.check(cluster);
  };
  const takeOver = (pid: NodeId, others: readonly NodeId[], losesSync = false): void => {
    around(pid, others);
    cluster.core(pid).tryBecomeLeader();
    settle(losesSync);
  };
  let proposals = 0;
  const propose = (leader: NodeId, count: number): void => {
    for (let left = count; left > 0; left--)
      cluster.core(leader).append(`p${++proposals}`, { forward: false });
    settle();
  };
  const proposeSomewhere = (): void => {
    const leader = random.pick(leaders());
    around(leader, random.chance(0.7) ? [] : some(pids, random.below(3)));
    propose(leader, 1 + random.below(5));
  };
  const meet = (follower: NodeId, leader: NodeId): void => {
    if (follower === leader) return;
    around(leader, [follower]);
    cluster.core(follower).reconnected(leader);
    settle();
  };

  // As far as they can help it, nobody tells those who lead that another one does.
  const free = (): NodeId[] => early.filter((pid) => !leaders().includes(pid));
  for (const reach of random.pick([[size], [size, read - 2], [size, read - 2], [size, read, read - 2]])) {
    takeOver(random.pick(early), some(free(), reach), random.chance(0.3));
    if (random.chance(0.8)) proposeSomewhere();
  }
  const deposing = random.pick(free());
  for (let attempt = 0; attempt < 2; attempt++) takeOver(deposing, free());
  propose(deposing, 1 + random.below(2));
  const { decidedIdx } = cluster.core(deposing);
  if (decidedIdx > 1) cluster.core(deposing).snapshot(decidedIdx, checker.fold(decidedIdx));
  for (const pid of late) meet(pid, deposing);
  for (let step = 0; step < 12; step++) {
    const deposed = leaders().filter((pid) => pid !== deposing);
    if (deposed.length === 0) break;
    const dice = random.nextFloat();
    if (dice < 0.5) meet(random.pick(late), random.pick(deposed));
    else if (dice < 0.65) meet(random.pick(deposed), random.pick(deposed));
    else if (dice < 0.85) meet(random.pick(pids), random.pick(deposed));
    else if (dice < 0.95) proposeSomewhere();
    else takeOver(random.pick(pids), some(pids, 1 + random.below(read)), random.chance(0.3));
  }

  cluster.filter = () => true;
  cluster.heal();
  // What a deposed leader appends may be lost: it is proposed again until it is decided.
  let proposedIn: Ballot | undefined;
  cluster.until(
    () => {
      checker.check(cluster);
      const [leader, ...others] = cluster.leaders();
      if (leader !== undefined && others.length === 0) {
        const { promise } = cluster.core(leader).status();
        if (promise !== proposedIn) cluster.core(leader).append('last', { forward: false });
        proposedIn = promise;
      }
      return pids.every((pid) => cluster.decided(pid).includes('last'));
    },
    'every node has decided the last entry',
    300,
  );
  for (const pid of pids) expect(cluster.facts(pid, 'violation')).toEqual([]);
  return checker.decidedIdx;
}

describe('random schedules of deposed leaders and late members', () => {
  const seeds =
    ONLY_SEED === undefined ? Array.from({ length: SCHEDULES }, (_, i) => i + 1) : [Number(ONLY_SEED)];
  // R07, P16
  test.each(seeds)('seed %i: agreement always, and progress at the end', (seed) => {
    try {
      expect(runSchedule(seed)).toBeGreaterThan(1);
    } catch (cause) {
      throw new Error(
        `replay with: SCHEDULE_SEED=${seed} npx vitest run test/omnipaxos/deposed-schedules.test.ts`,
        { cause },
      );
    }
  });
});
