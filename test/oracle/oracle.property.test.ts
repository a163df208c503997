import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Epoch, isHighWater, PHYSICAL_MS_MAX } from '../../src/consensus/index.js';
import { unreachable } from '../../src/errors/index.js';
import {
  BELIEVED_WALL_MS_MAX,
  type Grant,
  LOGICAL_COUNT,
  Oracle,
  packTimestamp,
} from '../../src/oracle/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { type Fate, RegisterDriver, SharedRegister } from './shared-register.js';

const START_MS = 1_700_000_000_000;
const TUNING = { windowAheadMs: 300, failoverAdvanceMs: 100, callTimeoutMs: 1_000, maxWaitingGrants: 20 };

/** A wall clock that lies as it is told to. */
class LyingClock extends VirtualClock {
  /** What it shows instead of the time. */
  reading: number | undefined;
  /** The latest time, as far as times are believed, that it has shown to anybody. */
  latestMs = 0;

  override wallMs(): number {
    const shown = this.reading ?? super.wallMs();
    if (shown >= 0 && shown <= BELIEVED_WALL_MS_MAX) this.latestMs = Math.max(this.latestMs, shown);
    return shown;
  }
}

type Step =
  | { readonly do: 'grant' | 'ask'; readonly node: number; readonly count: number }
  | { readonly do: 'elect'; readonly node: number | undefined }
  | { readonly do: 'lapse' | 'renew'; readonly node: number }
  | { readonly do: 'fates'; readonly node: number; readonly fates: readonly Fate[] }
  | { readonly do: 'pass'; readonly ms: number }
  /** Lets only so many promise reactions in a row run: what comes next meets calls between two of their awaits. */
  | { readonly do: 'turns'; readonly turns: number }
  | { readonly do: 'stepWall'; readonly ms: number }
  | { readonly do: 'wallShows'; readonly reading: number | undefined };

const node = fc.integer({ min: 0, max: 1 });
const durationMs = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 800 }));
const count = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 1_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: LOGICAL_COUNT - 3, max: LOGICAL_COUNT }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: LOGICAL_COUNT }) },
);
const fate: fc.Arbitrary<Fate> = fc.record({
  beforeMs: fc.oneof(fc.constant(0), durationMs),
  afterMs: fc.oneof(fc.constant(0), durationMs),
  ending: fc.constantFrom('answer', 'answer', 'lose', 'loseAnswer', 'outlive'),
  ignoresSignal: fc.boolean(),
});
const reading = fc.constantFrom(
  undefined,
  undefined,
  START_MS,
  -5,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 46,
  2 ** 64,
  BELIEVED_WALL_MS_MAX + 1,
);

function stepOf(counts: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('grant' as const), node, count: counts }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('ask' as const), node, count: counts }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('elect' as const), node: fc.option(node, { nil: undefined }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('lapse' as const, 'renew' as const), node }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('fates' as const),
        node,
        fates: fc.array(fate, { maxLength: 4 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: durationMs }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('turns' as const), turns: fc.nat(12) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('stepWall' as const),
        ms: fc.oneof(fc.integer({ min: -2_000, max: 2_000 }), fc.integer({ min: -(2 ** 41), max: 2 ** 41 })),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wallShows' as const), reading }) },
  );
}

interface Received {
  readonly epoch: Epoch;
  readonly first: bigint;
  readonly last: bigint;
}

/** Two nodes, an oracle on each, and all that they have granted. */
class World {
  readonly clock = new LyingClock(START_MS);
  readonly register: SharedRegister;
  readonly nodes: readonly { readonly driver: RegisterDriver; readonly oracle: Oracle }[];
  readonly #startMs: number;
  /** How far each epoch's window was ever said to reach. */
  readonly #limits = new Map<Epoch, number>();
  readonly #received: Received[] = [];
  /** The highest timestamp received so far. */
  #highest = -1n;
  #elections = 0;
  #requested = 0;
  #waiting = 0;
  /** What was found wrong where nobody awaited it. */
  failure: unknown;

