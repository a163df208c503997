import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deferWithDeadline, delay } from '../../src/runtime/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';

const LATE = new Error('late');

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

function setUp(isAborted = false) {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const { signal } = controller;
  if (isAborted) controller.abort('aborted before');
  const deferred = deferWithDeadline<string>({ clock, timeoutMs: 100, signal, onTimeout: () => LATE });
  const ends: unknown[] = [];
  deferred.promise.then(
    (value) => ends.push(value),
    (error: unknown) => ends.push(error),
  );
  return { clock, controller, deferred, ends };
}

describe('a wait with a deadline', () => {
  type Act = 'resolve' | 'reject' | 'abort' | 'pass';
  const ENDS: Readonly<Record<Act, unknown>> = {
    resolve: 'value',
    reject: 'refused',
    abort: 'enough',
    pass: LATE,
  };

  test('any ends in any order: the first one counts, it comes once, and no timer or listener is left', async () => {
    const act = fc.constantFrom<Act>('resolve', 'reject', 'abort', 'pass');
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 6 }), async (acts) => {
        const { clock, controller, deferred, ends } = setUp();
        for (const each of acts) {
          if (each === 'resolve') deferred.resolve('value');
          else if (each === 'reject') deferred.reject('refused');
          else if (each === 'abort') controller.abort('enough');
          else clock.advance(100);
          expect([deferred.settled, clock.armedTimers, listenersOf(controller.signal)]).toEqual([true, 0, 0]);
        }
        await settleMicrotasks();
        expect(ends).toEqual([ENDS[acts[0] ?? 'pass']]);
      }),
    );
  });

  test('the signal was aborted before: it ends at once, with the reason', async () => {
    const { clock, deferred, ends } = setUp(true);
    expect([deferred.settled, clock.armedTimers]).toEqual([true, 0]);
    await settleMicrotasks();
    expect(ends).toEqual(['aborted before']);
  });

  test('one ms before the deadline: it waits', async () => {
    const { clock, deferred } = setUp();
    clock.advance(99);
    expect(deferred.settled).toBe(false);
    deferred.resolve('in time');
    await expect(deferred.promise).resolves.toBe('in time');
  });
});

describe('a delay', () => {
  test('passes, or is aborted with the reason; nothing is left of it', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const { signal } = controller;
    const passed = delay(clock, 10, signal);
    const aborted = delay(clock, 20, signal);
    const outcome = expect(aborted).rejects.toBe('enough');
    clock.advance(10);
    await passed;
    controller.abort('enough');
    await outcome;
    await expect(delay(clock, 10, signal)).rejects.toBe('enough');
    expect([clock.armedTimers, listenersOf(signal)]).toEqual([0, 0]);
  });
});
