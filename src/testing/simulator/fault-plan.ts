import type { SeededRandom } from '../seeded-random.js';

/** How bad one world is: drawn from its seed, some worlds with everything off. Probabilities unless said otherwise. */
export interface FaultPlan {
  /** How many members the cluster begins with. */
  readonly nodes: number;
  /** How many further machines may become members. */
  readonly spares: number;
  readonly clients: number;
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  readonly delayMs: { readonly min: number; readonly max: number };
  readonly syncMs: { readonly min: number; readonly max: number };
  /** Of each call of a disk. */
  readonly diskFailure: number;
  /** How much the clocks' rates differ, at most. */
  readonly clockDrift: number;
  /** How much the clocks' wall times differ at first, at most, in ms. */
  readonly clockSkewMs: number;
  /** The mean time between two events of chaos, in ms. */
  readonly chaosEveryMs: number;
  /** How often each kind of chaos comes, relative to the others. */
  readonly weights: Readonly<Record<ChaosKind, number>>;
  readonly snapshotEvery: number;
  readonly windowAheadMs: number;
  /** How long a leader's lease lasts, in ms; 0 switches leases off, and a deposed leader may serve on. */
  readonly leaseMs: number;
}

/** The kinds of chaos. */
export type ChaosKind =
  | 'crash'
  | 'crashAll'
  | 'restart'
  | 'isolate'
  | 'cutOneWay'
  | 'cutLink'
  | 'star'
  | 'chain'
  | 'heal'
  | 'flap'
  | 'freeze'
  | 'stepWall'
  | 'reconfigure'
  | 'handOver'
  | 'takeOver'
  | 'setPriority';

/** Draws the plan of one world. */
export function drawFaultPlan(random: SeededRandom): FaultPlan {
  const isCalm = random.chance(0.1);
  const rate = (values: readonly number[]): number => (isCalm ? 0 : random.pick(values));
  return {
    nodes: random.pick([1, 3, 3, 3, 3, 5]),
    spares: random.pick([0, 1, 2]),
    clients: random.pick([1, 2, 4, 8]),
    loss: rate([0, 0.01, 0.1, 0.3]),
    duplication: rate([0, 0.01, 0.1, 0.5]),
    reordering: rate([0, 0.05, 0.5]),
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
    // The ratio of two clocks' rates stays within the configuration's maxClockDrift of 0.01.
    clockDrift: rate([0, 0.001, 0.0045]),
    clockSkewMs: rate([0, 50, 5_000, 86_400_000]),
    chaosEveryMs: isCalm ? Number.POSITIVE_INFINITY : random.pick([100, 400, 1_500]),
    weights: {
      crash: rate([0, 1, 3]),
      crashAll: rate([0, 0, 0.3]),
      restart: 4,
      isolate: rate([0, 1, 2]),
      cutOneWay: rate([0, 1, 2]),
      cutLink: rate([0, 1, 2]),
      star: rate([0, 0.5]),
      chain: rate([0, 0.5]),
      heal: 2,
      flap: rate([0, 1, 2]),
      freeze: rate([0, 1]),
      stepWall: rate([0, 1]),
      reconfigure: rate([0, 0, 0.5, 2]),
      handOver: rate([0, 0, 0.5, 2]),
      takeOver: rate([0, 0, 0.5]),
      setPriority: rate([0, 0, 0.5]),
    },
    snapshotEvery: random.pick([3, 10, 50, 1_000]),
    windowAheadMs: random.pick([20, 100, 500, 3_000]),
    leaseMs: 250,
  };
}
