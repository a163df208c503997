import { describe, expect, test } from 'vitest';
import type { NodeId, Phase } from '../../src/omnipaxos/index.js';
import { CoreCluster, type TestMessage } from './core-cluster.js';

/** The node that crashes leads in one half of this file and follows in the other. */
const CRASHED = 1;
const OTHER = 2;
const THIRD = 3;
const ALL: readonly NodeId[] = [CRASHED, OTHER, THIRD];
/** As a decided stop sign is shown. */
const STOP_SIGN = 'stop sign';

function lead(cluster: CoreCluster, pid: NodeId): void {
  cluster.core(pid).tryBecomeLeader();
  cluster.settle();
  expect(cluster.core(pid).leadership().role).toBe('leader');
}

function append(cluster: CoreCluster, leader: NodeId, ...entries: string[]): void {
  for (const entry of entries) {
    expect(cluster.core(leader).append(entry, { forward: false })).toMatchObject({ ok: true });
    cluster.settle();
  }
}

/** `leader` has decided `entries` on all nodes. */
function serving(leader: NodeId, ...entries: string[]): CoreCluster {
  const cluster = new CoreCluster(3);
  lead(cluster, leader);
  append(cluster, leader, ...entries);
  return cluster;
}

/** Drops every message for which `matches` holds. */
function drop(cluster: CoreCluster, matches: (message: TestMessage) => boolean): void {
  cluster.filter = (message) => !matches(message);
}

/** Exactly these are decided and accepted everywhere; a snapshot is spelled out. */
function expectAll(cluster: CoreCluster, entries: readonly string[]): void {
  for (const pid of ALL) {
    const { acceptedIdx, decidedIdx } = cluster.core(pid);
    const decided = cluster
      .decided(pid)
      .flatMap((entry) => (entry.startsWith('<') ? entry.slice(1, -1).split(',') : [entry]));
    expect({ pid, decided, acceptedIdx, decidedIdx }).toEqual({
      pid,
      decided: entries,
      acceptedIdx: entries.length,
      decidedIdx: entries.length,
    });
    expect(cluster.facts(pid, 'violation')).toEqual([]);
  }
}

function compact(cluster: CoreCluster, pid: NodeId): void {
  const { decidedIdx } = cluster.core(pid);
  cluster.core(pid).snapshot(decidedIdx, cluster.decided(pid).join(','));
  cluster.collect();
}

/** Crashes in the given state; what a restart must find, before any message. */
interface FollowerCrash {
  readonly name: string;
  readonly make: () => CoreCluster;
  /** Its phase just before the crash. */
  readonly phase: Phase;
  /** What is in the leader's log. */
  readonly entries: readonly string[];
  readonly recovered: {
    readonly phase: Phase;
    readonly acceptedIdx: number;
    readonly decidedIdx: number;
    readonly promiseOf: NodeId;
  };
}

