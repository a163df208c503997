import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster } from './core-cluster.js';
import { clusterOf, decidedEntries, round, stateOf } from './stored-logs.js';

function allDecide(
  cluster: CoreCluster,
  expected: readonly string[],
  pids: readonly NodeId[] = [1, 2, 3],
): void {
  cluster.until(
    () => pids.every((pid) => cluster.core(pid).decidedIdx === expected.length),
    `nodes ${pids} decide ${expected.length} entries`,
  );
  for (const pid of pids) expect(decidedEntries(cluster, pid)).toEqual(expected);
  for (const pid of pids) expect(cluster.facts(pid, 'violation')).toEqual([]);
}

describe('log sync', () => {
  test.each([1, 2])('the log of the higher round wins over a longer one, when node %i leads', (leader) => {
    const cluster = clusterOf({
      1: { log: ['x'], acceptedRound: round(2, 1), promise: round(leader === 1 ? 9 : 2, 1) },
      2: { log: ['y', 'z'], acceptedRound: round(1, 2), promise: round(leader === 2 ? 9 : 1, 2) },
    });
    cluster.restart(1);
    cluster.restart(2);
    cluster.core(leader).tryBecomeLeader();
    cluster.settle();
    expect(cluster.leaders()).toEqual([leader]);
    allDecide(cluster, ['x'], [1, 2]);
  });

  test('equal rounds: the longer log wins', () => {
    const cluster = clusterOf({
      1: { log: ['x', 'y'], acceptedRound: round(1, 3) },
      2: { log: ['x'], acceptedRound: round(1, 3) },
    });
    cluster.restart(1);
    cluster.restart(2);
    allDecide(cluster, ['x', 'y'], [1, 2]);
  });

  // What such a follower holds beyond the winner was never decided; the leader has put something else there.
  test("a late follower of the winner's round with a longer log: it keeps only what the winner had", () => {
    const cluster = clusterOf({
      1: { log: ['x'], acceptedRound: round(1, 3) },
      2: { log: ['x'], acceptedRound: round(1, 3) },
      3: { log: ['x', 'y'], acceptedRound: round(1, 3) },
    });
    cluster.restart(1);
    cluster.restart(2);
    const leader = cluster.electLeader();
    cluster.core(leader).append('p', { forward: false });
    cluster.settle();
    cluster.restart(3);
    allDecide(cluster, ['x', 'p']);
  });

  test('a follower with an undecided tail of an older round: it keeps only its decided prefix', () => {
    const cluster = clusterOf({
      1: { log: ['a', 'n', 'm'], acceptedRound: round(3, 1), decidedIdx: 1 },
      2: { log: ['a', 'n', 'm'], acceptedRound: round(3, 1), decidedIdx: 1 },
      3: { log: ['a', 'o', 'o'], acceptedRound: round(2, 3), decidedIdx: 1 },
    });
    cluster.restart(1);
    cluster.restart(2);
    cluster.electLeader();
    cluster.restart(3);
    allDecide(cluster, ['a', 'n', 'm']);
  });

  test('a read quorum of which one knows more decided: the leader knows it at once', () => {
    const cluster = clusterOf({
      1: { log: ['a', 'b'], acceptedRound: round(1, 3), decidedIdx: 2 },
      2: { log: ['a', 'b'], acceptedRound: round(1, 3), decidedIdx: 0 },
    });
    cluster.filter = (message) => message.body.kind !== 'accepted';
    cluster.restart(1);
    cluster.restart(2);
    expect(cluster.electLeader()).toBe(2);
    expect(cluster.core(2).decidedIdx).toBe(2);
  });

  // P16
  test('every combination of decided, accepted and compacted of two nodes, in two rounds: all converge on what was decided', () => {
    const common = ['a', 'b', 'c', 'd'];
    const shapes = [
      [0, 0, 0],
      [0, 2, 0],
      [2, 2, 0],
      [2, 2, 2],
      [0, 4, 0],
      [2, 4, 0],
      [2, 4, 2],
      [4, 4, 0],
      [4, 4, 4],
      [2, 5, 2],
      [4, 5, 4],
      [4, 6, 2],
    ] as const;
    let worlds = 0;
    for (const [decidedA, acceptedA, compactedA] of shapes) {
      for (const [decidedB, acceptedB, compactedB] of shapes) {
        for (const [roundA, roundB] of [
          [1, 1],
          [1, 2],
          [2, 1],
        ] as const) {
          // All four are decided: node 3 and one of the others hold them, in the higher round.
          const holder = roundA >= roundB ? acceptedA : acceptedB;
          if (holder < 4) continue;
          worlds += 1;
          const tail = (n: number): string[] => [...common, `tail ${n}`, `tail ${n}`];
          const highest = Math.max(roundA, roundB);
          const cluster = clusterOf({
            1: {
              log: tail(roundA).slice(0, acceptedA),
              acceptedRound: round(roundA, 1),
              decidedIdx: decidedA,
              compactedIdx: compactedA,
            },
            2: {
              log: tail(roundB).slice(0, acceptedB),
              acceptedRound: round(roundB, 1),
              decidedIdx: decidedB,
              compactedIdx: compactedB,
            },
            3: { log: common, acceptedRound: round(highest, 1), decidedIdx: 4 },
          });
          for (const pid of worlds % 2 === 0 ? [1, 2, 3] : [3, 2, 1]) cluster.restart(pid);
          cluster.electLeader();
          cluster.until(
            () => [1, 2, 3].every((pid) => cluster.core(pid).decidedIdx >= 4),
            'all know the four',
            300,
          );
          const [leader] = cluster.leaders();
          if (leader === undefined) throw new Error('no leader');
          cluster.core(leader).append('last', { forward: false });
          cluster.until(
            () => [1, 2, 3].every((pid) => decidedEntries(cluster, pid).includes('last')),
            'all decide the last',
            300,
          );
          const decided = decidedEntries(cluster, leader);
          expect(decided.slice(0, 4)).toEqual(common);
          for (const pid of [1, 2, 3]) {
            expect(decidedEntries(cluster, pid)).toEqual(decided);
            expect(cluster.facts(pid, 'violation')).toEqual([]);
          }
        }
      }
    }
    expect(worlds).toBeGreaterThan(200);
  });

  // R06
  test.each([
    { name: 'below compactedIdx', stored: 0, compactedIdx: 2, records: ['c'], recovered: 2 },
    { name: 'above acceptedIdx', stored: 9, compactedIdx: 0, records: ['a', 'b'], recovered: 2 },
    { name: 'between both', stored: 2, compactedIdx: 1, records: ['b', 'c'], recovered: 2 },
  ])('a recovered decidedIdx $name: it is $recovered', ({ stored, compactedIdx, records, recovered }) => {
    const cluster = new CoreCluster(1);
    const all = [...['a', 'b'].slice(0, compactedIdx), ...records];
    cluster.crash(1);
    cluster
      .node(1)
      .disk.replace(
        stateOf(cluster, { log: all, acceptedRound: round(1, 1), decidedIdx: stored, compactedIdx }),
      );
    cluster.restart(1);
    expect(cluster.core(1).decidedIdx).toBe(recovered);
    expect(cluster.decided(1).length).toBeGreaterThan(0);
  });
});
