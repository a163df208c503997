import { describe, expect, it } from 'vitest';
import { type AwaitableSteps, runAsync, runSync, settled } from '../../src/apply/awaitable-steps.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';

function* addTo(total: number, ...values: readonly (number | Promise<number>)[]): AwaitableSteps<number> {
  let sum = total;
  for (const value of values) sum += yield* settled(value);
  return sum;
}

function* guarded(value: Promise<unknown>): AwaitableSteps<string> {
  try {
    yield* settled(value);
    return 'went on';
  } catch (error) {
    return error instanceof Error ? error.message : 'something else';
  }
}

describe('awaitable steps', () => {
  it('plain values: run in one turn, or in many, with the same result', async () => {
    expect(runSync(addTo(1, 2, 3))).toBe(6);
    expect(await runAsync(addTo(1, 2, 3))).toBe(6);
  });

  it('promises: are waited for where waiting is possible', async () => {
    expect(await runAsync(addTo(1, Promise.resolve(2), 3, Promise.resolve(4)))).toBe(10);
  });

  it('a promise of undefined: is a result like any other', async () => {
    expect(await runAsync(guarded(Promise.resolve(undefined)))).toBe('went on');
  });

  it('a promise where nothing can wait: throws at that place, and its rejection is not left unhandled', async () => {
    expect(() => runSync(addTo(1, Promise.resolve(2)))).toThrowError(
      expect.objectContaining({ code: 'asynchronous' }),
    );
    expect(runSync(guarded(Promise.reject(new Error('late'))))).toContain('nothing can wait');
    await settleMicrotasks();
  });

  it('a rejection: is thrown at the place that waits, and can be caught there', async () => {
    expect(await runAsync(guarded(Promise.reject(new Error('refused'))))).toBe('refused');
    await expect(runAsync(addTo(1, Promise.reject(new Error('refused'))))).rejects.toThrow('refused');
  });
});