/** Where CRASHED follows OTHER. */
const FOLLOWER_CRASHES: readonly FollowerCrash[] = [
  {
    name: 'before it has promised anything',
    make: () => {
      const cluster = new CoreCluster(3);
      cluster.isolate(CRASHED);
      lead(cluster, OTHER);
      append(cluster, OTHER, 'a');
      return cluster;
    },
    phase: 'none',
    entries: ['a'],
    recovered: { phase: 'none', acceptedIdx: 0, decidedIdx: 0, promiseOf: 0 },
  },
  {
    name: 'its promise is not durable',
    make: () => {
      const cluster = new CoreCluster(3);
      cluster.node(CRASHED).slowDisk = true;
      lead(cluster, OTHER);
      append(cluster, OTHER, 'a');
      return cluster;
    },
    phase: 'prepare',
    entries: ['a'],
    recovered: { phase: 'none', acceptedIdx: 0, decidedIdx: 0, promiseOf: 0 },
  },
  {
    name: 'its promise is durable, its AcceptSync is lost',
    make: () => {
      const cluster = new CoreCluster(3);
      drop(cluster, ({ body, to }) => body.kind === 'acceptSync' && to === CRASHED);
      lead(cluster, OTHER);
      append(cluster, OTHER, 'a');
      return cluster;
    },
    phase: 'prepare',
    entries: ['a'],
    recovered: { phase: 'recover', acceptedIdx: 0, decidedIdx: 0, promiseOf: OTHER },
  },
  {
    name: 'its AcceptSync is taken, not durable',
    make: () => {
      const cluster = serving(THIRD, 'a');
      cluster.isolate(CRASHED);
      append(cluster, THIRD, 'b');
      cluster.heal();
      cluster.filter = ({ body, to }) => {
        if (body.kind === 'acceptSync' && to === CRASHED) cluster.node(CRASHED).slowDisk = true;
        return true;
      };
      lead(cluster, OTHER);
      return cluster;
    },
    phase: 'accept',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 1, decidedIdx: 1, promiseOf: OTHER },
  },
  {
    name: 'a record is taken, not durable',
    make: () => {
      const cluster = serving(OTHER, 'a');
      cluster.node(CRASHED).slowDisk = true;
      append(cluster, OTHER, 'b');
      return cluster;
    },
    phase: 'accept',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 1, decidedIdx: 1, promiseOf: OTHER },
  },
  {
    name: 'a record is accepted, its Accepted is lost, nothing is decided',
    make: () => {
      const cluster = serving(OTHER, 'a');
      cluster.oneWay(OTHER, THIRD, false);
      drop(cluster, ({ body, from }) => body.kind === 'accepted' && from === CRASHED);
      append(cluster, OTHER, 'b');
      return cluster;
    },
    phase: 'accept',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 2, decidedIdx: 1, promiseOf: OTHER },
  },
  {
    name: 'a record is accepted, and its Decide lost',
    make: () => {
      const cluster = serving(OTHER, 'a');
      drop(cluster, ({ body, to }) => body.kind === 'decide' && to === CRASHED);
      append(cluster, OTHER, 'b');
      return cluster;
    },
    phase: 'accept',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 2, decidedIdx: 1, promiseOf: OTHER },
  },
  {
    name: 'all is decided',
    make: () => serving(OTHER, 'a', 'b'),
    phase: 'accept',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 2, decidedIdx: 2, promiseOf: OTHER },
  },
  {
    name: 'all is decided and compacted',
    make: () => {
      const cluster = serving(OTHER, 'a', 'b');
      compact(cluster, CRASHED);
      return cluster;
    },
    phase: 'accept',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 2, decidedIdx: 2, promiseOf: OTHER },
  },
  {
    name: 'a snapshot is made, and lost',
    make: () => {
      const cluster = serving(OTHER, 'a', 'b');
      cluster.node(CRASHED).slowDisk = true;
      compact(cluster, CRASHED);
      return cluster;
    },
    phase: 'accept',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 2, decidedIdx: 2, promiseOf: OTHER },
  },
  {
    name: 'it has seen a gap and asks for a Prepare',
    make: () => {
      const cluster = serving(OTHER, 'a');
      let lost = false;
      drop(cluster, ({ body, from, to }) => {
        const isGap = body.kind === 'acceptDecide' && to === CRASHED && !lost;
        lost ||= isGap;
        return isGap || (body.kind === 'prepareReq' && from === CRASHED);
      });
      append(cluster, OTHER, 'b', 'c');
      return cluster;
    },
    phase: 'recover',
    entries: ['a', 'b', 'c'],
    recovered: { phase: 'recover', acceptedIdx: 1, decidedIdx: 1, promiseOf: OTHER },
  },
  {
    name: 'it has promised the same ballot again',
    make: () => {
      const cluster = serving(OTHER, 'a');
      drop(cluster, ({ body, to }) => body.kind === 'acceptSync' && to === CRASHED);
      cluster.core(CRASHED).reconnected(OTHER);
      cluster.settle();
      append(cluster, OTHER, 'b');
      return cluster;
    },
    phase: 'prepare',
    entries: ['a', 'b'],
    recovered: { phase: 'recover', acceptedIdx: 1, decidedIdx: 1, promiseOf: OTHER },
  },
];

/** What happens while the follower is down; returns who leads then, and what is added to the log. */
interface Meanwhile {
  readonly name: string;
  readonly run: (cluster: CoreCluster) => { readonly leader: NodeId; readonly added: readonly string[] };
}

