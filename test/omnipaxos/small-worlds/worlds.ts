import type { Script } from './script.js';
import { type Bounds, type Conditions, NOTHING } from './world.js';

/** A root, what may happen from there, and how deep the tests go. */
export interface SmallWorld {
  readonly name: string;
  readonly conditions: Conditions;
  /** In a world whose links keep no order, the script has to end with nothing under way. */
  readonly root: (script: Script) => void;
  readonly bounds: Bounds;
  readonly depth: number;
}

const FAST: Conditions = { slowDisks: [], inOrder: true };
const ALL = [1, 2, 3];

/**
 * Three nodes, of which node 3 leads first. Ids are not exchanged for one another: a ballot is ordered by its pid too. Ticks, compaction, flexible quorums and
 * hand-overs are left out; a resend would send again what a duplicate sends again.
 */
export const SMALL_WORLDS: readonly SmallWorld[] = [
  {
    /** From the very start of a leadership: every order, every write slow. Wide, so it does not reach far. */
    name: 'settled leader',
    conditions: { slowDisks: ALL, inOrder: false },
    root: (script) => {
      script.takeOver(3);
      script.settleStray();
    },
    bounds: {
      ...NOTHING,
      proposals: 2,
      takeOvers: { by: ALL, count: 1 },
      crashes: { of: ALL, count: 1 },
      losses: 0,
      duplicates: 1,
    },
    depth: 5,
  },
  {
    /** The log of an old leader is longer than that of a newer round, in which a shorter one is chosen: the round decides, not the length. */
    name: 'longer tail of an older round',
    conditions: FAST,
    root: (script) => {
      script.begin();
      script.append(3, 'old 1');
      script.append(3, 'old 2');
      script.cutOff(3);
      script.takeOver(1);
      script.cutOff(3);
      script.settle([1, 2]);
      script.append(1, 'chosen');
      script.deliver(1, 2, 'acceptDecide');
      script.cutOff(3);
    },
    bounds: {
      ...NOTHING,
      proposals: 1,
      takeOvers: { by: [2, 3], count: 2 },
      crashes: { of: ALL, count: 1 },
      losses: 1,
    },
    depth: 6,
  },
  {
    /** A follower misses the tail that the other two have accepted, and the leader does not know that it is chosen. */
    name: 'follower without the chosen tail',
    conditions: FAST,
    root: (script) => {
      script.begin();
      script.append(3, 'chosen 1');
      script.append(3, 'chosen 2');
      script.lose(3, 1, 'acceptDecide');
      script.deliver(3, 2, 'acceptDecide');
      script.deliver(3, 2, 'acceptDecide');
    },
    bounds: {
      ...NOTHING,
      proposals: 1,
      takeOvers: { by: [1, 2], count: 2 },
      crashes: { of: [2, 3], count: 1 },
      losses: 1,
    },
    depth: 6,
  },
  {
    /** The same follower was prepared twice in one ballot: a copy of the first AcceptSync is still under way, and would cut what was accepted since. */
    name: 'old AcceptSync of the same life',
    conditions: FAST,
    root: (script) => {
      script.takeOver(3);
      script.deliver(3, 2, 'prepare');
      script.deliver(2, 3, 'promise');
      script.deliver(3, 2, 'acceptSync', true);
      script.cutOff(1);
      script.settle([2, 3]);
      script.append(3, 'chosen');
      script.deliver(3, 2, 'acceptDecide');
      script.cutOff(1);
      script.reconnected(2, 3);
    },
    bounds: { ...NOTHING, takeOvers: { by: [1, 2], count: 2 }, proposals: 1, losses: 1 },
    depth: 8,
  },
  {
    /** As before, but the follower has crashed in between: its counter of Promises has begun anew, only the incarnation differs. */
    name: 'old AcceptSync of an earlier life',
    conditions: FAST,
    root: (script) => {
      script.takeOver(3);
      script.deliver(3, 2, 'prepare');
      script.deliver(2, 3, 'promise');
      script.deliver(3, 2, 'acceptSync', true);
      script.cutOff(1);
      script.settle([2, 3]);
      script.append(3, 'chosen');
      script.deliver(3, 2, 'acceptDecide');
      script.cutOff(1);
      script.crash(2);
      script.cutOff(1);
    },
    bounds: { ...NOTHING, takeOvers: { by: [1, 2], count: 2 }, proposals: 1, losses: 1 },
    depth: 8,
  },
  {
    /** A stop sign is stored by the leader and one follower; nobody knows yet that it is chosen. A later leader must end the configuration with it. */
    name: 'stop sign not known to be decided',
    conditions: FAST,
    root: (script) => {
      script.begin();
      script.stopSign(3);
      script.lose(3, 1, 'acceptDecide');
      script.deliver(3, 2, 'acceptDecide');
    },
    bounds: {
      ...NOTHING,
      proposals: 1,
      takeOvers: { by: [1, 2], count: 2 },
      crashes: { of: [2], count: 1 },
      losses: 1,
    },
    depth: 7,
  },
  {
    /** Only the old leader stores the stop sign; a newer leader goes on without, and may end the configuration otherwise. */
    name: 'stop sign of a deposed leader',
    conditions: FAST,
    root: (script) => {
      script.begin();
      script.stopSign(3);
      script.cutOff(3);
      script.takeOver(1);
    },
    bounds: {
      ...NOTHING,
      proposals: 1,
      stopSigns: 1,
      takeOvers: { by: [2, 3], count: 1 },
      losses: 1,
    },
    depth: 8,
  },
  {
    /** The leader's disk is slow: two appends wait for two syncs, and a follower has already accepted both. */
    name: 'leader with a slow disk',
    conditions: { slowDisks: [3], inOrder: true },
    root: (script) => {
      script.begin();
      script.append(3, 'tail 1');
      script.append(3, 'tail 2');
      script.lose(3, 1, 'acceptDecide');
      script.lose(3, 1, 'acceptDecide');
      script.deliver(3, 2, 'acceptDecide');
      script.deliver(3, 2, 'acceptDecide');
    },
    bounds: {
      ...NOTHING,
      takeOvers: { by: [1, 3], count: 2 },
      crashes: { of: [3], count: 1 },
      losses: 0,
    },
    depth: 8,
  },
  {
    /** The unsynced tail of a slow leader is replaced by a newer leader's entries, at the same indexes, before its syncs end; then it leads again. */
    name: 'replaced before it was durable',
    conditions: { slowDisks: [3], inOrder: true },
    root: (script) => {
      script.begin();
      script.append(3, 'old 1');
      script.append(3, 'old 2');
      script.cutOff(1, 2);
      script.takeOver(1);
      script.deliver(1, 2, 'prepare');
      script.deliver(2, 1, 'promise');
      script.append(1, 'newer');
    },
    bounds: { ...NOTHING, takeOvers: { by: [3], count: 1 }, crashes: { of: [3], count: 1 }, losses: 1 },
    depth: 8,
  },
  {
    /** The records of an old leader are still on their way to a follower whose promise to a newer one waits for its disk. */
    name: 'promise on a slow disk',
    conditions: { slowDisks: [1], inOrder: true },
    root: (script) => {
      script.begin();
      script.append(3, 'old');
      script.lose(3, 2, 'acceptDecide');
      script.takeOver(2);
      script.lose(2, 3, 'prepare');
    },
    bounds: {
      ...NOTHING,
      proposals: 1,
      takeOvers: { by: [2], count: 0 },
      crashes: { of: [1], count: 1 },
      losses: 1,
    },
    depth: 9,
  },
  {
    /** A new leader's disk is slow: what it adopts counts as its own acceptance only once that is durable in the new round. */
    name: 'takeover on a slow disk',
    conditions: { slowDisks: [1], inOrder: true },
    root: (script) => {
      script.begin();
      script.persistAll(1);
      script.append(3, 'tail');
      script.deliver(3, 1, 'acceptDecide');
      script.lose(3, 2, 'acceptDecide');
      script.persistAll(1);
      script.cutOff(3);
      script.takeOver(1);
      script.persist(1);
    },
    bounds: {
      ...NOTHING,
      proposals: 1,
      takeOvers: { by: [2], count: 1 },
      crashes: { of: [1], count: 1 },
      losses: 0,
    },
    depth: 8,
  },
  {
    /** An Accepted of an earlier leadership of node 3 is still under way when it leads again, with another entry at that index. */
    name: 'Accepted of an earlier leadership',
    conditions: { slowDisks: [3], inOrder: true },
    root: (script) => {
      script.begin();
      script.append(3, 'old');
      script.deliver(3, 2, 'acceptDecide');
      script.lose(3, 1, 'acceptDecide');
      script.crash(3);
      script.lose(3, 1, 'prepareReq');
      script.lose(3, 1, 'prepareReq');
      script.lose(3, 2, 'prepareReq');
      script.lose(3, 2, 'prepareReq');
      script.takeOver(3);
    },
    bounds: { ...NOTHING, proposals: 1, takeOvers: { by: [1], count: 1 }, losses: 1 },
    depth: 9,
  },
  {
    /** A deposed leader's records are of the same place in a session as those that the follower waits for: only the ballot differs. */
    name: 'records of a deposed leader',
    conditions: FAST,
    root: (script) => {
      script.takeOver(3);
      script.settle(ALL);
      script.append(3, 'old');
      script.lose(3, 2, 'acceptDecide');
      script.takeOver(2);
      script.lose(2, 3, 'prepare');
    },
    bounds: { ...NOTHING, proposals: 1, takeOvers: { by: [1, 3], count: 1 }, losses: 1 },
    depth: 9,
  },
];
