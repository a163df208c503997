import type { ClusterConfig } from '../../omnipaxos/index.js';
import type { SeededRandom } from '../../runtime/index.js';

/**
 * How bad one world is: drawn from its seed, some worlds with everything off, some with everything on.
 * Probabilities unless said otherwise.
 */
export interface FaultPlan {
  /** How many members the cluster begins with. */
  readonly nodes: number;
  /** How many further machines may become members. */
  readonly spares: number;
  /** Which of the possible write quorums: 0 the smallest, 1 the largest; a majority if absent. */
  readonly writeQuorum: number | undefined;
  readonly clients: number;
  /** The mean time between two calls of careless callers to a driver, in ms. */
  readonly restlessEveryMs: number;
  /** What machines keep their state in: storage in memory, or the journal that ships on a simulated file system. */
  readonly disks: 'memory' | 'journal';
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  /** Of each message: it takes far longer than the others, and those behind it wait for it. */
  readonly delayTail: number;
  readonly delayMs: { readonly min: number; readonly max: number };
  readonly syncMs: { readonly min: number; readonly max: number };
  /** Of each call of a disk. */
  readonly diskFailure: number;
  /** Of each write to a journal: it writes a part, and says so. */
  readonly shortWrites: number;
  /** Whether one machine may lose its directory: wiped, set back, cloned or damaged. */
  readonly lossOfDirectory: boolean;
  /** Of each answer to a client: it is under way for seconds, longer than a failover takes. */
  readonly slowReplies: number;
  /** How much the clocks' rates differ, at most. */
  readonly clockDrift: number;
  /** How much the clocks' wall times differ at first, at most, in ms. */
  readonly clockSkewMs: number;
  /** The mean time between two events of chaos, in ms. */
  readonly chaosEveryMs: number;
  /** How often each kind of chaos comes, relative to the others. */
  readonly weights: Readonly<Record<ChaosKind, number>>;
  readonly snapshotEvery: number;
  /** How many records are applied at a time, and how long the applier rests after each such chunk, in ms. */
  readonly applyChunk: { readonly items: number; readonly restMs: number };
  readonly windowAheadMs: number;
  /** How long a leader's lease lasts, in ms; 0 switches leases off, and a deposed leader may serve on. */
  readonly leaseMs: number;
}

/** What a wall clock that is right shows when a world begins, in ms. */
export const WALL_START_MS = 1_700_000_000_000;

/** The kinds of chaos. */
export const CHAOS_KINDS = [
  'crash',
  'crashAll',
  'crashInWrite',
  'crashLoop',
  'stop',
  'rollingRestart',
  'restart',
  'isolate',
  'cutOneWay',
  'cutLink',
  'split',
  'someLinks',
  'star',
  'chain',
  'quorumLoss',
  'constrainedElection',
  'chained',
  'heal',
  'flap',
  'halfOpen',
  'clog',
  'slowLink',
  'freeze',
  'stall',
  'suspend',
  'stepWall',
  'jumpWall',
  'stopWall',
  'fillDisk',
  'copyDirectory',
  'loseDirectory',
  'reconfigure',
  'handOver',
  'takeOver',
  'setPriority',
] as const;

export type ChaosKind = (typeof CHAOS_KINDS)[number];

/** No chaos but what is given. */
export function chaosWeights(weights: Partial<Record<ChaosKind, number>>): Record<ChaosKind, number> {
  // Object.fromEntries forgets that the keys are all ChaosKinds.
  const none = Object.fromEntries(CHAOS_KINDS.map((kind) => [kind, 0])) as Record<ChaosKind, number>;
  return { ...none, ...weights };
}

/**
 * The quorums of a configuration of so many nodes, of which no write quorum is above a read quorum;
 * majorities if there is nothing to choose.
 */
export function quorumsOf(
  nodes: number,
  writeQuorum: number | undefined,
): Pick<ClusterConfig, 'flexibleQuorum'> {
  if (writeQuorum === undefined || nodes < 3) return {};
  const writeQuorumMax = Math.floor((nodes + 1) / 2);
  const writeQuorumSize = 2 + Math.round(writeQuorum * (writeQuorumMax - 2));
  return { flexibleQuorum: { writeQuorumSize, readQuorumSize: nodes - writeQuorumSize + 1 } };
}