const MEANWHILE: readonly Meanwhile[] = [
  { name: 'nothing happens', run: () => ({ leader: OTHER, added: [] }) },
  {
    name: 'entries are decided',
    run: (cluster) => {
      append(cluster, OTHER, 'm', 'n');
      return { leader: OTHER, added: ['m', 'n'] };
    },
  },
  {
    name: 'entries are decided and all is compacted',
    run: (cluster) => {
      append(cluster, OTHER, 'm', 'n');
      compact(cluster, OTHER);
      compact(cluster, THIRD);
      return { leader: OTHER, added: ['m', 'n'] };
    },
  },
  {
    name: 'another node leads',
    run: (cluster) => {
      lead(cluster, THIRD);
      append(cluster, THIRD, 'm');
      return { leader: THIRD, added: ['m'] };
    },
  },
  {
    name: 'the leader restarts too, and leads again',
    run: (cluster) => {
      cluster.crash(OTHER);
      cluster.restart(OTHER);
      cluster.settle();
      lead(cluster, OTHER);
      append(cluster, OTHER, 'm');
      return { leader: OTHER, added: ['m'] };
    },
  },
  {
    name: 'both others restart, and the third leads',
    run: (cluster) => {
      cluster.crash(OTHER);
      cluster.crash(THIRD);
      cluster.restart(OTHER);
      cluster.restart(THIRD);
      cluster.settle();
      lead(cluster, THIRD);
      append(cluster, THIRD, 'm');
      return { leader: THIRD, added: ['m'] };
    },
  },
];

// P20, R06
describe.each(FOLLOWER_CRASHES)('a follower crashes: $name', ({ make, phase, entries, recovered }) => {
  test.each(MEANWHILE)('$name: it recovers exactly what was durable, and then all', ({ run }) => {
    const cluster = make();
    expect(cluster.core(CRASHED).status().phase).toBe(phase);
    expect(cluster.core(OTHER).acceptedIdx).toBe(entries.length);
    cluster.crash(CRASHED);
    cluster.filter = () => true;
    cluster.heal();
    cluster.node(CRASHED).slowDisk = false;
    // Where the third node has missed something, it is told that its link is new.
    cluster.core(THIRD).reconnected(OTHER);
    cluster.settle();
    const { leader, added } = run(cluster);

    cluster.restart(CRASHED);
    const { promiseOf, ...found } = recovered;
    const status = cluster.core(CRASHED).status();
    expect(status).toMatchObject({ role: 'follower', promise: { pid: promiseOf }, ...found });
    expect(cluster.core(CRASHED).leadership()).toEqual({ role: 'unknown' });

    // No tick is needed.
    cluster.settle();
    const ballot = cluster.core(leader).status().promise;
    for (const pid of ALL)
      expect(cluster.core(pid).leadership()).toEqual({
        role: pid === leader ? 'leader' : 'follower',
        ballot,
      });
    append(cluster, leader, 'z');
    expectAll(cluster, [...entries, ...added, 'z']);
  });
});

// P20
test.each(FOLLOWER_CRASHES.filter(({ recovered }) => recovered.phase === 'recover'))(
  'a follower restarts, and nobody is told of new links: it asks by itself. It crashed: $name',
  ({ make, entries }) => {
    const cluster = make();
    cluster.crash(CRASHED);
    cluster.filter = () => true;
    cluster.heal();
    cluster.node(CRASHED).slowDisk = false;
    cluster.core(THIRD).reconnected(OTHER);
    cluster.settle();
    const ballot = cluster.core(OTHER).status().promise;
    cluster.restart(CRASHED, false);
    cluster.settle();
    expect(cluster.core(CRASHED).leadership()).toEqual({ role: 'follower', ballot });
    expectAll(cluster, entries);
  },
);

/** Where CRASHED leads, or is about to. */
interface LeaderCrash {
  readonly name: string;
  readonly make: () => CoreCluster;
  readonly phase: Phase;
  /** What the log holds if the other two elect one of them before it is back. */
  readonly withoutIt: readonly string[];
  /** What the log holds if it restarts first and leads again. */
  readonly withIt: readonly string[];
}

function takesOver(prepare: (cluster: CoreCluster) => void): () => CoreCluster {
  return () => {
    const cluster = serving(THIRD, 'a');
    // What the third node has decided alone with the second one is not in this node's log yet.
    cluster.isolate(CRASHED);
    append(cluster, THIRD, 'b');
    cluster.heal();
    prepare(cluster);
    cluster.core(CRASHED).tryBecomeLeader();
    cluster.settle();
    return cluster;
  };
}

function leads(proposes: (cluster: CoreCluster) => void): () => CoreCluster {
  return () => {
    const cluster = serving(CRASHED, 'a');
    proposes(cluster);
    return cluster;
  };
}

function reconfigure(cluster: CoreCluster): void {
  expect(cluster.core(CRASHED).reconfigure(cluster.nextConfig(CRASHED, ALL))).toMatchObject({ ok: true });
  cluster.settle();
}

