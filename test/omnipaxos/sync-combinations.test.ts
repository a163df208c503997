import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { CoreCluster, type TestMessage } from './core-cluster.js';
import { clusterOf, decidedEntries, type LogShape, round } from './stored-logs.js';

/** The indexes of one node's log: compactedIdx <= decidedIdx <= acceptedIdx. */
interface Indexes {
  readonly accepted: number;
  readonly decided: number;
  readonly compacted: number;
}

/** A leader-to-be and a follower, and how far their logs are the same. */
interface World {
  readonly leader: Indexes;
  readonly follower: Indexes;
  readonly leaderRound: number;
  readonly followerRound: number;
  readonly sharedIdx: number;
}

const LEADER = 1;
const FOLLOWER = 2;
const THIRD = 3;
const LONGEST = 3;
/** Promised by all, and never led: whoever takes over leads above it. */
const PROMISE = round(5, THIRD);

const indexes: Indexes[] = [];
for (let accepted = 0; accepted <= LONGEST; accepted++) {
  for (let decided = 0; decided <= accepted; decided++) {
    for (let compacted = 0; compacted <= decided; compacted++) indexes.push({ accepted, decided, compacted });
  }
}

/**
 * Every pair of logs that a correct run can leave on two disks: in one round, one is a prefix of the other;
 * in two rounds, the log of the higher one holds all that is decided in the lower one, and may differ above.
 */
function* worlds(): Generator<World> {
  for (const leader of indexes) {
    for (const follower of indexes) {
      const shortest = Math.min(leader.accepted, follower.accepted);
      yield { leader, follower, leaderRound: 1, followerRound: 1, sharedIdx: shortest };
      for (let sharedIdx = 0; sharedIdx <= shortest; sharedIdx++) {
        if (follower.decided <= sharedIdx)
          yield { leader, follower, leaderRound: 2, followerRound: 1, sharedIdx };
        if (leader.decided <= sharedIdx)
          yield { leader, follower, leaderRound: 1, followerRound: 2, sharedIdx };
      }
    }
  }
}

function ahead(leader: number, follower: number): string {
  if (leader === follower) return 'equal';
  return leader > follower ? 'leader' : 'follower';
}

/** Who is ahead in what. */
function combination({ leader, follower, leaderRound, followerRound, sharedIdx }: World): string {
  const diverges = sharedIdx < Math.min(leader.accepted, follower.accepted) ? 'yes' : 'no';
  return [
    `round ${ahead(leaderRound, followerRound)}`,
    `length ${ahead(leader.accepted, follower.accepted)}`,
    `decided ${ahead(leader.decided, follower.decided)}`,
    `compacted ${ahead(leader.compacted, follower.compacted)}`,
    `divergent ${diverges}`,
  ].join(', ');
}

function byCombination(possible: (world: World) => boolean): [string, World[]][] {
  const groups = new Map<string, World[]>();
  for (const world of worlds()) {
    if (possible(world)) groups.set(combination(world), [...(groups.get(combination(world)) ?? []), world]);
  }
  return [...groups];
}

function logOf(who: string, { accepted }: Indexes, sharedIdx: number): string[] {
  return Array.from({ length: accepted }, (_, idx) => (idx < sharedIdx ? `shared ${idx}` : `${who} ${idx}`));
}

/** The two logs, spelled out. In one round the longer log is the shared one and goes on in its own name. */
function logsOf(world: World): { readonly leaderLog: string[]; readonly followerLog: string[] } {
  return {
    leaderLog: logOf('leader', world.leader, world.sharedIdx),
    followerLog: logOf('follower', world.follower, world.sharedIdx),
  };
}

function shape(
  log: readonly string[],
  { decided, compacted }: Indexes,
  n: number,
  decidedIdx = decided,
): LogShape {
  return { log, acceptedRound: round(n, THIRD), promise: PROMISE, decidedIdx, compactedIdx: compacted };
}

interface Outcome {
  readonly decided: readonly string[];
  readonly decidedIdx: number;
  readonly acceptedIdx: number;
  readonly compactedIdx: number;
}

function outcome(cluster: CoreCluster, pid: NodeId): Outcome {
  const { acceptedIdx, compactedIdx, decidedIdx } = cluster.core(pid);
  return { decided: decidedEntries(cluster, pid), decidedIdx, acceptedIdx, compactedIdx };
}

function holding(log: readonly string[], decidedIdx: number, compactedIdx: number): Outcome {
  return { decided: log.slice(0, decidedIdx), decidedIdx, acceptedIdx: log.length, compactedIdx };
}

function noViolations(cluster: CoreCluster): void {
  for (const pid of cluster.nodes.keys()) expect(cluster.facts(pid, 'violation')).toEqual([]);
}

