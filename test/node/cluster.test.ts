import { describe, expect, test } from 'vitest';
import { isEndpoint } from '../../src/node/node-options.js';
import { NodeCluster } from './node-cluster.js';

describe('three nodes', () => {
  test('they start: the first leader stays, though every first heartbeat was sent before there were connections', async () => {
    const cluster = new NodeCluster();
    for (const nodeId of [1, 2, 3]) await cluster.start(nodeId);
    const first = await cluster.electLeader();
    expect(cluster.clock.monotonicMs()).toBeLessThan(150);
    await cluster.pass(3_000);
    expect(cluster.leaders().map(({ ballot }) => ballot)).toEqual([first.ballot]);
  });

  test('connections flap all the time: elections go on all the same', async () => {
    const cluster = new NodeCluster();
    for (const nodeId of [1, 2, 3]) await cluster.start(nodeId);
    for (let i = 0; i < 100; i++) {
      for (const [a, b] of [
        [1, 2],
        [1, 3],
        [2, 3],
      ] as const)
        cluster.network.flap(a, b);
      await cluster.pass(23);
    }
    expect(cluster.leaders()).toHaveLength(1);
    // 2,300 ms, some rounds that began anew when peers were first met, and at most one for each ballot that was led.
    for (const node of cluster.nodes.values()) {
      const { election, promise } = node.status().core;
      expect(election.round).toBeLessThan(27 + promise.n);
    }
  });

  test('they elect a leader, all know it and where it serves clients, and replicate', async () => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    for (const [nodeId, node] of cluster.nodes) {
      if (nodeId === leader.nodeId) continue;
      expect(node.leadership()).toEqual({
        role: 'follower',
        ballot: leader.ballot,
        endpoint: `client-${leader.nodeId}:50551`,
      });
    }
    await cluster.decide(leader.node, 'a');
    await cluster.decide(leader.node, 'b');
    expect([1, 2, 3].map((nodeId) => cluster.decided(nodeId))).toEqual(Array(3).fill(['a', 'b']));
    expect(cluster.errors()).toEqual([]);
  });

  test('the leader loses power: the others elect another one within four election timeouts, and nothing decided is lost', async () => {
    const cluster = await NodeCluster.started();
    const first = await cluster.electLeader();
    await cluster.decide(first.node, 'a');
    await cluster.crash(first.nodeId);
    const before = cluster.clock.monotonicMs();
    const second = await cluster.electLeader();
    expect(cluster.clock.monotonicMs() - before).toBeLessThanOrEqual(400);
    expect(second.nodeId).not.toBe(first.nodeId);
    await cluster.decide(second.node, 'b');
    await cluster.start(first.nodeId);
    await cluster.until(() => cluster.decided(first.nodeId).length === 2, 'the old leader has caught up');
    expect([1, 2, 3].map((nodeId) => cluster.decided(nodeId))).toEqual(Array(3).fill(['a', 'b']));
    expect(cluster.node(first.nodeId).leadership()).toMatchObject({
      role: 'follower',
      ballot: second.ballot,
    });
  });

  test('all lose power at once: what was decided is there after the restart', async () => {
    const cluster = await NodeCluster.started();
    const first = await cluster.electLeader();
    for (const entry of ['a', 'b', 'c']) await cluster.decide(first.node, entry);
    for (const nodeId of [1, 2, 3]) await cluster.crash(nodeId);
    for (const nodeId of [1, 2, 3]) await cluster.start(nodeId);
    const second = await cluster.electLeader();
    await cluster.decide(second.node, 'd');
    expect(cluster.decided(1)).toEqual(['a', 'b', 'c', 'd']);
    expect(second.node.incarnation).toBe(2);
  });

  // P08
  test('a leader restarts: it does not call itself leader by the promise of its earlier life', async () => {
    const cluster = await NodeCluster.started();
    const first = await cluster.electLeader();
    await cluster.decide(first.node, 'a');
    await cluster.crash(first.nodeId);
    cluster.network.isolate(2, true);
    cluster.network.isolate(3, true);
    const again = await cluster.start(first.nodeId);
    expect(again.leadership()).toEqual({ role: 'unknown' });
    await cluster.pass(1_000);
    expect(again.leadership()).toEqual({ role: 'unknown' });
  });

  test('a follower was away while the log was compacted: it catches up by the snapshot', async () => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    const away = [1, 2, 3].find((nodeId) => nodeId !== leader.nodeId) ?? 0;
    await cluster.stop(away);
    for (const entry of ['a', 'b', 'c']) await cluster.decide(leader.node, entry);
    leader.node.snapshot(2, 42);
    await cluster.start(away);
    await cluster.until(() => cluster.node(away).log.decidedIdx === 3, 'it has caught up');
    expect(cluster.decided(away)).toEqual(['<42>', 'c']);
    expect(cluster.node(away).status().core.compactedIdx).toBe(2);
  });

  test('a snapshot survives a restart, and so do the records above it', async () => {
    const cluster = await NodeCluster.started({ size: 1 });
    const leader = await cluster.electLeader();
    for (const entry of ['a', 'b', 'c']) await cluster.decide(leader.node, entry);
    leader.node.snapshot(2, 42);
    await cluster.decide(leader.node, 'd');
    await cluster.stop(1);
    await cluster.start(1);
    expect(cluster.decided(1)[0]).toBe('<42>');
    await cluster.electLeader();
    await cluster.until(() => cluster.node(1).log.decidedIdx === 4, 'all is decided again');
    expect(cluster.decided(1)).toEqual(['<42>', 'c', 'd']);
  });

  test('an entry is proposed at a follower: it is forwarded, once', async () => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    const [follower] = [...cluster.nodes.values()].filter((node) => node !== leader.node);
    expect(follower?.append('forwarded', { forward: true })).toEqual({
      ok: true,
      outcome: 'forwarded',
      to: leader.nodeId,
    });
    expect(follower?.append('kept', { forward: false })).toEqual({ ok: false, reason: 'notLeader' });
    await cluster.until(() => cluster.decided(leader.nodeId).length === 1, 'it is decided');
    expect(cluster.decided(leader.nodeId)).toEqual(['forwarded']);
  });

  test('a forwarded proposal is lost on the way: nobody invents it again', async () => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    const [follower] = [...cluster.nodes.values()].filter((node) => node !== leader.node);
    cluster.route = (message) => (message.body.kind === 'proposalForward' ? [] : [1]);
    expect(follower?.append('lost', { forward: true })).toMatchObject({ ok: true });
    await cluster.pass(2_000);
    await cluster.decide(leader.node, 'a');
    expect(cluster.decided(leader.nodeId)).toEqual(['a']);
  });

  test('a proposal before there is a leader: it waits, and is decided once; the buffer has its limit', async () => {
    const cluster = new NodeCluster({ node: { proposalBufferLimit: 2 } });
    const node = await cluster.start(1);
    expect(node.append('early 1', { forward: true })).toEqual({ ok: true, outcome: 'buffered' });
    expect(node.append('early 2', { forward: true })).toEqual({ ok: true, outcome: 'buffered' });
    expect(node.append('early 3', { forward: true })).toEqual({ ok: false, reason: 'bufferFull', limit: 2 });
    await cluster.start(2);
    await cluster.until(() => cluster.node(2).log.decidedIdx === 2, 'both are decided');
    expect(cluster.decided(2)).toEqual(['early 1', 'early 2']);
  });

  test('a leader cut off from the others: they go on without it, and what it had proposed alone is not decided', async () => {
    const cluster = await NodeCluster.started();
    const first = await cluster.electLeader();
    cluster.network.isolate(first.nodeId, true);
    first.node.append('alone', { forward: false });
    const second = await cluster.electLeader([first.nodeId]);
    await cluster.decide(second.node, 'b', [second.nodeId]);
    cluster.network.heal();
    await cluster.until(() => cluster.decided(first.nodeId).includes('b'), 'it has come back');
    expect(cluster.decided(first.nodeId)).toEqual(['b']);
    expect(first.node.leadership()).toMatchObject({ role: 'follower', ballot: second.ballot });
  });

  test('the disk of one node is slow: the leader stays, and the others decide without it', async () => {
    const cluster = new NodeCluster();
    await cluster.start(1);
    await cluster.start(2);
    const slow = { completeLater: (done: () => void) => void cluster.clock.setTimer(3_000, done) };
    await cluster.start(3, { storage: slow });
    await cluster.pass(500);
    const leader = await cluster.until(
      () => cluster.leaders().find(({ nodeId }) => nodeId !== 3),
      'a leader with a fast disk',
    );
    await cluster.decide(leader.node, 'a', [1, 2]);
    await cluster.pass(2_000);
    expect(cluster.leaders().map(({ nodeId }) => nodeId)).toEqual([leader.nodeId]);
    expect(leader.node.leadership()).toMatchObject({ role: 'leader', ballot: leader.ballot });
  });
});

