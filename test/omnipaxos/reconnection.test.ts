import { describe, expect, test } from 'vitest';
import type { MessageKind, NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster } from './core-cluster.js';

const LEADER = 1;
const FOLLOWER = 2;
const THIRD = 3;
/** As a decided stop sign is shown. */
const STOP_SIGN = 'stop sign';
const ALL: readonly NodeId[] = [LEADER, FOLLOWER, THIRD];

/** The kinds that a leader sends to a follower, and those that come back. */
const KINDS = [
  'prepareReq',
  'prepare',
  'promise',
  'acceptSync',
  'acceptDecide',
  'accepted',
  'decide',
] as const satisfies readonly MessageKind[];

type Kind = (typeof KINDS)[number];

function comesFromFollower(kind: Kind): boolean {
  return kind === 'prepareReq' || kind === 'promise' || kind === 'accepted';
}

/** What the link from or to the follower loses. */
type Loss =
  /** The one message. */
  | 'once'
  /** It, and all that follows in its direction until the link is new. */
  | 'from then on, one way'
  /** It, and all that follows in both directions. */
  | 'from then on, both ways';

const LOSSES: readonly Loss[] = ['once', 'from then on, one way', 'from then on, both ways'];

/** Who is told that the link is new. */
type Told = 'both' | 'the follower alone';

/** A leader in its ballot, `entries` decided everywhere. */
function serving(entries: readonly string[] = []): CoreCluster {
  const cluster = new CoreCluster(3);
  cluster.core(LEADER).tryBecomeLeader();
  cluster.settle();
  for (const entry of entries) append(cluster, entry);
  expectAll(cluster, entries);
  return cluster;
}

function append(cluster: CoreCluster, entry: string): void {
  expect(cluster.core(LEADER).append(entry, { forward: false })).toMatchObject({ ok: true });
  cluster.settle();
}

/** Loses the next message of `kind` between leader and follower, and what the loss takes with it. */
function lose(cluster: CoreCluster, kind: Kind, loss: Loss): { readonly lost: boolean } {
  const state = { lost: false };
  const [from, to] = comesFromFollower(kind) ? [FOLLOWER, LEADER] : [LEADER, FOLLOWER];
  cluster.filter = (message) => {
    if (message.from !== from || message.to !== to || message.body.kind !== kind || state.lost) return true;
    state.lost = true;
    if (loss !== 'once') cluster.oneWay(from, to, false);
    if (loss === 'from then on, both ways') cluster.oneWay(to, from, false);
    return false;
  };
  return state;
}

function reconnect(cluster: CoreCluster, told: Told = 'both'): void {
  cluster.filter = () => true;
  cluster.heal();
  cluster.core(FOLLOWER).reconnected(LEADER);
  if (told === 'both') cluster.core(LEADER).reconnected(FOLLOWER);
  cluster.settle();
}

/** Exactly these entries are decided and accepted on these nodes, and nobody has broken a rule. */
function expectAll(cluster: CoreCluster, entries: readonly string[], pids = ALL): void {
  for (const pid of pids) {
    const { acceptedIdx, decidedIdx } = cluster.core(pid);
    expect({ pid, decided: cluster.decided(pid), acceptedIdx, decidedIdx }).toEqual({
      pid,
      decided: entries,
      acceptedIdx: entries.length,
      decidedIdx: entries.length,
    });
    expect(cluster.facts(pid, 'violation')).toEqual([]);
  }
}

function expectSameLeader(cluster: CoreCluster, n: number): void {
  const ballot = { configId: 1, n, priority: 0, pid: LEADER };
  expect(cluster.core(LEADER).leadership()).toEqual({ role: 'leader', ballot });
  expect(cluster.core(FOLLOWER).leadership()).toEqual({ role: 'follower', ballot });
  expect(cluster.core(THIRD).leadership()).toEqual({ role: 'follower', ballot });
}

/** Every kind, every loss, whoever is told. */
const cases = KINDS.flatMap((kind) =>
  LOSSES.flatMap((loss) => (['both', 'the follower alone'] as const).map((told) => ({ kind, loss, told }))),
);

// P20
describe('a message is lost, then the link is new: without any tick, all is as if nothing had been lost', () => {
  test.each(cases.filter(({ kind }) => kind !== 'prepareReq'))(
    'in the first election: $kind, $loss; told: $told',
    ({ kind, loss, told }) => {
      const cluster = new CoreCluster(3);
      const state = lose(cluster, kind, loss);
      cluster.core(LEADER).tryBecomeLeader();
      cluster.settle();
      append(cluster, 'a');
      append(cluster, 'b');
      expect(state.lost).toBe(true);
      // Whatever the follower has missed: the other two go on.
      expectAll(cluster, ['a', 'b'], [LEADER, THIRD]);
      // Even one that has never promised asks: whoever leads prepares it.
      reconnect(cluster, told);
      expectAll(cluster, ['a', 'b']);
      append(cluster, 'c');
      expectAll(cluster, ['a', 'b', 'c']);
      expectSameLeader(cluster, cluster.core(LEADER).status().promise.n);
    },
  );

  test.each(cases)('in a later session: $kind, $loss; told: $told', ({ kind, loss, told }) => {
    const cluster = serving(['a']);
    const { n } = cluster.core(LEADER).status().promise;
    const state = lose(cluster, kind, loss);
    // A new session, so that the messages that begin one are sent too.
    cluster.core(FOLLOWER).reconnected(LEADER);
    cluster.settle();
    append(cluster, 'b');
    append(cluster, 'c');
    expect(state.lost).toBe(true);
    expectAll(cluster, ['a', 'b', 'c'], [LEADER, THIRD]);
    reconnect(cluster, told);
    expectAll(cluster, ['a', 'b', 'c']);
    append(cluster, 'd');
    expectAll(cluster, ['a', 'b', 'c', 'd']);
    expectSameLeader(cluster, n);
  });

  test.each(cases)(
    'in the session that follows, the third node down: $kind, $loss; told: $told',
    ({ kind, loss, told }) => {
      const cluster = serving(['a']);
      const { n } = cluster.core(LEADER).status().promise;
      cluster.crash(THIRD);
      const state = lose(cluster, kind, loss);
      cluster.core(FOLLOWER).reconnected(LEADER);
      cluster.settle();
      append(cluster, 'b');
      append(cluster, 'c');
      expect(state.lost).toBe(true);
      reconnect(cluster, told);
      expectAll(cluster, ['a', 'b', 'c'], [LEADER, FOLLOWER]);
      expect(cluster.core(LEADER).status().promise.n).toBe(n);
      // Nothing of it is left behind for whoever comes later.
      cluster.restart(THIRD);
      cluster.settle();
      expectAll(cluster, ['a', 'b', 'c']);
    },
  );
});

