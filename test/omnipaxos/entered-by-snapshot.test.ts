import { describe, expect, test } from 'vitest';
import { BALLOT_ZERO, type NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster } from './core-cluster.js';
import { decidedEntries, type LogShape, round, stateOf } from './stored-logs.js';

/**
 * A node that learns of a configuration by a snapshot from beyond its beginning knows more decided than anybody has
 * accepted in its round, which is the one that each configuration begins with.
 */
describe('who has entered a configuration by a snapshot', () => {
  // R07, P16
  test('comes back after entries were decided and compacted in it: is brought up to date by the leader that it began with', () => {
    const cluster = new CoreCluster(3);
    const leader = cluster.electLeader();
    const away: NodeId = leader === 1 ? 2 : 1;
    cluster.isolate(away);
    cluster.reconfigure([1, 2, 3]);
    cluster.until(() => cluster.core(leader).status().config.configId === 2, 'the next configuration');
    const next = cluster.electLeader();
    for (const entry of ['a', 'b']) cluster.core(next).append(entry, { forward: false });
    cluster.until(() => cluster.core(next).decidedIdx === 3, 'both are decided');
    // One of them has compacted, and it is that one which the node asks; the leader has not.
    const compacted = [1, 2, 3].find((pid) => pid !== away && pid !== next) ?? 0;
    cluster.until(() => cluster.core(compacted).decidedIdx === 3, 'the third node knows it');
    cluster.core(compacted).snapshot(3, 'everything');
    cluster.collect();
    cluster.link(away, compacted, true);
    cluster.until(() => cluster.core(away).compactedIdx === 3, 'it has the snapshot');
    cluster.heal();
    cluster.core(next).append('c', { forward: false });
    cluster.until(() => cluster.core(away).decidedIdx === 4, 'the node that was away has all');
    expect(cluster.core(away).status()).toMatchObject({ phase: 'accept', decidedIdx: 4, acceptedIdx: 4 });
    for (const pid of cluster.nodes.keys()) expect(cluster.facts(pid, 'violation')).toEqual([]);
  });

  // R07, P16: if it promised one, it would bring to it what was decided under a higher ballot, and accept records on top of that.
  describe.each([
    { promisers: [2], when: 'which lacks one promise' },
    { promisers: [1, 2], when: 'which has a read quorum already' },
  ])('meets a deposed leader, $when', ({ promisers }) => {
    test.each([1, 3])(
      'and knows %i entries decided elsewhere: promises it nothing, and nothing of what only that leader has accepted becomes decided',
      (count) => {
        const cluster = new CoreCluster(5);
        cluster.electLeader();
        cluster.isolate(5);
        cluster.until(() => cluster.leaders().some((pid) => pid !== 5), 'a leader among the others');
        const first = cluster.leaders().find((pid) => pid !== 5) ?? 0;
        cluster.core(first).reconfigure(cluster.nextConfig(first, [1, 2, 3, 4, 5]));
        cluster.entered(2, [1, 2, 3, 4]);
        cluster.until(() => cluster.core(4).leadership().role === 'leader', 'node 4 leads');
        // It alone accepts x; then it asks for promises again, and loses touch before anybody has accepted x.
        cluster.isolate(4);
        cluster.core(4).append('x', { forward: false });
        cluster.settle();
        for (const pid of promisers) cluster.link(pid, 4, true);
        cluster.filter = ({ body }) => body.kind !== 'acceptSync';
        cluster.core(4).tryBecomeLeader();
        cluster.settle();
        const deposed = cluster.core(4).status().promise;
        for (const pid of promisers) expect(cluster.core(pid).status().promise).toEqual(deposed);
        cluster.isolate(4);
        cluster.filter = () => true;
        // The others decide in its place, under a higher ballot, and compact that away.
        const leads = (pid: NodeId): boolean => cluster.core(pid).leadership().role === 'leader';
        cluster.until(() => [1, 2, 3].some(leads), 'another leads');
        const next = [1, 2, 3].find(leads) ?? 0;
        const decided = ['stop sign', ...Array.from({ length: count }, (_, idx) => `y${idx}`)];
        for (const entry of decided.slice(1)) cluster.core(next).append(entry, { forward: false });
        cluster.until(() => cluster.core(next).decidedIdx === decided.length, 'all of it is decided');
        cluster.core(next).snapshot(decided.length, decided.join(','));
        cluster.collect();
        cluster.connectOnly([[next, 5]]);
        cluster.until(
          () => cluster.core(5).compactedIdx === decided.length,
          'node 5 has entered by the snapshot',
        );
        // The deposed leader asks node 5.
        const { promise } = cluster.core(next).status();
        expect(cluster.core(5).status()).toMatchObject({ promise, phase: 'accept' });
        cluster.connectOnly([[4, 5]]);
        cluster.core(4).reconnected(5);
        cluster.core(5).reconnected(4);
        cluster.settle();
        expect(cluster.core(5).status()).toMatchObject({ promise, acceptedIdx: decided.length });
        cluster.ticks(100, [4, 5]);
        expect(cluster.decided(4)).toEqual(['stop sign']);
        expect(decidedEntries(cluster, 5)).toEqual(decided);
        cluster.heal();
        cluster.until(
          () => cluster.core(4).decidedIdx === decided.length,
          'the deposed leader has learned it',
        );
        for (const pid of cluster.nodes.keys()) {
          expect(decidedEntries(cluster, pid)).toEqual(decided);
          expect(cluster.facts(pid, 'violation')).toEqual([]);
        }
      },
    );
  });

  /** Nodes 4 and 5 are down; what is decided, nodes 1, 4 and 5 have accepted. */
  function cluster(own: LogShape): CoreCluster {
    const world = new CoreCluster(5);
    const accepted = round(1, 5);
    const shapes: Readonly<Record<NodeId, LogShape>> = {
      1: { log: ['a', 'b', 'c'], acceptedRound: accepted, decidedIdx: 2 },
      2: { log: ['a', 'b'], acceptedRound: accepted, decidedIdx: 2 },
      3: own,
    };
    for (const pid of world.nodes.keys()) world.crash(pid);
    for (const [pid, shape] of Object.entries(shapes))
      world.node(Number(pid)).disk.replace(stateOf(world, shape));
    for (const pid of [1, 2, 3]) world.restart(pid);
    return world;
  }

  const ENTERED: LogShape = {
    log: ['a', 'b', 'c'],
    acceptedRound: BALLOT_ZERO,
    promise: round(1, 5),
    decidedIdx: 3,
    compactedIdx: 3,
  };

  test.each([1, 2, 3])(
    'it knows more decided than others have accepted, and node %i leads: all come to agree, and nothing decided is lost',
    (leader) => {
      const world = cluster(ENTERED);
      world.core(leader).tryBecomeLeader();
      world.settle();
      world.core(leader).append('d', { forward: false });
      world.until(() => [1, 2, 3].every((pid) => world.core(pid).decidedIdx === 4), 'all have decided');
      for (const pid of [1, 2, 3]) {
        expect(decidedEntries(world, pid)).toEqual(['a', 'b', 'c', 'd']);
        expect(world.facts(pid, 'violation')).toEqual([]);
      }
    },
  );
});