describe('one node', () => {
  // P14
  test('it elects itself, decides alone, restarts, and compacts', async () => {
    const cluster = await NodeCluster.started({ size: 1 });
    const leader = await cluster.electLeader();
    await cluster.decide(leader.node, 'a');
    await cluster.crash(1);
    await cluster.start(1);
    const again = await cluster.electLeader();
    await cluster.decide(again.node, 'b');
    again.node.snapshot(2, 7);
    await cluster.decide(again.node, 'c');
    await cluster.stop(1);
    await cluster.start(1);
    await cluster.electLeader();
    await cluster.until(() => cluster.node(1).log.decidedIdx === 3, 'all is decided again');
    expect(cluster.decided(1)).toEqual(['<7>', 'c']);
  });
});

describe('stalls', () => {
  // N01, R20
  test('two nodes of three stand still for ten rounds: the leader stays in its ballot', async () => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    await cluster.pass(500);
    const stalled = [leader.nodeId, [1, 2, 3].find((nodeId) => nodeId !== leader.nodeId) ?? 0];
    for (const nodeId of stalled) cluster.machine(nodeId).freeze(1_000);
    await cluster.pass(3_000);
    expect(cluster.leaders().map(({ nodeId, ballot }) => ({ nodeId, ballot }))).toEqual([
      { nodeId: leader.nodeId, ballot: leader.ballot },
    ]);
    for (const nodeId of stalled) {
      expect(cluster.node(nodeId).status().counters.lateTicks).toBe(1);
    }
  });

  // N01
  test('one node stalls again and again, for a bit more than a round: no election', async () => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    const follower = [1, 2, 3].find((nodeId) => nodeId !== leader.nodeId) ?? 0;
    for (let i = 0; i < 20; i++) {
      cluster.machine(follower).freeze(130);
      await cluster.pass(150);
    }
    await cluster.pass(500);
    expect(cluster.leaders().map(({ ballot }) => ballot)).toEqual([leader.ballot]);
  });
});