// P20, P04
describe('a message is lost, and nobody is told of a new link: the quiet network repairs it', () => {
  /** Loses the next messages of `kind` between leader and follower. */
  function loseSome(cluster: CoreCluster, kind: Kind, times: number): void {
    let left = times;
    const [from, to] = comesFromFollower(kind) ? [FOLLOWER, LEADER] : [LEADER, FOLLOWER];
    cluster.filter = (message) => {
      if (left === 0 || message.from !== from || message.to !== to || message.body.kind !== kind) return true;
      left -= 1;
      return false;
    };
  }

  const RESEND_TICKS = 20;
  const repaired = KINDS.flatMap((kind) =>
    [1, 2, 3].flatMap((times) => (['up', 'down'] as const).map((third) => ({ kind, times, third }))),
  );

  test.each(repaired)('$kind, lost $times times, the third node $third', ({ kind, times, third }) => {
    const cluster = serving(['a']);
    const ballot = cluster.core(LEADER).status().promise;
    if (third === 'down') cluster.crash(THIRD);
    const live = third === 'down' ? [LEADER, FOLLOWER] : ALL;
    loseSome(cluster, kind, times);
    cluster.core(FOLLOWER).reconnected(LEADER);
    cluster.settle();
    append(cluster, 'b');
    append(cluster, 'c');
    cluster.until(
      () => live.every((pid) => cluster.core(pid).decidedIdx === 3),
      'all is decided everywhere',
      2 * RESEND_TICKS * (times + 2),
    );
    expectAll(cluster, ['a', 'b', 'c'], live);
    // It was not a new election that has repaired it.
    expect(cluster.core(LEADER).leadership()).toEqual({ role: 'leader', ballot });
  });

  // Nothing is appended, and who never promised has no reason to ask: the leader's or the follower's resending must do it.
  test.each(
    (['prepare', 'promise', 'acceptSync'] as const).flatMap((kind) =>
      [1, 2, 3].map((times) => ({ kind, times })),
    ),
  )('in the first election, of an idle cluster: $kind, lost $times times', ({ kind, times }) => {
    const cluster = new CoreCluster(3);
    loseSome(cluster, kind, times);
    cluster.core(LEADER).tryBecomeLeader();
    cluster.settle();
    const { n } = cluster.core(LEADER).status().promise;
    expect(cluster.core(FOLLOWER).leadership()).toEqual({ role: 'unknown' });
    cluster.ticks(RESEND_TICKS * (times + 1));
    expectSameLeader(cluster, n);
    append(cluster, 'a');
    expectAll(cluster, ['a']);
  });
});

// P19, P20
describe('a message is lost in the middle of a reconfiguration, then the link is new', () => {
  const whatStops = KINDS.flatMap((kind) => LOSSES.map((loss) => ({ kind, loss })));

  test.each(whatStops)('$kind, $loss: the next configuration is entered by all, and goes on', (lost) => {
    const cluster = serving(['a']);
    // The third node accepts nothing, so that the stop sign waits for the follower.
    cluster.oneWay(LEADER, THIRD, false);
    const state = lose(cluster, lost.kind, lost.loss);
    expect(cluster.core(LEADER).reconfigure(cluster.nextConfig(LEADER, ALL))).toMatchObject({
      ok: true,
      idx: 1,
    });
    // In the middle of it the session begins anew.
    cluster.core(FOLLOWER).reconnected(LEADER);
    cluster.settle();
    expect(state.lost).toBe(true);
    // Where the stop sign is decided already, the entry waits for the next configuration.
    const isOver = cluster.core(LEADER).config.configId === 2;
    expect(cluster.core(LEADER).append('late', { forward: true })).toEqual(
      isOver ? { ok: true, outcome: 'buffered' } : { ok: false, reason: 'pendingReconfiguration' },
    );
    reconnect(cluster);
    cluster.core(THIRD).reconnected(LEADER);
    cluster.settle();
    cluster.entered(2, ALL);
    const leader = cluster.electLeader();
    cluster.core(leader).append('b', { forward: false });
    cluster.settle();
    expectAll(cluster, ['a', STOP_SIGN, ...(isOver ? ['late'] : []), 'b']);
  });
});
