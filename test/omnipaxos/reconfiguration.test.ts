import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import {
  type Ballot,
  type ClusterConfig,
  hashClusterConfig,
  type MessageKind,
  type NodeId,
  type StopSign,
} from '../../src/omnipaxos/index.js';
import { CoreCluster, entryRecord, type TestMessage, testSnapshot } from './core-cluster.js';

/** A cluster of `size` that has decided some entries, with further nodes that wait to become members. */
function serving(size: number, waiting: readonly NodeId[] = []): { cluster: CoreCluster; leader: NodeId } {
  const cluster = new CoreCluster(size);
  for (const pid of waiting) cluster.add(pid);
  const leader = cluster.electLeader();
  propose(cluster, 'a', 'b');
  return { cluster, leader };
}

function propose(cluster: CoreCluster, ...entries: string[]): void {
  const leader = cluster.electLeader();
  for (const entry of entries) {
    expect(cluster.core(leader).append(entry, { forward: false })).toMatchObject({ ok: true });
  }
  cluster.ticks(1);
}

function stopSignOf(cluster: CoreCluster, pid: NodeId, nodes: readonly NodeId[]): StopSign {
  return { nextConfig: cluster.nextConfig(pid, nodes) };
}

function violations(cluster: CoreCluster): unknown[] {
  return [...cluster.nodes.keys()].flatMap((pid) => cluster.facts(pid, 'violation'));
}

