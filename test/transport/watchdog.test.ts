import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/runtime/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { ReconnectBackoff } from '../../src/transport/reconnect-backoff.js';
import { Watchdog } from '../../src/transport/watchdog.js';

function bench(): { clock: VirtualClock; turns: (() => void)[]; expiredAtMs: number[]; watchdog: Watchdog } {
  const clock = new VirtualClock();
  const turns: (() => void)[] = [];
  const expiredAtMs: number[] = [];
  const watchdog = new Watchdog({
    clock,
    nextTurn: (callback) => void turns.push(callback),
    timeoutMs: 100,
    onExpired: () => void expiredAtMs.push(clock.monotonicMs()),
  });
  return { clock, turns, expiredAtMs, watchdog };
}

describe('watchdog', () => {
  test('nothing happens for the timeout, it expires once, after one more turn', () => {
    const { clock, turns, expiredAtMs, watchdog } = bench();
    watchdog.start();
    clock.advance(100);
    expect(expiredAtMs).toEqual([]);
    for (const turn of turns.splice(0)) turn();
    expect(expiredAtMs).toEqual([100]);
    clock.advance(1_000);
    expect(turns).toEqual([]);
    expect(clock.armedTimers).toBe(0);
  });

  test('touched now and then, it expires the timeout after the last touch', () => {
    const { clock, turns, expiredAtMs, watchdog } = bench();
    watchdog.start();
    for (const ms of [30, 99, 0.4, 50]) {
      clock.advance(ms);
      watchdog.touch();
    }
    clock.advance(99);
    expect(turns).toEqual([]);
    clock.advance(2);
    for (const turn of turns.splice(0)) turn();
    expect(expiredAtMs).toHaveLength(1);
  });

  // R20
  test('touched in the turn before it expires, it goes on', () => {
    const { clock, turns, expiredAtMs, watchdog } = bench();
    watchdog.start();
    clock.advance(5_000);
    watchdog.touch();
    for (const turn of turns.splice(0)) turn();
    expect(expiredAtMs).toEqual([]);
    clock.advance(100);
    for (const turn of turns.splice(0)) turn();
    expect(expiredAtMs).toEqual([5_100]);
  });

  test('stopped or started anew in the turn before it expires, that turn means nothing', () => {
    const { clock, turns, expiredAtMs, watchdog } = bench();
    watchdog.start();
    clock.advance(100);
    watchdog.start();
    for (const turn of turns.splice(0)) turn();
    expect(expiredAtMs).toEqual([]);
    clock.advance(100);
    watchdog.stop();
    for (const turn of turns.splice(0)) turn();
    expect(expiredAtMs).toEqual([]);
    expect(watchdog.isRunning).toBe(false);
    expect(clock.armedTimers).toBe(0);
  });

  test('a fraction of a ms is left, time moves on', () => {
    const { clock, turns, watchdog } = bench();
    clock.advance(1e12);
    watchdog.start();
    clock.advance(33.333333333);
    watchdog.touch();
    clock.advance(200);
    expect(turns).toHaveLength(1);
  });
});

describe('reconnect backoff', () => {
  test('failures in a row, double the pause up to the limit, within the jitter', () => {
    const backoff = new ReconnectBackoff({ reconnectMinMs: 20, reconnectMaxMs: 1_000 }, new SeededRandom(1));
    for (const fullMs of [20, 40, 80, 160, 320, 640, 1_000, 1_000]) {
      const pauseMs = backoff.nextMs();
      expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(pauseMs).toBeLessThanOrEqual(fullMs);
    }
    for (let i = 0; i < 2_000; i++) expect(backoff.nextMs()).toBeLessThanOrEqual(1_000);
    backoff.reset();
    expect(backoff.nextMs()).toBeLessThanOrEqual(20);
  });

  test('nodes that fail together, wait for different times', () => {
    const pauses = [1, 2, 3, 4, 5].map((seed) =>
      new ReconnectBackoff({ reconnectMinMs: 20, reconnectMaxMs: 1_000 }, new SeededRandom(seed)).nextMs(),
    );
    expect(new Set(pauses).size).toBe(5);
  });
});
