import { type ConsensusErrorCode, PHYSICAL_MS_MAX, toEpoch } from '../../consensus/index.js';
import { broken, type ConformanceBench, expectThat } from './conformance-bench.js';
import type { CaseBodies } from './run-case.js';

/** What a caller who no longer leads may be told. */
export const LEADS_NO_MORE: readonly ConsensusErrorCode[] = ['fenced', 'not_leader'];

/** The high-water under one leadership. */
export const highWaterCases: CaseBodies = {
  'high-water: advanced, the call and every later load tell it': async (bench) => {
    const { base, epoch } = await start(bench);
    expectValue(await bench.persist(base + 100, epoch), base + 100, 'the advance');
    expectValue(await bench.load(), base + 100, 'the load');
  },

  'high-water: advanced below itself, stays and is what the call tells': async (bench) => {
    const { base, epoch } = await start(bench);
    await bench.persist(base + 100, epoch);
    expectValue(await bench.persist(base + 50, epoch), base + 100, 'the lower advance');
    expectValue(await bench.persist(0, epoch), base + 100, 'the advance to 0');
    expectValue(await bench.load(), base + 100, 'the load');
  },

  'high-water: many advances overlap, each is told at least its own and the highest remains': async (
    bench,
  ) => {
    const { base, epoch } = await start(bench);
    const steps = [30, 10, 50, 20, 50, 40, 0];
    const told = await Promise.all(steps.map((step) => bench.persist(base + step, epoch)));
    for (const [i, step] of steps.entries()) {
      const value = told[i] ?? Number.NaN;
      expectThat(
        value >= base + step && value <= base + 50,
        `the advance to ${base + step} was told ${value}, while the highest was to ${base + 50}`,
      );
    }
    expectValue(await bench.load(), base + 50, 'the load after all of them');
  },

  'high-water: loads and advances overlap, no load misses what was answered before it began': async (
    bench,
  ) => {
    const { base, epoch } = await start(bench);
    let answered = base;
    const calls: Promise<void>[] = [];
    for (let step = 1; step <= 40; step++) {
      const before = answered;
      calls.push(
        bench.persist(base + step, epoch).then((value) => {
          answered = Math.max(answered, value);
        }),
        bench.load().then((value) => {
          expectThat(value >= before, `a load was told ${value}, after ${before} had been answered`);
        }),
      );
      if (step % 4 === 0) await Promise.all(calls.splice(0));
    }
    expectValue(await bench.load(), base + 40, 'the last load');
  },

  'advance: value out of range, is refused and changes nothing': async (bench) => {
    const { base, epoch } = await start(bench);
    for (const atLeast of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, PHYSICAL_MS_MAX + 1, 2 ** 64]) {
      const call = bench.driver.persistHighWater(atLeast, epoch);
      const what = `an advance to ${atLeast}`;
      const error = await bench.expectRejection(call, ['advance_out_of_range'], what);
      expectThat(Object.is(error.atLeast, atLeast), `${what} was refused without naming the value`);
    }
    expectValue(await bench.load(), base, 'the load afterwards');
  },

  'advance: highest value that a timestamp can carry, is taken': async (bench) => {
    const { epoch } = await start(bench);
    expectValue(await bench.persist(PHYSICAL_MS_MAX, epoch), PHYSICAL_MS_MAX, 'the advance');
    expectValue(await bench.load(), PHYSICAL_MS_MAX, 'the load');
  },

  'advance: epoch below the leading one, is told so and changes nothing': async (bench) => {
    const { base, epoch } = await start(bench);
    const call = bench.driver.persistHighWater(base + 100, toEpoch(epoch - 1n));
    await bench.expectRejection(call, LEADS_NO_MORE, 'an advance at a lower epoch');
    expectValue(await bench.load(), base, 'the load afterwards');
  },

  'advance: epoch above the leading one, is told so and changes nothing': async (bench) => {
    const { base, epoch } = await start(bench);
    const call = bench.driver.persistHighWater(base + 100, toEpoch(epoch + 1n));
    await bench.expectRejection(call, LEADS_NO_MORE, 'an advance at a higher epoch');
    expectValue(await bench.load(), base, 'the load afterwards');
  },
};

/** The high-water over changes of leadership. */
export const highWaterOverChangesCases: CaseBodies = {
  'high-water: leadership is lost, calls are told so': async (bench) => {
    const { base, epoch } = await start(bench);
    await bench.drive(bench.leadership.lose());
    const advance = bench.driver.persistHighWater(base + 100, epoch);
    await bench.expectRejection(advance, LEADS_NO_MORE, 'an advance after the leadership was lost');
    const load = bench.driver.loadHighWater();
    await bench.expectRejection(load, LEADS_NO_MORE, 'a load after the leadership was lost');
  },

  'high-water: leadership is lost and regained, it is kept and the old epoch is fenced': async (bench) => {
    const { base, epoch } = await start(bench);
    await bench.persist(base + 100, epoch);
    await bench.drive(bench.leadership.lose());
    await bench.drive(bench.leadership.regain());
    const newEpoch = await bench.leaderEpoch();
    const stale = bench.driver.persistHighWater(base + 900, epoch);
    await bench.expectRejection(stale, LEADS_NO_MORE, 'an advance at the old epoch');
    expectValue(await bench.load(), base + 100, 'the load of the new leadership');
    expectValue(await bench.persist(base + 200, newEpoch), base + 200, 'the advance of the new leadership');
  },
};

/** The high-water over a restart. */
export const highWaterOverRestartCases: CaseBodies = {
  'high-water: driver is closed and reopened, what was answered is kept': async (bench) => {
    const { base, epoch } = await start(bench);
    await bench.persist(base + 100, epoch);
    const reopened = await bench.reopen();
    const newEpoch = await bench.leaderEpoch(reopened);
    expectThat(newEpoch > epoch, `epoch ${newEpoch} follows on epoch ${epoch} of the life before`);
    expectValue(await bench.load(reopened), base + 100, 'the load of the new life');
  },
};

/** The epoch at which the driver leads, and the high-water at the start. */
async function start(bench: ConformanceBench): Promise<{ base: number; epoch: ReturnType<typeof toEpoch> }> {
  const epoch = await bench.leaderEpoch();
  return { epoch, base: await bench.load() };
}

function expectValue(value: number, expected: number, what: string): void {
  if (value !== expected) throw broken(`${what} was told ${value} instead of ${expected}`);
}