describe('reconfiguration', () => {
  // P23
  test('3 to 5 to 3 members: the log goes on counting, and everybody holds all of it', () => {
    const { cluster } = serving(3, [4, 5]);
    expect(cluster.reconfigure([1, 2, 3, 4, 5])).toMatchObject({ ok: true, idx: 2 });
    cluster.entered(2, [1, 2, 3, 4, 5]);
    propose(cluster, 'c');
    expect(cluster.reconfigure([3, 4, 5])).toMatchObject({ ok: true, idx: 4 });
    cluster.entered(3, [3, 4, 5]);
    propose(cluster, 'd');
    const all = ['a', 'b', 'stop sign', 'c', 'stop sign', 'd'];
    for (const pid of [3, 4, 5]) expect(cluster.decided(pid)).toEqual(all);
    for (const pid of [1, 2]) {
      expect(cluster.decided(pid)).toEqual(all.slice(0, 5));
      cluster.until(() => cluster.facts(pid, 'removed').length === 1, `node ${pid} is told that it is out`);
      expect(cluster.core(pid).append('x', { forward: true })).toEqual({ ok: false, reason: 'stopped' });
    }
    expect(violations(cluster)).toEqual([]);
  });

  test('between stop sign and next configuration: entries are refused, and nothing follows the stop sign', () => {
    const { cluster, leader } = serving(3);
    cluster.filter = ({ body }) => body.kind !== 'accepted';
    expect(cluster.reconfigure([1, 2])).toMatchObject({ ok: true });
    cluster.settle();
    for (const pid of [1, 2, 3]) {
      expect(cluster.core(pid).append('late', { forward: true })).toEqual({
        ok: false,
        reason: 'pendingReconfiguration',
      });
    }
    expect(cluster.core(leader).reconfigure(cluster.nextConfig(leader, [1, 2, 3]))).toEqual({
      ok: false,
      reason: 'pendingReconfiguration',
    });
  });

  test('a stop sign that its leader could not have decided is replaced: entries are taken again', () => {
    const { cluster, leader } = serving(3);
    cluster.isolate(leader);
    cluster.core(leader).reconfigure(cluster.nextConfig(leader, [leader]));
    cluster.settle();
    expect(cluster.core(leader).append('x', { forward: true })).toMatchObject({ ok: false });
    cluster.until(() => cluster.leaders().length === 2, 'another leader');
    cluster.heal();
    cluster.until(() => cluster.leaders().length === 1, 'one leader');
    cluster.ticks(40);
    expect(cluster.core(leader).append('c', { forward: true })).toMatchObject({ ok: true });
    cluster.ticks(40);
    for (const pid of [1, 2, 3]) expect(cluster.decided(pid)).toEqual(['a', 'b', 'c']);
  });

  test('only a leader, only the next configId, only a config that keeps its rules', () => {
    const { cluster, leader } = serving(3);
    const next = cluster.nextConfig(leader, [1, 2]);
    const other = leader === 1 ? 2 : 1;
    expect(cluster.core(other).reconfigure(next)).toEqual({ ok: false, reason: 'notLeader' });
    const refused: [Partial<ClusterConfig>, string][] = [
      [{ configId: 3 }, 'nextConfig.configId'],
      [{ configId: 1 }, 'nextConfig.configId'],
      [{ nodes: [] }, 'nextConfig.nodes'],
      [{ nodes: [1, 1] }, 'nextConfig.nodes'],
      [{ previousLease: { leaseMs: 1, maxClockDrift: 0 } }, 'nextConfig.previousLease'],
    ];
    for (const [changes, field] of refused) {
      expect(() => cluster.core(leader).reconfigure({ ...next, ...changes })).toThrow(
        expect.objectContaining({ name: InvalidInputError.name, field }),
      );
    }
    expect(cluster.core(leader).acceptedIdx).toBe(2);
  });

  test('the leases of the configuration before are noted in the next one, and only those', () => {
    const cluster = new CoreCluster(3, { leaseMs: 400, maxClockDrift: 0.1 });
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(2, [1, 2, 3]);
    expect(cluster.core(1).config.previousLease).toEqual({ leaseMs: 400, maxClockDrift: 0.1 });
    const leader = cluster.electLeader();
    cluster.core(leader).reconfigure(cluster.nextConfig(leader, [1, 2, 3], { leaseMs: 0 }));
    cluster.entered(3, [1, 2, 3]);
    expect(cluster.core(2).config.previousLease).toEqual({ leaseMs: 400, maxClockDrift: 0.1 });
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(4, [1, 2, 3]);
    expect(cluster.core(3).config).not.toHaveProperty('previousLease');
  });

  test("metadata is decided with the stop sign, and is the caller's own no more", () => {
    const { cluster, leader } = serving(3);
    const metadata = Uint8Array.of(1, 2, 3);
    cluster.core(leader).reconfigure(cluster.nextConfig(leader, [1, 2]), metadata);
    metadata.fill(9);
    cluster.entered(2, [1, 2]);
    const items = cluster.core(2).read(2);
    expect(items[0]).toMatchObject({ kind: 'stopSign', stopSign: { metadata: Uint8Array.of(1, 2, 3) } });
  });

  test('a cluster of one hands everything over to another node of one', () => {
    const { cluster } = serving(1, [2]);
    expect(cluster.reconfigure([2])).toMatchObject({ ok: true });
    cluster.until(() => cluster.leaders().includes(2), 'node 2 leads');
    cluster.until(() => cluster.facts(1, 'removed').length === 1, 'node 1 is told that it is out');
    propose(cluster, 'c');
    expect(cluster.decided(2)).toEqual(['a', 'b', 'stop sign', 'c']);
  });

  test('a new member is given the snapshot, where the log is compacted past the stop sign', () => {
    const { cluster, leader } = serving(3, [4]);
    cluster.isolate(4);
    cluster.reconfigure([1, 2, 3, 4]);
    cluster.entered(2, [1, 2, 3]);
    propose(cluster, 'c');
    for (const pid of [1, 2, 3]) cluster.core(pid).snapshot(4, 'a,b,stop sign,c');
    propose(cluster, 'd');
    cluster.heal();
    cluster.entered(2, [4]);
    cluster.until(() => cluster.core(4).decidedIdx === 5, 'node 4 has decided all');
    expect(cluster.decided(4)).toEqual(['<a,b,stop sign,c>', 'd']);
    expect(cluster.core(leader).status().compactedIdx).toBe(4);
    expect(violations(cluster)).toEqual([]);
  });

  test('a node that is two configurations behind goes straight into the newest one', () => {
    const { cluster } = serving(3, [4, 5]);
    cluster.core(1).tryBecomeLeader();
    cluster.settle();
    cluster.isolate(3);
    cluster.reconfigure([1, 2, 3, 4]);
    cluster.entered(2, [1, 2, 4]);
    cluster.reconfigure([2, 3, 4, 5]);
    cluster.entered(3, [2, 4, 5]);
    cluster.heal();
    cluster.entered(3, [3]);
    expect(cluster.facts(3, 'configuration').map(({ config }) => config.configId)).toEqual([3]);
    expect(cluster.decided(3)).toEqual(['a', 'b', 'stop sign', 'stop sign']);
  });

  test('a snapshot below the last decided stop sign: refused, since it could not name its configuration', () => {
    const { cluster } = serving(3);
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(2, [1, 2, 3]);
    expect(() => cluster.core(1).snapshot(2, 'a,b')).toThrow(/behind the stop sign at 2/);
    cluster.core(1).snapshot(3, 'a,b,stop sign');
    expect(cluster.core(1).compactedIdx).toBe(3);
  });

  // R11
  test('a leader whose log came with a stop sign: not in charge, it may be decided elsewhere already', () => {
    const { cluster, leader } = serving(3);
    const [follower = 0, third = 0] = [1, 2, 3].filter((pid) => pid !== leader);
    cluster.link(leader, third, false);
    cluster.filter = ({ body }) => body.kind !== 'accepted';
    cluster.core(leader).reconfigure(cluster.nextConfig(leader, [leader]));
    cluster.settle();
    cluster.crash(leader);
    cluster.core(follower).tryBecomeLeader();
    cluster.ticks(60);
    expect(cluster.core(follower).status()).toMatchObject({
      role: 'leader',
      phase: 'accept',
      leadership: { role: 'unknown' },
    });
    cluster.filter = () => true;
    cluster.until(() => cluster.core(third).config.configId === 2, 'the stop sign is decided');
  });

  test('a node keeps its priority, and its rounds go on counting', () => {
    const { cluster } = serving(3);
    cluster.core(2).setPriority(7);
    const { round } = cluster.core(2).status().election;
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(2, [1, 2, 3]);
    const { election } = cluster.core(2).status();
    expect(election.currentBallot).toMatchObject({ configId: 2, priority: 7 });
    expect(election.round).toBeGreaterThan(round);
  });

  // P24
  test('each configuration counts ballots anew', () => {
    const { cluster, leader } = serving(3);
    for (let i = 0; i < 5; i++) cluster.core(leader).tryBecomeLeader();
    cluster.electLeader();
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(2, [1, 2, 3]);
    cluster.electLeader();
    expect(cluster.core(1).status().promise).toMatchObject({ configId: 2, n: 1 });
  });
});