/** What stable storage would give back is what memory holds. */
function survivesRestart(cluster: CoreCluster, pid: NodeId, log: readonly string[]): void {
  cluster.crash(pid);
  cluster.isolate(pid);
  cluster.restart(pid);
  const { acceptedIdx, decidedIdx } = cluster.core(pid);
  expect(acceptedIdx).toBe(log.length);
  expect(decidedEntries(cluster, pid)).toEqual(log.slice(0, decidedIdx));
}

// P16, P03
describe('sync of a leader and a follower that form its read quorum; ahead is', () => {
  test.each(byCombination(() => true))('%s', (_name, group) => {
    for (const world of group) {
      const { leader, follower, leaderRound, followerRound } = world;
      const { leaderLog, followerLog } = logsOf(world);
      const cluster = clusterOf({
        [LEADER]: shape(leaderLog, leader, leaderRound),
        [FOLLOWER]: shape(followerLog, follower, followerRound),
      });
      cluster.restart(LEADER);
      cluster.restart(FOLLOWER);
      cluster.settle();
      cluster.filter = ({ body }) => body.kind !== 'accepted';
      cluster.core(LEADER).tryBecomeLeader();
      cluster.settle();

      const followerWins =
        followerRound > leaderRound || (followerRound === leaderRound && follower.accepted > leader.accepted);
      const log = followerWins ? followerLog : leaderLog;
      const decided = Math.max(leader.decided, follower.decided);
      // The leader shares with the follower, for certain: all of its log in one round, else what it knows to be decided.
      const leaderShares = leaderRound === followerRound ? leader.accepted : leader.decided;
      const leaderCompacted =
        followerWins && follower.compacted > leaderShares ? follower.compacted : leader.compacted;
      const isOfWinner = followerWins || leaderRound === followerRound;
      const followerKeeps = isOfWinner ? follower.accepted : follower.decided;
      const followerCompacted = leaderCompacted > followerKeeps ? leaderCompacted : follower.compacted;
      const why = JSON.stringify(world);
      expect(outcome(cluster, LEADER), why).toEqual(holding(log, decided, leaderCompacted));
      expect(outcome(cluster, FOLLOWER), why).toEqual(holding(log, decided, followerCompacted));

      // Its Accepted come now: all of the winner's log is decided.
      cluster.filter = () => true;
      for (const accepted of cluster.filtered) cluster.deliver(accepted);
      cluster.settle();
      expect(outcome(cluster, LEADER), why).toEqual(holding(log, log.length, leaderCompacted));
      expect(outcome(cluster, FOLLOWER), why).toEqual(holding(log, log.length, followerCompacted));
      noViolations(cluster);
      survivesRestart(cluster, LEADER, log);
      survivesRestart(cluster, FOLLOWER, log);
    }
  });
});

/** Whatever the late follower knows to be decided is held by the quorum that elects without it. */
function quorumHolds({ follower, sharedIdx }: World): boolean {
  return follower.decided <= sharedIdx;
}

// P16, P03
describe.each([
  { compacts: false, name: 'keeps its log' },
  { compacts: true, name: 'compacts all of it' },
])('sync of a follower that comes late, to a leader that $name; ahead was', ({ compacts }) => {
  // Where the leader compacts everything, what it had compacted before makes no difference.
  const possible = (world: World): boolean =>
    quorumHolds(world) && (!compacts || world.leader.compacted === 0);
  test.each(byCombination(possible))('%s', (_name, group) => {
    for (const world of group) {
      const { leader, follower, leaderRound, followerRound } = world;
      const { leaderLog, followerLog } = logsOf(world);
      const cluster = clusterOf({
        [LEADER]: shape(leaderLog, leader, leaderRound),
        [FOLLOWER]: shape(followerLog, follower, followerRound),
        [THIRD]: shape(leaderLog, { ...leader, compacted: 0 }, leaderRound),
      });
      cluster.restart(LEADER);
      cluster.restart(THIRD);
      cluster.settle();
      cluster.core(LEADER).tryBecomeLeader();
      cluster.settle();
      cluster.core(LEADER).append('new', { forward: false });
      cluster.settle();
      const log = [...leaderLog, 'new'];
      const why = JSON.stringify(world);
      expect(outcome(cluster, LEADER), why).toEqual(holding(log, log.length, leader.compacted));
      if (compacts) cluster.core(LEADER).snapshot(log.length, log.join(','));
      const leaderCompacted = compacts ? log.length : leader.compacted;

      cluster.restart(FOLLOWER);
      cluster.settle();
      // What it holds beyond the log that won was never decided; in another round, all that it does not know to be decided.
      const keeps =
        leaderRound === followerRound ? Math.min(leader.accepted, follower.accepted) : follower.decided;
      const followerCompacted = leaderCompacted > keeps ? leaderCompacted : follower.compacted;
      expect(outcome(cluster, FOLLOWER), why).toEqual(holding(log, log.length, followerCompacted));
      expect(outcome(cluster, LEADER), why).toEqual(holding(log, log.length, leaderCompacted));
      expect(outcome(cluster, THIRD), why).toEqual(holding(log, log.length, 0));
      noViolations(cluster);
      survivesRestart(cluster, FOLLOWER, log);
    }
  });
});

