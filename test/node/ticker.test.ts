import { describe, expect, test } from 'vitest';
import { Ticker } from '../../src/node/ticker.js';
import type { Clock } from '../../src/runtime/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

/** A ticker of 10 ms, late after 100 ms, on a clock whose timers can be held up as a busy event loop does. */
function tickerOn(clock: Clock) {
  const turns: (() => void)[] = [];
  const ticks: { atMs: number; late: boolean }[] = [];
  const ticker = new Ticker({
    clock,
    nextTurn: (callback) => void turns.push(callback),
    tickMs: 10,
    lateMs: 100,
    onTick: ({ late }) => void ticks.push({ atMs: clock.monotonicMs(), late }),
  });
  return { ticker, ticks, turns };
}

/** Virtual time on which the event loop can stall: due timers wait, and fire together at its end. */
class StallingClock implements Clock {
  readonly #clock = new VirtualClock();
  #stalledMs = 0;

  monotonicMs(): number {
    return this.#clock.monotonicMs() + this.#stalledMs;
  }

  wallMs(): number {
    return this.#clock.wallMs() + this.#stalledMs;
  }

  setTimer(delayMs: number, callback: () => void) {
    return this.#clock.setTimer(delayMs, callback);
  }

  pass(ms: number): void {
    this.#clock.advance(ms);
  }

  /** The event loop stands still: the time is later, and nothing has run. */
  stall(ms: number): void {
    this.#stalledMs += ms;
  }
}

describe('ticker', () => {
  test('time passes evenly: one tick every tickMs, none of them late', () => {
    const clock = new StallingClock();
    const { ticker, ticks, turns } = tickerOn(clock);
    ticker.start();
    clock.pass(55);
    expect(ticks).toEqual([10, 20, 30, 40, 50].map((atMs) => ({ atMs, late: false })));
    expect(turns).toEqual([]);
  });

  test('timers fire a little late each time: ticks keep their pace on average', () => {
    const clock = new StallingClock();
    const { ticker, ticks } = tickerOn(clock);
    ticker.start();
    for (let i = 0; i < 100; i++) {
      clock.stall(2);
      clock.pass(8);
    }
    expect(ticks.length).toBeGreaterThanOrEqual(98);
    expect(ticks.every((tick) => !tick.late)).toBe(true);
  });

  // R20
  test('a stall of some ticks: one tick, after the sockets have been read, not late, and no burst', () => {
    const clock = new StallingClock();
    const { ticker, ticks, turns } = tickerOn(clock);
    ticker.start();
    clock.stall(60);
    clock.pass(10);
    expect(ticks).toEqual([]);
    expect(turns).toHaveLength(1);
    for (const turn of turns.splice(0)) turn();
    expect(ticks).toEqual([{ atMs: 70, late: false }]);
    clock.pass(9);
    expect(ticks).toHaveLength(1);
    clock.pass(1);
    expect(ticks).toHaveLength(2);
  });

  // N01
  test('a stall of ten rounds: one tick, told as late, then the old pace', () => {
    const clock = new StallingClock();
    const { ticker, ticks, turns } = tickerOn(clock);
    ticker.start();
    clock.stall(1_000);
    clock.pass(10);
    for (const turn of turns.splice(0)) turn();
    expect(ticks).toEqual([{ atMs: 1_010, late: true }]);
    clock.pass(100);
    expect(ticks).toHaveLength(11);
    expect(ticks.filter((tick) => tick.late)).toHaveLength(1);
  });

  test('the lateness of a tick is that of the turn in which it runs', () => {
    const clock = new StallingClock();
    const { ticker, ticks, turns } = tickerOn(clock);
    ticker.start();
    clock.stall(60);
    clock.pass(10);
    clock.stall(60);
    for (const turn of turns.splice(0)) turn();
    expect(ticks).toEqual([{ atMs: 130, late: true }]);
  });

  test('it is stopped, also between a late timer and its turn: no tick any more, and no timer', () => {
    const clock = new VirtualClock();
    const { ticker, ticks } = tickerOn(clock);
    ticker.start();
    ticker.stop();
    ticker.stop();
    expect(clock.armedTimers).toBe(0);

    const stalling = new StallingClock();
    const stalled = tickerOn(stalling);
    stalled.ticker.start();
    stalling.stall(60);
    stalling.pass(10);
    stalled.ticker.stop();
    for (const turn of stalled.turns.splice(0)) turn();
    expect([...ticks, ...stalled.ticks]).toEqual([]);
  });

  test('a tick stops the ticker: it was the last one', () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const ticker = new Ticker({
      clock,
      nextTurn: (callback) => callback(),
      tickMs: 10,
      lateMs: 100,
      onTick: () => {
        ticks += 1;
        ticker.stop();
      },
    });
    ticker.start();
    clock.advance(1_000);
    expect({ ticks, armed: clock.armedTimers }).toEqual({ ticks: 1, armed: 0 });
  });
});