describe('reconfiguration: what must be durable', () => {
  // R07
  test('a new member takes no part before it holds the decided log, durably: an empty majority elects nobody', () => {
    const { cluster, leader } = serving(3, [4, 5]);
    cluster.link(4, leader, false);
    cluster.link(5, leader, false);
    for (const pid of [1, 2, 3]) for (const other of [4, 5]) cluster.link(pid, other, false);
    cluster.reconfigure([leader, 4, 5]);
    cluster.ticks(200);
    // Nodes 4 and 5 hear each other, and are two of three.
    expect(cluster.leaders()).toEqual([]);
    for (const pid of [4, 5])
      expect(cluster.core(pid).status()).toMatchObject({ takesPart: false, acceptedIdx: 0 });
    cluster.heal();
    cluster.entered(2, [leader, 4, 5]);
    cluster.electLeader();
    expect(cluster.decided(4)).toEqual(['a', 'b', 'stop sign']);
  });

  // R07
  test('the entry is one durable write: until it is synced, heartbeats and Prepares are not answered', () => {
    const { cluster } = serving(3);
    cluster.node(3).slowDisk = true;
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(2, [1, 2]);
    cluster.electLeader();
    cluster.ticks(30);
    expect(cluster.core(3).config.configId).toBe(2);
    expect(cluster.core(3).status()).toMatchObject({ takesPart: false, phase: 'none' });
    for (const pid of [1, 2]) expect(cluster.core(pid).status().election.lastHeard).not.toContain(3);
    cluster.crash(3);
    cluster.node(3).slowDisk = false;
    cluster.restart(3);
    // The entry was lost with the power; it is made again from the log or from a peer.
    cluster.entered(2, [3]);
  });

  // R08
  test('an undecided tail over the index of the stop sign: gone with the entry, it cannot win', () => {
    const { cluster, leader } = serving(3);
    const old = leader;
    cluster.isolate(old);
    for (const entry of ['x', 'y', 'z']) cluster.core(old).append(entry, { forward: false });
    cluster.settle();
    expect(cluster.core(old).acceptedIdx).toBe(5);
    cluster.until(() => cluster.leaders().some((pid) => pid !== old), 'another leader');
    const other = cluster.leaders().find((pid) => pid !== old) ?? 0;
    cluster.core(other).reconfigure(cluster.nextConfig(other, [1, 2, 3]));
    cluster.ticks(30);
    cluster.heal();
    cluster.entered(2, [1, 2, 3]);
    const [enter] = cluster.facts(old, 'configuration');
    expect(enter).toMatchObject({ isMember: true });
    cluster.core(old).tryBecomeLeader();
    cluster.until(() => cluster.leaders().includes(old), 'the old leader leads again');
    cluster.ticks(30);
    for (const pid of [1, 2, 3]) expect(cluster.decided(pid)).toEqual(['a', 'b', 'stop sign']);
  });

  // S08
  test('an accepted stop sign survives a crash of everybody', () => {
    const { cluster } = serving(3);
    cluster.filter = ({ body }) => body.kind !== 'accepted';
    cluster.reconfigure([1, 2]);
    cluster.settle();
    for (const pid of [1, 2, 3]) cluster.crash(pid);
    cluster.filter = () => true;
    for (const pid of [1, 2, 3]) cluster.restart(pid);
    cluster.entered(2, [1, 2]);
    expect(cluster.decided(1)).toEqual(['a', 'b', 'stop sign']);
  });

  // R10
  test('every member restarts right after its entry: the configuration still elects a leader', () => {
    const { cluster } = serving(3);
    cluster.reconfigure([1, 2, 3]);
    cluster.filter = ({ configId }) => configId === 1;
    cluster.until(
      () => [1, 2, 3].every((pid) => cluster.core(pid).config.configId === 2),
      'all have entered',
    );
    const floor = { configId: 2, n: 0, priority: 0, pid: 0 };
    for (const pid of [1, 2, 3]) {
      expect(cluster.core(pid).status()).toMatchObject({ promise: floor, acceptedRound: floor });
      cluster.crash(pid);
    }
    cluster.filter = () => true;
    for (const pid of [1, 2, 3]) cluster.restart(pid);
    for (const pid of [1, 2, 3])
      expect(cluster.core(pid).status().promise).toMatchObject({ configId: 2, n: 0 });
    cluster.electLeader();
  });

  test('a decided stop sign whose entry was never written: entered at the next start', () => {
    const cluster = new CoreCluster(3);
    const ballot = { configId: 1, n: 4, priority: 0, pid: 2 };
    cluster.crash(1);
    cluster.node(1).disk.replace({
      config: cluster.config,
      promise: ballot,
      acceptedRound: ballot,
      decidedIdx: 2,
      records: [entryRecord('a'), { kind: 'stopSign', stopSign: stopSignOf(cluster, 1, [1]) }],
    });
    cluster.restart(1);
    expect(cluster.core(1).config.configId).toBe(2);
    cluster.until(() => cluster.leaders().includes(1), 'node 1 leads the new configuration');
  });
});