const LEADER_CRASHES: readonly LeaderCrash[] = [
  {
    name: 'its own promise is not durable, no Prepare has left',
    make: takesOver((cluster) => {
      cluster.node(CRASHED).slowDisk = true;
    }),
    phase: 'prepare',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'its Prepares are lost',
    make: takesOver((cluster) => drop(cluster, ({ body }) => body.kind === 'prepare')),
    phase: 'prepare',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'the Promises are lost',
    make: takesOver((cluster) => drop(cluster, ({ body }) => body.kind === 'promise')),
    phase: 'prepare',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'the log that it has adopted is not durable, its AcceptSyncs are lost',
    make: takesOver((cluster) => {
      cluster.filter = ({ body, to }) => {
        if (body.kind === 'promise' && to === CRASHED) cluster.node(CRASHED).slowDisk = true;
        return body.kind !== 'acceptSync';
      };
    }),
    phase: 'accept',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'the log that it has adopted is not durable, its AcceptSyncs are taken',
    make: takesOver((cluster) => {
      cluster.filter = ({ body, to }) => {
        if (body.kind === 'promise' && to === CRASHED) cluster.node(CRASHED).slowDisk = true;
        return true;
      };
    }),
    phase: 'accept',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'one of its AcceptSyncs is taken, the other is lost',
    make: takesOver((cluster) => drop(cluster, ({ body, to }) => body.kind === 'acceptSync' && to === OTHER)),
    phase: 'accept',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'an entry is not durable anywhere',
    make: leads((cluster) => {
      cluster.node(CRASHED).slowDisk = true;
      drop(cluster, ({ body }) => body.kind === 'acceptDecide');
      append(cluster, CRASHED, 'b');
    }),
    phase: 'accept',
    withoutIt: ['a'],
    withIt: ['a'],
  },
  {
    name: 'an entry is durable in its own log only',
    make: leads((cluster) => {
      drop(cluster, ({ body }) => body.kind === 'acceptDecide');
      append(cluster, CRASHED, 'b');
    }),
    phase: 'accept',
    withoutIt: ['a'],
    withIt: ['a', 'b'],
  },
  {
    name: "an entry is durable in one follower's log only",
    make: leads((cluster) => {
      cluster.node(CRASHED).slowDisk = true;
      drop(
        cluster,
        ({ body, to }) => (body.kind === 'acceptDecide' && to === OTHER) || body.kind === 'accepted',
      );
      append(cluster, CRASHED, 'b');
    }),
    phase: 'accept',
    withoutIt: ['a', 'b'],
    // The second node promises first, and neither of the two holds it.
    withIt: ['a'],
  },
  {
    name: 'an entry is decided by the followers alone, its own write is lost',
    make: leads((cluster) => {
      cluster.node(CRASHED).slowDisk = true;
      append(cluster, CRASHED, 'b');
      expect(cluster.core(CRASHED).decidedIdx).toBe(2);
    }),
    phase: 'accept',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'an entry is decided, its Decides are lost',
    make: leads((cluster) => {
      drop(cluster, ({ body }) => body.kind === 'decide');
      append(cluster, CRASHED, 'b');
      expect(cluster.core(CRASHED).decidedIdx).toBe(2);
    }),
    phase: 'accept',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'all is decided and compacted',
    make: leads((cluster) => {
      append(cluster, CRASHED, 'b');
      compact(cluster, CRASHED);
    }),
    phase: 'accept',
    withoutIt: ['a', 'b'],
    withIt: ['a', 'b'],
  },
  {
    name: 'all is compacted, with a tail in its own log only',
    make: leads((cluster) => {
      compact(cluster, CRASHED);
      drop(cluster, ({ body }) => body.kind === 'acceptDecide');
      append(cluster, CRASHED, 'b', 'c');
    }),
    phase: 'accept',
    withoutIt: ['a'],
    withIt: ['a', 'b', 'c'],
  },
  {
    name: 'a stop sign is durable in its own log only',
    make: leads((cluster) => {
      drop(cluster, ({ body }) => body.kind === 'acceptDecide');
      reconfigure(cluster);
    }),
    phase: 'accept',
    withoutIt: ['a'],
    withIt: ['a', STOP_SIGN],
  },
  {
    name: "a stop sign is durable in one follower's log only",
    make: leads((cluster) => {
      cluster.node(CRASHED).slowDisk = true;
      drop(
        cluster,
        ({ body, to }) => (body.kind === 'acceptDecide' && to === OTHER) || body.kind === 'accepted',
      );
      reconfigure(cluster);
    }),
    phase: 'accept',
    withoutIt: ['a', STOP_SIGN],
    withIt: ['a'],
  },
  {
    name: 'a stop sign is accepted by both followers, which have not told so',
    make: leads((cluster) => {
      drop(cluster, ({ body }) => body.kind === 'accepted');
      reconfigure(cluster);
    }),
    phase: 'accept',
    withoutIt: ['a', STOP_SIGN],
    withIt: ['a', STOP_SIGN],
  },
  {
    name: 'its entry into the next configuration is not durable, and the Decide of the stop sign is lost',
    make: leads((cluster) => {
      cluster.filter = ({ body, to }) => {
        if (body.kind === 'accepted' && to === CRASHED) cluster.node(CRASHED).slowDisk = true;
        return body.kind !== 'decide';
      };
      reconfigure(cluster);
      expect(cluster.core(CRASHED).config.configId).toBe(2);
    }),
    phase: 'none',
    withoutIt: ['a', STOP_SIGN],
    withIt: ['a', STOP_SIGN],
  },
];

