import { describe, expect, test } from 'vitest';
import { Scheduler } from '../../src/testing/simulator/scheduler.js';
import { SimulatedClock } from '../../src/testing/simulator/simulated-clock.js';

const TRUST_MS = 1_000;

/** One machine's clocks, and true time. */
class Bench {
  readonly scheduler = new Scheduler();
  readonly clock: SimulatedClock;

  constructor(rate = 1) {
    this.clock = new SimulatedClock(this.scheduler, { rate, wallMs: 5_000, trustMs: TRUST_MS });
  }

  /** Lets true time pass. */
  pass(ms: number): void {
    let isOver = false;
    this.scheduler.after(ms, () => {
      isOver = true;
    });
    while (!isOver) this.scheduler.runNext();
  }
}

describe('a process that stands still', () => {
  /** What happens in the turn in which the process goes on, in order. */
  function afterStandingStill(stop: (clock: SimulatedClock) => void): string[] {
    const { clock, scheduler, ...bench } = new Bench();
    const seen: string[] = [];
    const socket = (): void => {
      if (clock.deafForMs > 0) scheduler.after(clock.deafForMs, socket);
      else seen.push('socket');
    };
    const process = clock.boot();
    stop(clock);
    scheduler.after(10, socket);
    process.setTimer(20, () => {
      seen.push('timer');
      clock.nextTurn(() => seen.push('next turn'));
    });
    process.setTimer(90, () => seen.push('later timer'));
    void bench;
    while (scheduler.runNext(200));
    return seen;
  }

  test('blocked: all its timers run before its sockets are read, and the next turn comes after these', () => {
    expect(afterStandingStill((clock) => clock.stall(100))).toEqual([
      'timer',
      'later timer',
      'socket',
      'next turn',
    ]);
  });

  test('frozen: what has waited goes on in the order in which it came', () => {
    expect(afterStandingStill((clock) => clock.freeze(100))).toEqual([
      'socket',
      'timer',
      'later timer',
      'next turn',
    ]);
  });
});

describe('clocks of one machine', () => {
  test('suspended: the monotonic clock stands still, the wall clock goes on, and timers wait as long as they would have', () => {
    const bench = new Bench();
    const process = bench.clock.boot();
    let firedMs = 0;
    process.setTimer(300, () => {
      firedMs = bench.scheduler.nowMs;
    });
    bench.pass(100);
    expect(bench.clock.suspend(5_000)).toBe(true);
    bench.pass(2_000);
    expect([process.monotonicMs(), process.wallMs()]).toEqual([100, 7_100]);
    bench.pass(4_000);
    expect([process.monotonicMs(), process.wallMs()]).toEqual([1_100, 11_100]);
    expect(firedMs).toBe(5_300);
  });

  test('a power cut ends the suspension', () => {
    const bench = new Bench();
    bench.clock.suspend(5_000);
    bench.pass(100);
    bench.clock.kill();
    bench.pass(100);
    expect(bench.clock.monotonicMs()).toBe(100);
  });

  test('the wall clock steps, jumps and stands still, the monotonic one goes on', () => {
    const bench = new Bench();
    const process = bench.clock.boot();
    expect(bench.clock.stepWall(-4_000)).toBe(true);
    expect(process.wallMs()).toBe(1_000);
    expect(bench.clock.setWall(2 ** 53)).toBe(true);
    expect(process.wallMs()).toBe(2 ** 53);
    bench.clock.setWall(0);
    expect(bench.clock.stopWall(50)).toBe(true);
    bench.pass(40);
    expect([process.wallMs(), process.monotonicMs()]).toEqual([0, 40]);
    bench.pass(20);
    expect([process.wallMs(), process.monotonicMs()]).toEqual([60, 60]);
  });

  test('both lose time within one lease: never', () => {
    const losses = [
      (clock: SimulatedClock) => clock.stepWall(-1),
      (clock: SimulatedClock) => clock.setWall(0),
      (clock: SimulatedClock) => clock.stopWall(10),
    ];
    for (const loseTime of losses) {
      const wallFirst = new Bench();
      expect(loseTime(wallFirst.clock)).toBe(true);
      wallFirst.pass(TRUST_MS - 1);
      expect(wallFirst.clock.suspend(10)).toBe(false);
      wallFirst.pass(20);
      expect(wallFirst.clock.suspend(10)).toBe(true);

      const suspendedFirst = new Bench();
      suspendedFirst.pass(1);
      suspendedFirst.clock.suspend(100);
      suspendedFirst.pass(100 + TRUST_MS - 1);
      expect(loseTime(suspendedFirst.clock)).toBe(false);
      expect(suspendedFirst.clock.stepWall(1)).toBe(true);
      suspendedFirst.pass(2);
      expect(loseTime(suspendedFirst.clock)).toBe(true);
    }
  });

  test('a clock that runs fast: its timers come early by true time, never by its own', () => {
    const bench = new Bench(1.01);
    const process = bench.clock.boot();
    let seenMs = 0;
    process.setTimer(101, () => {
      seenMs = process.monotonicMs();
    });
    bench.pass(100.5);
    expect(seenMs).toBeGreaterThanOrEqual(101 - 1e-6);
  });
});
