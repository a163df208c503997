import { describe, expect, test } from 'vitest';
import { repeat } from '../../src/cli/repeat.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

describe('repeat', () => {
  test('time passes evenly, calls once each period', () => {
    const clock = new VirtualClock();
    const calls: number[] = [];
    const timer = repeat(clock, 100, () => calls.push(clock.monotonicMs()));
    clock.advance(350);
    expect(calls).toEqual([100, 200, 300]);
    timer.cancel();
    expect(clock.armedTimers).toBe(0);
  });

  test('a late call, does not shift the later ones and is not made up for', () => {
    // A clock whose first timer comes 250 ms late, as after a stalled turn.
    const clock = new VirtualClock();
    const calls: number[] = [];
    let late = 250;
    const slow = {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs(),
      setTimer(delayMs: number, callback: () => void) {
        const timer = clock.setTimer(delayMs + late, callback);
        late = 0;
        return timer;
      },
    };
    const timer = repeat(slow, 100, () => calls.push(clock.monotonicMs()));
    clock.advance(600);
    expect(calls).toEqual([350, 400, 500, 600]);
    timer.cancel();
  });

  test('cancelled within its own call, calls no more', () => {
    const clock = new VirtualClock();
    let calls = 0;
    const timer = repeat(clock, 10, () => {
      calls++;
      timer.cancel();
    });
    clock.advance(100);
    expect(calls).toBe(1);
    expect(clock.armedTimers).toBe(0);
  });
});