/** Draws the plan of one world. */
export function drawFaultPlan(random: SeededRandom): FaultPlan {
  const mood = random.pick(['calm', 'all', ...Array.from({ length: 8 }, () => 'some')]);
  // The last value of each list is the worst.
  const rate = (values: readonly number[]): number => {
    const drawn = random.pick(values);
    if (mood === 'calm') return 0;
    return mood === 'all' ? (values.at(-1) ?? drawn) : drawn;
  };
  const lossOfDirectory = rate([0, 0, 0, 1]) > 0;
  return {
    nodes: random.pick([1, 3, 3, 3, 3, 4, 5]),
    writeQuorum: random.pick([undefined, undefined, 0, 0.5, 1]),
    spares: random.pick([0, 1, 2]),
    clients: random.pick([1, 2, 4, 8]),
    restlessEveryMs: mood === 'calm' ? Number.POSITIVE_INFINITY : random.pick([20, 200, 2_000]),
    disks: random.pick(['memory', 'memory', 'journal']),
    loss: rate([0, 0.01, 0.1, 0.3]),
    duplication: rate([0, 0.01, 0.1, 0.5]),
    reordering: rate([0, 0.05, 0.5]),
    delayTail: rate([0, 0, 0.002, 0.02]),
    delayMs: random.pick([
      { min: 0.1, max: 1 },
      { min: 0.1, max: 10 },
      { min: 1, max: 60 },
    ]),
    syncMs: random.pick([
      { min: 0.05, max: 0.3 },
      { min: 0.1, max: 10 },
      { min: 1, max: 80 },
    ]),
    diskFailure: rate([0, 0, 0.0005, 0.003]),
    shortWrites: rate([0, 0.01, 0.1]),
    lossOfDirectory,
    slowReplies: rate([0, 0, 0.01, 0.1]),
    // The ratio of two clocks' rates stays within the configuration's maxClockDrift of 0.01.
    clockDrift: rate([0, 0.001, 0.0045]),
    clockSkewMs: rate([0, 50, 5_000, 86_400_000]),
    chaosEveryMs: mood === 'calm' ? Number.POSITIVE_INFINITY : random.pick([100, 400, 1_500]),
    weights: drawWeights(rate, lossOfDirectory),
    snapshotEvery: random.pick([3, 10, 50, 1_000]),
    applyChunk: random.pick([
      { items: 256, restMs: 0 },
      { items: 256, restMs: 0 },
      { items: 1, restMs: 1 },
      { items: 2, restMs: rate([0, 50]) },
    ]),
    windowAheadMs: random.pick([20, 100, 500, 3_000]),
    leaseMs: 250,
  };
}

function drawWeights(
  rate: (values: readonly number[]) => number,
  lossOfDirectory: boolean,
): Record<ChaosKind, number> {
  return {
    crash: rate([0, 1, 3]),
    crashAll: rate([0, 0, 0.3]),
    crashInWrite: rate([0, 1, 3]),
    crashLoop: rate([0, 0, 0.5]),
    stop: rate([0, 0, 0.5]),
    rollingRestart: rate([0, 0, 0.3]),
    restart: 4,
    isolate: rate([0, 1, 2]),
    cutOneWay: rate([0, 1, 2]),
    cutLink: rate([0, 1, 2]),
    split: rate([0, 0.5]),
    someLinks: rate([0, 0.5]),
    star: rate([0, 0.5]),
    chain: rate([0, 0.5]),
    quorumLoss: rate([0, 0.5]),
    constrainedElection: rate([0, 0.5]),
    chained: rate([0, 0.5]),
    heal: 2,
    flap: rate([0, 1, 2]),
    halfOpen: rate([0, 0.5]),
    clog: rate([0, 0.5]),
    slowLink: rate([0, 0.5]),
    freeze: rate([0, 1]),
    stall: rate([0, 0.5]),
    suspend: rate([0, 0.5]),
    stepWall: rate([0, 1]),
    jumpWall: rate([0, 0, 0.3]),
    stopWall: rate([0, 0, 0.3]),
    fillDisk: rate([0, 0, 0.5]),
    copyDirectory: lossOfDirectory ? 2 : 0,
    loseDirectory: lossOfDirectory ? 2 : 0,
    reconfigure: rate([0, 0, 0.5, 2]),
    handOver: rate([0, 0, 0.5, 2]),
    takeOver: rate([0, 0, 0.5]),
    setPriority: rate([0, 0, 0.5]),
  };
}