/** Where a follower of the very ballot stands: it has missed everything from `accepted` on. */
interface Missed {
  readonly follower: Indexes;
  readonly leaderCompacted: number;
}

const ENTRIES = ['a', 'b', 'c'];

function* missed(): Generator<Missed> {
  for (const follower of indexes) {
    for (let leaderCompacted = 0; leaderCompacted <= ENTRIES.length; leaderCompacted++)
      yield { follower, leaderCompacted };
  }
}

const missedByName = [...missed()].map(
  (world) =>
    [
      `accepted ${world.follower.accepted}, decided ${world.follower.decided}, compacted ${world.follower.compacted}; leader compacted ${world.leaderCompacted}`,
      world,
    ] as const,
);

/** A leader that has decided ENTRIES with the third node, and a follower of its ballot, cut off, that stands at `follower`. */
function followerThatMissed({ follower, leaderCompacted }: Missed): CoreCluster {
  const cluster = new CoreCluster(3);
  cluster.core(LEADER).tryBecomeLeader();
  cluster.settle();
  const append = (entries: readonly string[]): void => {
    for (const entry of entries) {
      cluster.core(LEADER).append(entry, { forward: false });
      cluster.settle();
    }
  };
  const held: TestMessage[] = [];
  cluster.filter = (message) => {
    if (message.body.kind !== 'accepted') return true;
    if (message.from === THIRD) held.push(message);
    return false;
  };
  append(ENTRIES.slice(0, follower.accepted));
  const deliverAccepted = (upToIdx: number): void => {
    for (const message of held) {
      if (message.body.kind === 'accepted' && message.body.acceptedIdx <= upToIdx) cluster.deliver(message);
    }
    cluster.settle();
  };
  deliverAccepted(follower.decided);
  if (follower.compacted > 0)
    cluster.core(FOLLOWER).snapshot(follower.compacted, ENTRIES.slice(0, follower.compacted).join(','));
  cluster.isolate(FOLLOWER);
  cluster.filter = () => true;
  deliverAccepted(follower.accepted);
  append(ENTRIES.slice(follower.accepted));
  if (leaderCompacted > 0)
    cluster.core(LEADER).snapshot(leaderCompacted, ENTRIES.slice(0, leaderCompacted).join(','));
  cluster.collect();
  return cluster;
}

// P16
describe.each(['reconnects', 'restarts'] as const)(
  'sync of a follower that has accepted in the very ballot, and %s',
  (how) => {
    test.each(missedByName)('%s', (_name, world) => {
      const { follower, leaderCompacted } = world;
      const cluster = followerThatMissed(world);
      expect(outcome(cluster, FOLLOWER)).toEqual(
        holding(ENTRIES.slice(0, follower.accepted), follower.decided, follower.compacted),
      );
      expect(outcome(cluster, LEADER)).toEqual(holding(ENTRIES, ENTRIES.length, leaderCompacted));
      const ballot = cluster.core(LEADER).status().promise;
      cluster.heal();
      if (how === 'restarts') {
        cluster.crash(FOLLOWER);
        cluster.restart(FOLLOWER);
      } else {
        cluster.core(FOLLOWER).reconnected(LEADER);
        cluster.core(LEADER).reconnected(FOLLOWER);
      }
      cluster.settle();
      // All that it has accepted stays, decided or not: it is the leader's own log.
      const followerCompacted = leaderCompacted > follower.accepted ? leaderCompacted : follower.compacted;
      expect(outcome(cluster, FOLLOWER)).toEqual(holding(ENTRIES, ENTRIES.length, followerCompacted));
      expect(outcome(cluster, LEADER)).toEqual(holding(ENTRIES, ENTRIES.length, leaderCompacted));
      expect(cluster.core(LEADER).leadership()).toEqual({ role: 'leader', ballot });
      expect(cluster.core(FOLLOWER).leadership()).toEqual({ role: 'follower', ballot });
      noViolations(cluster);
      survivesRestart(cluster, FOLLOWER, ENTRIES);
    });
  },
);