describe('identity of directories', () => {
  // S10
  test('a node comes back with a wiped directory: refused, it never votes, and its new directory is marked', async () => {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    await cluster.decide(leader.node, 'a');
    const victim = [1, 2, 3].find((nodeId) => nodeId !== leader.nodeId) ?? 0;
    await cluster.crash(victim);
    const wiped = new NodeCluster({ seed: 8 }).disk(victim);
    const node = await cluster.start(victim, { disk: wiped });
    await cluster.pass(100);
    expect(await node.stopped).toMatchObject({ kind: 'refused' });
    await node.stop();
    expect(node.status().core.promise.n).toBe(0);
    await expect(cluster.start(victim, { disk: wiped })).rejects.toMatchObject({ code: 'storage_refused' });
  });

  /** All links are cut, and an older copy of one node's directory, which its peers know to be over, was started so often. */
  async function rolledBack(starts: number) {
    const cluster = await NodeCluster.started();
    const leader = await cluster.electLeader();
    const victim = [1, 2, 3].find((nodeId) => nodeId !== leader.nodeId) ?? 0;
    const backup = cluster.disk(victim).clone();
    await cluster.stop(victim);
    await cluster.start(victim);
    await cluster.pass(100);
    await cluster.crash(victim);
    // Alone, where nobody contradicts, it raises its incarnation past everything that is remembered of it.
    for (const nodeId of [1, 2, 3]) cluster.network.isolate(nodeId, true);
    for (let i = 0; i < starts; i++) {
      await cluster.start(victim, { disk: backup });
      await cluster.stop(victim);
    }
    return { backup, cluster, leader, victim };
  }

  // S10, R15
  test('an older copy of a directory, restarted again and again: refused each time by what its peers remember', async () => {
    const { backup, cluster, victim } = await rolledBack(5);
    cluster.network.heal();
    const node = await cluster.start(victim, { disk: backup });
    await cluster.pass(100);
    expect(await node.stopped).toMatchObject({ kind: 'refused' });
    await node.stop();
  });

  // S10, R15
  test('an older copy of a directory whose refusal did not get to its disk: refused at the next start too', async () => {
    const { backup, cluster, leader, victim } = await rolledBack(3);
    // One peer only is there: the memory of another one would tell of it as well.
    const third = [1, 2, 3].find((nodeId) => nodeId !== leader.nodeId && nodeId !== victim) ?? 0;
    await cluster.crash(third);
    cluster.network.heal();
    const node = await cluster.start(victim, { disk: backup });
    const unmarked = backup.clone();
    await cluster.pass(100);
    expect(await node.stopped).toMatchObject({ kind: 'refused' });
    await node.stop();
    const again = await cluster.start(victim, { disk: unmarked });
    let reason: unknown;
    void again.stopped.then((told) => {
      reason = told;
    });
    await cluster.pass(300);
    expect(reason).toMatchObject({ kind: 'refused' });
    await again.stop();
  });

  // R15
  test('a directory and its clone meet different peers: as soon as those two talk, neither takes part', async () => {
    const cluster = await NodeCluster.started({ size: 4 });
    const leader = await cluster.electLeader();
    await cluster.decide(leader.node, 'a');
    const [first = 0, second = 0, victim = 0] = [1, 2, 3, 4].filter((nodeId) => nodeId !== leader.nodeId);
    await cluster.crash(victim);
    const clone = cluster.disk(victim).clone();
    await cluster.crash(first);
    await cluster.crash(second);
    await cluster.crash(leader.nodeId);
    await cluster.start(first);
    await cluster.start(victim);
    await cluster.pass(50);
    expect(cluster.node(first).status().connectedPeers).toEqual([victim]);
    await cluster.crash(first);
    await cluster.crash(victim);
    await cluster.start(second);
    await cluster.start(victim, { disk: clone });
    await cluster.pass(50);
    expect(cluster.node(second).status().connectedPeers).toEqual([victim]);
    await cluster.stop(victim);
    await cluster.start(first);
    await cluster.pass(50);
    for (const disk of [cluster.disk(victim), clone]) {
      const node = await cluster.start(victim, { disk });
      await cluster.pass(300);
      expect(await node.stopped).toMatchObject({ kind: 'refused' });
      await node.stop();
    }
  });
});

describe('client endpoints', () => {
  test('what is host:port, and what is not', () => {
    for (const good of ['a:1', 'tso-1.example:50551', '127.0.0.1:65535', '[::1]:80']) {
      expect([good, isEndpoint(good)]).toEqual([good, true]);
    }
    for (const bad of ['', 'a', 'a:', ':1', 'http://a:1', 'a:1/x', 'a:65536', 'u@a:1', '::1:80', 'a b:1']) {
      expect([bad, isEndpoint(bad)]).toEqual([bad, false]);
    }
  });
});