describe('reconfiguration: who is behind learns', () => {
  // R09, P19
  for (const kind of ['decide', 'acceptDecide', 'accepted'] satisfies MessageKind[]) {
    test(`every ${kind} about the stop sign to or from one node is lost: it enters all the same`, () => {
      const { cluster, leader } = serving(3);
      const lagging = leader === 3 ? 2 : 3;
      cluster.filter = ({ body, from, to }) => body.kind !== kind || (from !== lagging && to !== lagging);
      cluster.reconfigure([1, 2, 3]);
      cluster.entered(2, [1, 2, 3]);
      cluster.filter = () => true;
      cluster.electLeader();
      expect(cluster.decided(lagging)).toEqual(['a', 'b', 'stop sign']);
      expect(violations(cluster)).toEqual([]);
    });
  }

  // P19, P20
  test('each kind of message is lost once, right after the stop sign was proposed: everybody enters', () => {
    const kinds = [
      'acceptDecide',
      'accepted',
      'decide',
      'configAhead',
      'fetchDecided',
      'decidedSync',
    ] as const;
    for (const kind of kinds) {
      const { cluster } = serving(3, [4]);
      const seen = new Set<string>();
      cluster.filter = ({ body, from, to }) => {
        if (body.kind !== kind || seen.has(`${from}>${to}`)) return true;
        seen.add(`${from}>${to}`);
        return false;
      };
      cluster.reconfigure([1, 2, 3, 4]);
      cluster.entered(2, [1, 2, 3, 4]);
      cluster.electLeader();
      cluster.ticks(60);
      for (const pid of [1, 2, 3, 4]) expect(cluster.decided(pid), kind).toEqual(['a', 'b', 'stop sign']);
    }
  });

  // R09
  test('a node that is removed while it is down: it learns so when it comes back', () => {
    const { cluster, leader } = serving(4);
    const down = leader === 4 ? 3 : 4;
    const rest = [1, 2, 3, 4].filter((pid) => pid !== down);
    cluster.crash(down);
    cluster.reconfigure(rest);
    cluster.entered(2, rest);
    cluster.restart(down);
    cluster.until(() => cluster.facts(down, 'removed').length === 1, 'the removed node knows');
    expect(cluster.core(down).status()).toMatchObject({ isMember: false, takesPart: false });
    expect(cluster.core(down).leadership()).toEqual({ role: 'unknown' });
  });

  test('the leader that removes itself: it serves the state until the others have gone on, then says so', () => {
    const { cluster, leader } = serving(3, [4, 5]);
    const next = [4, 5];
    cluster.link(leader, 5, false);
    for (const pid of [1, 2, 3]) cluster.link(pid, 5, false);
    cluster.link(4, 5, false);
    cluster.reconfigure(next);
    cluster.entered(2, [4]);
    cluster.ticks(100);
    expect(cluster.facts(leader, 'removed')).toEqual([]);
    cluster.heal();
    cluster.entered(2, [4, 5]);
    cluster.until(
      () => [1, 2, 3].every((pid) => cluster.facts(pid, 'removed').length === 1),
      'all three are out',
    );
    cluster.electLeader();
  });

  test('a removed node that becomes a member again: it takes part again', () => {
    const { cluster } = serving(3);
    cluster.reconfigure([1, 2]);
    cluster.entered(2, [1, 2]);
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(3, [1, 2, 3]);
    propose(cluster, 'c');
    expect(cluster.decided(3)).toEqual(['a', 'b', 'stop sign', 'stop sign', 'c']);
  });

  // R18
  test('a follower that holds the stop sign is synced again in the same ballot: it is counted once', () => {
    const { cluster, leader } = serving(3);
    cluster.filter = ({ body }) => body.kind !== 'accepted';
    cluster.reconfigure([1, 2, 3]);
    cluster.settle();
    const follower = leader === 1 ? 2 : 1;
    expect(cluster.core(follower).acceptedIdx).toBe(3);
    cluster.core(follower).reconnected(leader);
    cluster.settle();
    expect(cluster.core(follower).acceptedIdx).toBe(3);
    cluster.filter = () => true;
    cluster.entered(2, [1, 2, 3]);
    for (const pid of [1, 2, 3]) expect(cluster.decided(pid)).toEqual(['a', 'b', 'stop sign']);
  });

  // R09: an answer can hold the whole log.
  test('many messages of a later configuration: one of their senders is asked for state, the next one only after a resend period', () => {
    const { cluster, leader } = serving(3);
    const [away = 0, other = 0] = [1, 2, 3].filter((pid) => pid !== leader);
    cluster.isolate(away);
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(2, [leader, other]);
    const beats: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.to !== away) return true;
      if (message.body.kind === 'heartbeatRequest') beats.push(message);
      return false;
    };
    cluster.heal();
    cluster.ticks(10, [leader, other]);
    expect(new Set(beats.map(({ from }) => from)).size).toBe(2);
    const asked: TestMessage[] = [];
    cluster.filter = (message) => {
      if (message.body.kind === 'fetchDecided') asked.push(message);
      return message.body.kind !== 'fetchDecided';
    };
    for (const beat of beats) cluster.deliver(beat);
    cluster.settle();
    expect(asked).toHaveLength(1);
    cluster.ticks(20, [away]);
    for (const beat of beats) cluster.deliver(beat);
    cluster.settle();
    expect(asked).toHaveLength(2);
  });

  // P10
  test('a message of an earlier configuration changes nothing: its sender is told where the cluster is', () => {
    const { cluster, leader } = serving(3);
    const prepare = {
      kind: 'prepare',
      n: { configId: 1, n: 99, priority: 0, pid: 3 },
      decidedIdx: 0,
      acceptedIdx: 0,
    } as const;
    const { configHash } = cluster.core(leader);
    cluster.reconfigure([1, 2, 3]);
    cluster.entered(2, [1, 2, 3]);
    const before = cluster.core(1).status();
    cluster.deliver({
      from: 3,
      to: 1,
      configId: 1,
      configHash,
      body: { ...prepare, nAccepted: prepare.n },
    });
    expect(cluster.core(1).status()).toEqual(before);
    expect(cluster.queued('configAhead')).toMatchObject([{ from: 1, to: 3, configId: 2 }]);
  });
});

