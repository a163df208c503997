import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster, type CoreOptions } from './core-cluster.js';

const ROUND_TICKS = 5;

/** Three nodes without their leader. Of the two that are left, the rounds of `ahead` end so many ticks before those of the other one. */
function survivors(shift: number, ahead: 'low' | 'high' = 'low', options: Record<NodeId, CoreOptions> = {}) {
  const cluster = new CoreCluster(3, {}, options);
  const old = cluster.electLeader();
  cluster.ticks(2 * ROUND_TICKS);
  const [low = 0, high = 0] = [1, 2, 3].filter((pid) => pid !== old);
  cluster.ticks(shift, [ahead === 'low' ? low : high]);
  cluster.crash(old);
  return { cluster, old, low, high };
}

/** The ballots that anybody has led with, in the order in which their read quorums formed, from this call on. */
function ballotsLed(cluster: CoreCluster, pids: readonly NodeId[]): () => string[] {
  const before = new Map(pids.map((pid) => [pid, cluster.facts(pid, 'readQuorum').length]));
  return () =>
    pids.flatMap((pid) =>
      cluster
        .facts(pid, 'readQuorum')
        .slice(before.get(pid))
        .map(({ ballot }) => `n ${ballot.n} of node ${ballot.pid}`),
    );
}

describe('failover: the first round of a leadership', () => {
  test('a node comes to lead: it asks all peers in that very step, and is answered without another tick', () => {
    const { cluster, low, high } = survivors(0);
    cluster.until(() => cluster.leaders().length === 1, 'a new leader');
    const [leader = 0] = cluster.leaders();
    const { facts } = cluster.node(leader);
    const follower = leader === low ? high : low;
    const ledFrom = facts.findLastIndex(({ kind }) => kind === 'readQuorum');
    const sinceThen = facts.slice(ledFrom);
    const round = cluster.core(leader).status().election.round;
    expect(sinceThen).toContainEqual({ kind: 'heartbeatRound', round });
    const promise = cluster.core(leader).status().promise;
    expect(sinceThen).toContainEqual({ kind: 'heartbeatReply', from: follower, round, promise });
  });

  test('it leads on undisturbed, and begins no more rounds than others afterwards', () => {
    const { cluster } = survivors(0);
    cluster.until(() => cluster.leaders().length === 1, 'a new leader');
    const [leader = 0] = cluster.leaders();
    const { round } = cluster.core(leader).status().election;
    const { promise } = cluster.core(leader).status();
    cluster.ticks(100 * ROUND_TICKS);
    expect(cluster.leaders()).toEqual([leader]);
    expect(cluster.core(leader).status().promise).toEqual(promise);
    expect(cluster.core(leader).status().election.round).toBe(round + 100);
  });
});

describe('failover: two nodes notice that the leader is gone', () => {
  const SHIFTS = Array.from({ length: ROUND_TICKS }, (_, shift) => shift);
  const CASES = SHIFTS.flatMap((shift) => (['low', 'high'] as const).map((ahead) => [shift, ahead] as const));

  test.each(CASES.filter(([shift]) => shift > 0))(
    'rounds %i ticks apart, the node with the %s id ahead: one takes over, and is not deposed by the other',
    (shift, ahead) => {
      const { cluster, low, high } = survivors(shift, ahead);
      const led = ballotsLed(cluster, [low, high]);
      cluster.ticks(20 * ROUND_TICKS);
      expect(led()).toHaveLength(1);
      expect(cluster.leaders()).toHaveLength(1);
    },
  );

  test.each(CASES)(
    'rounds %i ticks apart, the node with the %s id ahead, one of them preferred: that one leads in the end',
    (shift, ahead) => {
      for (const preferred of [1, 2]) {
        const { cluster, low, high } = survivors(shift, ahead, {
          3: { priority: 9 },
          [preferred]: { priority: 5 },
        });
        expect([low, high]).toEqual([1, 2]);
        cluster.ticks(20 * ROUND_TICKS);
        expect(cluster.leaders()).toEqual([preferred]);
      }
    },
  );

  test.each(SHIFTS)(
    'rounds %i ticks apart, in five nodes the one that takes over dies at once: another one does',
    (shift) => {
      const cluster = new CoreCluster(5);
      const old = cluster.electLeader();
      cluster.ticks(2 * ROUND_TICKS);
      const rest = [1, 2, 3, 4, 5].filter((pid) => pid !== old);
      for (const [index, pid] of rest.entries()) cluster.ticks((index * shift) % ROUND_TICKS, [pid]);
      cluster.crash(old);
      // Its Prepare is out, and it never hears of an answer.
      cluster.filter = ({ body }) => body.kind !== 'promise';
      const preparing = (): NodeId | undefined =>
        rest.find((pid) => cluster.core(pid).status().role === 'leader');
      cluster.until(() => preparing() !== undefined, 'somebody that takes over', 4 * ROUND_TICKS);
      cluster.crash(preparing() ?? 0);
      cluster.filter = () => true;
      cluster.until(() => cluster.leaders().length === 1, 'another leader', 5 * ROUND_TICKS);
    },
  );
});