/** Everybody is in one ballot, in whatever configuration. */
function following(cluster: CoreCluster): NodeId {
  cluster.until(() => {
    const views = ALL.map((pid) => cluster.core(pid).leadership());
    const ballots = views.map((view) => (view.role === 'unknown' ? undefined : JSON.stringify(view.ballot)));
    return ballots[0] !== undefined && new Set(ballots).size === 1;
  }, 'all follow one leader');
  return cluster.electLeader();
}

/** Whoever leads decides one more; everybody holds exactly this. */
function goesOn(cluster: CoreCluster, expectedLeader: NodeId | undefined, entries: readonly string[]): void {
  if (entries.includes(STOP_SIGN)) cluster.entered(2, ALL);
  else if (expectedLeader !== undefined) expect(cluster.leaders()).toEqual([expectedLeader]);
  append(cluster, following(cluster), 'z');
  expectAll(cluster, [...entries, 'z']);
}

// P06, P07, P19
describe.each(LEADER_CRASHES)('a leader crashes: $name', ({ make, phase, withoutIt, withIt }) => {
  function crashed(): CoreCluster {
    const cluster = make();
    expect(cluster.core(CRASHED).status().phase).toBe(phase);
    cluster.crash(CRASHED);
    cluster.filter = () => true;
    cluster.heal();
    cluster.node(CRASHED).slowDisk = false;
    return cluster;
  }

  test.each([OTHER, THIRD])('node %i leads before it is back', (leader) => {
    const cluster = crashed();
    cluster.core(leader).tryBecomeLeader();
    cluster.settle();
    cluster.restart(CRASHED);
    cluster.settle();
    goesOn(cluster, leader, withoutIt);
  });

  test.each([OTHER, THIRD])('both others restart, and node %i leads before it is back', (leader) => {
    const cluster = crashed();
    for (const pid of [OTHER, THIRD]) cluster.crash(pid);
    for (const pid of [OTHER, THIRD]) cluster.restart(pid);
    cluster.settle();
    cluster.core(leader).tryBecomeLeader();
    cluster.settle();
    cluster.restart(CRASHED);
    cluster.settle();
    goesOn(cluster, leader, withoutIt);
  });

  test('it restarts first and takes over: under a ballot that it has never led', () => {
    const cluster = crashed();
    // What it had not made durable it had not told either.
    const told = [
      cluster.node(CRASHED).disk.crash().promise,
      ...[OTHER, THIRD].map((pid) => cluster.core(pid).status().promise),
    ];
    cluster.restart(CRASHED);
    expect(cluster.core(CRASHED).status()).toMatchObject({ role: 'follower' });
    expect(cluster.core(CRASHED).leadership()).toEqual({ role: 'unknown' });
    cluster.settle();
    cluster.core(CRASHED).tryBecomeLeader();
    cluster.settle();
    if (cluster.core(CRASHED).config.configId === 1)
      expect(cluster.core(CRASHED).status().promise.n).toBeGreaterThan(Math.max(...told.map(({ n }) => n)));
    goesOn(cluster, CRASHED, withIt);
  });

  test.each([
    [OTHER, THIRD],
    [THIRD, OTHER],
  ])('node %i leads, then node %i, before it is back', (first, second) => {
    const cluster = crashed();
    for (const leader of [first, second]) {
      cluster.core(leader).tryBecomeLeader();
      cluster.settle();
    }
    cluster.restart(CRASHED);
    cluster.settle();
    goesOn(cluster, second, withoutIt);
  });

  test('nobody takes over by hand: the election brings the log of whoever it elects', () => {
    const cluster = crashed();
    cluster.until(() => cluster.leaders().length === 1, 'one leader');
    cluster.restart(CRASHED);
    cluster.settle();
    goesOn(cluster, undefined, withoutIt);
  });
});