describe('reconfiguration: what a DecidedSync may bring', () => {
  /** Node 3 of three, which knows nothing of a second configuration. */
  function behind(): { cluster: CoreCluster; next: ClusterConfig; stopSign: StopSign } {
    const { cluster } = serving(3);
    const stopSign = stopSignOf(cluster, 3, [1, 2, 3]);
    return { cluster, stopSign, next: stopSign.nextConfig };
  }

  function deliver(
    cluster: CoreCluster,
    config: ClusterConfig,
    body: {
      fromIdx: number;
      records?: readonly StopSign[];
      snapshot?: ReturnType<typeof testSnapshot>;
      promise?: Ballot;
    },
    sender: ClusterConfig = config,
  ): void {
    cluster.deliver({
      from: 1,
      to: 3,
      configId: sender.configId,
      configHash: hashClusterConfig(sender),
      body: {
        kind: 'decidedSync',
        promise: body.promise ?? { configId: config.configId, n: 0, priority: 0, pid: 0 },
        fromIdx: body.fromIdx,
        records: (body.records ?? []).map((stopSign) => ({ kind: 'stopSign', stopSign })),
        config,
        ...(body.snapshot === undefined ? {} : { snapshot: body.snapshot }),
      },
    });
  }

  test('the decided log through the stop sign: entered', () => {
    const { cluster, next, stopSign } = behind();
    deliver(cluster, next, { fromIdx: 2, records: [stopSign] });
    expect(cluster.core(3).config).toEqual(next);
    expect(cluster.decided(3)).toEqual(['a', 'b', 'stop sign']);
  });

  // R07: what it brings may have been decided under the ballot that its sender has promised.
  test('a promise of its sender: made with the entry, in the same batch of writes, and followed', () => {
    const { cluster, next, stopSign } = behind();
    const promise = { configId: 2, n: 5, priority: 0, pid: 2 };
    cluster.node(3).slowDisk = true;
    deliver(cluster, next, { fromIdx: 2, records: [stopSign], promise });
    expect(cluster.core(3).status()).toMatchObject({ promise, phase: 'recover', takesPart: false });
    const kinds = cluster.node(3).held.map(({ writes }) => writes.map(({ kind }) => kind));
    expect(kinds).toEqual([['enterConfig', 'promise']]);
    cluster.sync(3);
    expect(cluster.core(3).status()).toMatchObject({
      takesPart: true,
      election: { leader: promise, currentBallot: { n: 0 } },
    });
    expect(cluster.queued('prepareReq').map(({ body }) => body)).toContainEqual({
      kind: 'prepareReq',
      n: promise,
    });
  });

  const refused: [string, (cluster: CoreCluster, next: ClusterConfig, stopSign: StopSign) => void][] = [
    [
      'a hole above decidedIdx',
      (cluster, next, stopSign) => deliver(cluster, next, { fromIdx: 3, records: [stopSign] }),
    ],
    ['no stop sign at its end', (cluster, next) => deliver(cluster, next, { fromIdx: 2 })],
    [
      'a stop sign that leads elsewhere',
      (cluster, next, stopSign) =>
        deliver(cluster, { ...next, nodes: [1, 3] }, { fromIdx: 2, records: [stopSign] }),
    ],
    [
      'a snapshot of another configuration',
      (cluster, next) =>
        deliver(cluster, next, { fromIdx: 9, snapshot: testSnapshot('s', 9, cluster.config) }),
    ],
    [
      'a promise of another configuration',
      (cluster, next, stopSign) =>
        deliver(cluster, next, {
          fromIdx: 2,
          records: [stopSign],
          promise: { configId: 1, n: 9, priority: 0, pid: 1 },
        }),
    ],
    [
      'another configuration than its sender is in',
      (cluster, next, stopSign) =>
        deliver(cluster, next, { fromIdx: 2, records: [stopSign] }, { ...next, leaseMs: 77 }),
    ],
  ];
  for (const [situation, act] of refused) {
    test(`${situation}: dropped, told as a violation`, () => {
      const { cluster, next, stopSign } = behind();
      act(cluster, next, stopSign);
      expect(cluster.core(3).config.configId).toBe(1);
      expect(cluster.facts(3, 'violation')).toHaveLength(1);
      expect(cluster.decided(3)).toEqual(['a', 'b']);
    });
  }
});