  constructor(highWaterMs: number) {
    this.#startMs = highWaterMs;
    this.register = new SharedRegister(highWaterMs);
    this.nodes = [0, 1].map((seed) => {
      const driver = new RegisterDriver(this.register, this.clock);
      const oracle = Oracle.start({ driver, clock: this.clock, random: new SeededRandom(seed), ...TUNING });
      oracle.events.on('extended', ({ epoch, limitMs }) => this.#limits.set(epoch, limitMs));
      oracle.events.on('state', (state) => {
        if (state.role === 'serving') this.#limits.set(state.epoch, state.limitMs);
      });
      return { driver, oracle };
    });
  }

  async act(step: Step): Promise<void> {
    switch (step.do) {
      case 'grant':
        this.#grant(step.node, step.count);
        return;
      case 'ask':
        this.#ask(step.node, step.count);
        return;
      case 'elect':
        this.#elections += 1;
        this.register.elect(step.node === undefined ? undefined : this.#node(step.node).driver);
        return;
      case 'lapse':
      case 'renew':
        this.#node(step.node).driver.leaseLapsed = step.do === 'lapse';
        return;
      case 'fates':
        this.#node(step.node).driver.fates = [...step.fates];
        return;
      case 'pass':
        await this.clock.advanceAsync(step.ms);
        return;
      case 'turns':
        for (let turn = 0; turn < step.turns; turn++) await Promise.resolve();
        return;
      case 'stepWall':
        this.clock.stepWall(step.ms);
        return;
      case 'wallShows':
        this.clock.reading = step.reading;
        return;
      default:
        unreachable(step);
    }
  }

  /** What must hold at any time. */
  check(): void {
    for (const asked of this.register.asked) expect(isHighWater(asked)).toBe(true);
    expect(Math.max(0, ...this.register.asked)).toBeLessThanOrEqual(this.#highestAskable());
    for (const { oracle } of this.nodes) {
      const state = oracle.state();
      if (state.role === 'serving') expect(state.limitMs).toBeLessThanOrEqual(this.#durable(state.epoch));
      if (state.role === 'failed') {
        expect(state.error).toMatchObject({ code: 'time_exhausted' });
        expect(this.#highestAskable()).toBe(PHYSICAL_MS_MAX);
      }
    }
  }

  /** All faults end: every wait has ended, and whoever is elected serves, unless no time is left. */
  async heal(): Promise<void> {
    this.clock.reading = undefined;
    for (const { driver } of this.nodes) driver.fates = [];
    await this.act({ do: 'elect', node: 0 });
    await this.clock.advanceAsync(5_000);
    expect(this.#waiting).toBe(0);
    const { oracle } = this.#node(0);
    if (oracle.state().role === 'failed') return;
    const before = this.#received.length;
    this.#ask(0, 1);
    await this.clock.advanceAsync(10);
    if (oracle.state().role !== 'failed') expect(this.#received.length).toBe(before + 1);
  }

  /** Every timestamp was granted once, and the windows of different leaderships do not touch. */
  judgeAll(): void {
    const inOrder = [...this.#received].sort((a, b) => (a.first < b.first ? -1 : 1));
    for (const [index, { epoch, first }] of inOrder.slice(1).entries()) {
      const before = inOrder[index];
      if (before === undefined) continue;
      expect(first).toBeGreaterThan(before.last);
      expect(epoch >= before.epoch).toBe(true);
    }
    for (const { epoch, first } of inOrder) {
      for (const [earlier, limitMs] of this.#limits) {
        if (earlier < epoch) expect(first).toBeGreaterThan(packTimestamp(limitMs, LOGICAL_COUNT - 1));
      }
    }
  }

  async close(): Promise<void> {
    this.#ask(0, 1);
    for (const { oracle } of this.nodes) await oracle.close();
    await settleMicrotasks();
    expect(this.#waiting).toBe(0);
    await this.clock.advanceAsync(2_000);
    expect(this.clock.armedTimers).toBe(0);
  }

  #grant(index: number, count: number): void {
    this.#requested += count;
    const result = this.#node(index).oracle.tryGrant(count);
    if (!result.ok) return;
    const { epoch, physicalMs } = result.grant;
    expect(this.register.epoch).toBe(epoch);
    expect(this.register.leader).toBe(this.#node(index).driver);
    expect(this.#node(index).driver.leaseLapsed).toBe(false);
    expect(physicalMs).toBeGreaterThanOrEqual(believed(this.clock.wallMs()));
    this.#receive(result.grant, count, this.#highest);
  }

  #ask(index: number, count: number): void {
    const { oracle } = this.#node(index);
    const highestBefore = this.#highest;
    this.#requested += count;
    this.#waiting += 1;
    oracle.grant(count).then(
      (grant) => {
        this.#waiting -= 1;
        this.#guarded(() => this.#receive(grant, count, highestBefore));
      },
      () => {
        this.#waiting -= 1;
      },
    );
  }

  /** @param highestBefore the highest timestamp that was received before this grant was asked for. */
  #receive(grant: Grant, count: number, highestBefore: bigint): void {
    const { epoch, logicalStart, physicalMs } = grant;
    expect(grant.count).toBe(count);
    expect(logicalStart + count).toBeLessThanOrEqual(LOGICAL_COUNT);
    expect(physicalMs).toBeLessThanOrEqual(this.#durable(epoch));
    const first = packTimestamp(physicalMs, logicalStart);
    const last = packTimestamp(physicalMs, logicalStart + count - 1);
    expect(first).toBeGreaterThan(highestBefore);
    this.#received.push({ epoch, first, last });
    if (last > this.#highest) this.#highest = last;
  }

  #guarded(judge: () => void): void {
    try {
      judge();
    } catch (error) {
      this.failure ??= error;
    }
  }

  #durable(epoch: Epoch): number {
    return this.register.durable.get(epoch) ?? -1;
  }

  /** What `Oracle` promises of how far it runs ahead of the clock. */
  #highestAskable(): number {
    const spills = Math.floor((2 * this.#requested) / LOGICAL_COUNT);
    const aheadMs =
      TUNING.windowAheadMs +
      this.#elections * (TUNING.failoverAdvanceMs + 1) +
      spills * (TUNING.windowAheadMs + 1);
    return Math.min(Math.max(this.#startMs, this.clock.latestMs) + aheadMs, PHYSICAL_MS_MAX);
  }

  #node(index: number): { readonly driver: RegisterDriver; readonly oracle: Oracle } {
    const found = this.nodes[index];
    if (found === undefined) throw new Error(`there is no node ${index}`);
    return found;
  }
}

function believed(wallMs: number): number {
  return wallMs >= 0 && wallMs <= BELIEVED_WALL_MS_MAX ? Math.floor(wallMs) : 0;
}

const highWaterMs = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, START_MS, START_MS + 1_000) },
  { weight: 1, arbitrary: fc.integer({ min: PHYSICAL_MS_MAX - 1_000, max: PHYSICAL_MS_MAX }) },
);

async function live(startMs: number, steps: readonly Step[]): Promise<void> {
  const world = new World(startMs);
  try {
    for (const step of [...START, ...steps]) {
      await world.act(step);
      world.check();
    }
    await world.heal();
    world.check();
    world.judgeAll();
  } finally {
    await world.close();
  }
  if (world.failure !== undefined) throw world.failure;
}

const START: readonly Step[] = [{ do: 'elect', node: 0 }];

describe('oracle: two nodes on one high-water, any clock, any timing, any fault', () => {
  // O01, O03, O04, O05, O06, O07, O09
  test.each([
    ['small counts', fc.integer({ min: 1, max: 1_000 })],
    ['counts of all sizes', count],
  ])(
    '%s: every timestamp once and in order, within what is durable for its epoch; every wait ends; it serves again',
    async (_, counts) => {
      await fc.assert(
        fc.asyncProperty(highWaterMs, fc.array(stepOf(counts), { minLength: 1, maxLength: 60 }), live),
        { numRuns: 400 },
      );
    },
    60_000,
  );
});
