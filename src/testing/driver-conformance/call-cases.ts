import { type CallOptions, DEFAULT_CALL_TIMEOUT_MS, type Epoch } from '../../consensus/index.js';
import { TsoracleError } from '../../errors/index.js';
import { settleMicrotasks } from '../virtual-clock.js';
import { broken, type ConformanceBench, expectThat } from './conformance-bench.js';
import { LEADS_NO_MORE } from './high-water-cases.js';
import type { CaseBodies } from './run-case.js';

type Call = (options?: CallOptions) => Promise<number>;

/** How calls end, whatever their world does. */
export const callCases: CaseBodies = {
  'call: signal aborted already, rejects with its reason and changes nothing': async (bench) => {
    const { base, calls } = await bothCalls(bench);
    for (const [what, call] of calls) {
      const reason = new TsoracleError('test', 'the caller has changed its mind');
      await bench.expectReason(call({ signal: AbortSignal.abort(reason) }), reason, what);
    }
    expectThat((await bench.load()) === base, 'an aborted advance has changed the high-water');
  },

  'call: deadline that is no number of ms from 1, is refused and changes nothing': async (bench) => {
    const { base, calls } = await bothCalls(bench);
    for (const [what, call] of calls) {
      for (const timeoutMs of [0, -1, Number.NaN]) {
        const refused = await bench.drive(call({ timeoutMs }).then(() => false, isInvalidInput));
        expectThat(refused, `${what} with a deadline of ${timeoutMs} ms was not refused as invalid_input`);
      }
    }
    expectThat((await bench.load()) === base, 'a refused advance has changed the high-water');
  },

  'call: driver has been closed, rejects with closed': async (bench) => {
    const { calls } = await bothCalls(bench);
    await bench.drive(bench.driver.close());
    for (const [what, call] of calls) await bench.expectRejection(call(), ['closed'], what);
  },

  'close: called twice and by disposal, resolves each time': async (bench) => {
    await bench.leaderEpoch();
    const all = [bench.driver.close(), bench.driver.close(), bench.driver[Symbol.asyncDispose]()];
    await bench.drive(Promise.all(all));
    await bench.drive(bench.driver.close());
  },
};

/** How calls end that nobody decides. */
export const stalledCallCases: CaseBodies = {
  'stalled: deadline passes, calls are transient': async (bench) => {
    const waiting = await stalledCalls(bench, { timeoutMs: 50 });
    await bench.stall.passTime(60);
    for (const [what, call] of waiting) await bench.expectRejection(call, ['transient'], what);
  },

  'stalled: no deadline is named, calls wait for 5,000 ms and are transient then': async (bench) => {
    const waiting = await stalledCalls(bench);
    const ended: string[] = [];
    for (const [what, call] of waiting) call.catch(() => ended.push(what));
    await bench.stall.passTime(DEFAULT_CALL_TIMEOUT_MS - 100);
    expectThat(ended.length === 0, `ended before 5,000 ms had passed: ${ended.join(', ')}`);
    await bench.stall.passTime(200);
    for (const [what, call] of waiting) await bench.expectRejection(call, ['transient'], what);
  },

  'stalled: deadline has not passed, calls wait; decided again, they are answered': async (bench) => {
    const waiting = await stalledCalls(bench, { timeoutMs: 60_000 });
    const ended: string[] = [];
    const watched = waiting.map(([what, call]) => call.finally(() => ended.push(what)));
    await bench.stall.passTime(20);
    expectThat(ended.length === 0, `ended while nothing could be decided: ${ended.join(', ')}`);
    bench.stall.end();
    await bench.drive(Promise.all(watched));
  },

  'stalled: calls are aborted, reject with the reason at once': async (bench) => {
    const controller = new AbortController();
    const waiting = await stalledCalls(bench, { signal: controller.signal });
    const reason = new TsoracleError('test', 'the caller has changed its mind');
    controller.abort(reason);
    for (const [what, call] of waiting) await bench.expectReason(call, reason, what);
  },

  'stalled: driver closes, calls reject with closed': async (bench) => {
    const waiting = await stalledCalls(bench);
    await bench.drive(bench.driver.close());
    for (const [what, call] of waiting) await bench.expectRejection(call, ['closed'], what);
  },
};

/** How calls end that nobody decides, when the leadership is lost. */
export const stalledCallOverChangesCases: CaseBodies = {
  'stalled: leadership is lost, calls end without waiting for their deadline': async (bench) => {
    const waiting = await stalledCalls(bench, { timeoutMs: 2 ** 31 - 1 });
    await bench.drive(bench.leadership.lose());
    for (const [what, call] of waiting) await bench.expectRejection(call, LEADS_NO_MORE, what);
  },

  'stalled: leadership is lost and regained, no advance of the earlier one takes effect once the high-water has been loaded':
    async (bench) => {
      const { base, epoch } = await bothCalls(bench);
      bench.stall.begin();
      const late = bench.driver.persistHighWater(base + 900, epoch);
      late.catch(() => {});
      await bench.drive(bench.leadership.lose());
      bench.stall.end();
      await bench.drive(bench.leadership.regain());
      const newEpoch = await bench.leaderEpoch();
      const loaded = await bench.load();
      // Time for whatever is still on its way.
      await bench.stall.passTime(50);
      for (let turn = 0; turn < 20; turn++) await settleMicrotasks();
      const told = await bench.persist(loaded + 1, newEpoch);
      expectThat(told === loaded + 1, `${loaded} was loaded, an advance to ${loaded + 1} was told ${told}`);
    },
};

async function bothCalls(
  bench: ConformanceBench,
): Promise<{ base: number; epoch: Epoch; calls: readonly (readonly [string, Call])[] }> {
  const epoch = await bench.leaderEpoch();
  const base = await bench.load();
  const { driver } = bench;
  return {
    base,
    epoch,
    calls: [
      ['a load', (options) => driver.loadHighWater(options)],
      ['an advance', (options) => driver.persistHighWater(base + 100, epoch, options)],
    ],
  };
}

/** A load and an advance that nobody decides. Their rejections count as handled from now on. */
async function stalledCalls(
  bench: ConformanceBench,
  options: CallOptions = {},
): Promise<readonly (readonly [string, Promise<number>])[]> {
  const { calls } = await bothCalls(bench);
  bench.stall.begin();
  return calls.map(([what, call]) => {
    const waiting = call(options);
    waiting.catch(() => {});
    return [what, waiting] as const;
  });
}

function isInvalidInput(error: unknown): boolean {
  if (error instanceof Error && 'code' in error) return error.code === 'invalid_input';
  throw broken('a refused call rejected with no typed error', error);
}
