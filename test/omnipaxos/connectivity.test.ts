import { expect, test } from 'vitest';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster } from './core-cluster.js';

const ROUND_TICKS = 5;

type Link = readonly [NodeId, NodeId];

function permutations(pids: readonly NodeId[]): NodeId[][] {
  if (pids.length === 0) return [[]];
  return pids.flatMap((pid) =>
    permutations(pids.filter((other) => other !== pid)).map((rest) => [pid, ...rest]),
  );
}

/**
 * Every graph of `size` nodes, as its links; of four nodes or more, one of those that differ only by the
 * names of nodes other than the highest, which leads.
 */
function graphs(size: number): (readonly Link[])[] {
  const pids = Array.from({ length: size }, (_, index) => index + 1);
  const pairs = pids.flatMap((a) => pids.filter((b) => b > a).map((b): Link => [a, b]));
  const namings = size < 4 ? [] : permutations(pids.slice(0, -1));
  const seen = new Set<string>();
  return Array.from({ length: 2 ** pairs.length }, (_, graph) =>
    pairs.filter((_link, bit) => (graph >> bit) % 2 === 1),
  ).filter((links) => {
    const key = JSON.stringify(links);
    if (seen.has(key)) return false;
    for (const naming of namings) {
      const name = (pid: NodeId): NodeId => naming[pid - 1] ?? pid;
      const renamed = links.map(([a, b]) => [name(a), name(b)].sort((x, y) => x - y));
      seen.add(JSON.stringify(renamed.sort(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d)));
    }
    return true;
  });
}

function highestBallotNumber(cluster: CoreCluster): number {
  return Math.max(...[...cluster.nodes.values()].map(({ core }) => core.status().election.currentBallot.n));
}

// P22
test.each([3, 4, 5])(
  'every connectivity graph of %i nodes: with a quorum-connected node there is progress within four rounds, and no ballot storm for a hundred',
  (size) => {
    for (const links of graphs(size)) {
      const degree = (pid: NodeId): number =>
        links.filter((link) => link[0] === pid || link[1] === pid).length;
      const quorum = Math.floor(size / 2) + 1;
      const cluster = new CoreCluster(size);
      expect(cluster.electLeader()).toBe(size);
      cluster.connectOnly(links);
      const hasQuorumNode = [...cluster.nodes.keys()].some((pid) => degree(pid) + 1 >= quorum);
      if (!hasQuorumNode) continue;
      const progresses = (): boolean =>
        [...cluster.nodes.values()].some((node) => {
          if (node.core.leadership().role !== 'leader') return false;
          const idx = node.core.acceptedIdx;
          node.core.append('x', { forward: false });
          cluster.settle();
          return node.core.decidedIdx > idx;
        });
      cluster.ticks(4 * ROUND_TICKS);
      expect(progresses(), `graph ${JSON.stringify(links)}`).toBe(true);
      const before = highestBallotNumber(cluster);
      cluster.ticks(100 * ROUND_TICKS);
      const after = highestBallotNumber(cluster);
      expect(after - before, `ballots raised in graph ${JSON.stringify(links)}`).toBeLessThanOrEqual(2);
      expect(progresses(), `graph ${JSON.stringify(links)}, later`).toBe(true);
    }
  },
);
