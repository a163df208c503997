import { describe, expect, it } from 'vitest';
import { type AppliedEvent, ApplyState } from '../../src/high-water/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { advance, barrier, epochOf, idOf } from './commands.js';

const command = advance(100, epochOf(1), idOf(1));

describe('apply state: events', () => {
  it('applied: comes in the turn of the fold, after the state has changed', () => {
    const state = new ApplyState();
    const seen: unknown[] = [];
    state.events.on('applied', (event) => seen.push([event, state.highWater, state.epoch]));
    state.fold(command);
    expect(seen).toEqual([[{ command, verdict: 'applied', highWater: 100 }, 100, epochOf(1)]]);
  });

  it('applied: a fenced command is told too, with its verdict', () => {
    const state = new ApplyState();
    const verdicts: string[] = [];
    state.events.on('applied', ({ verdict, highWater }) => verdicts.push(`${verdict} ${highWater}`));
    state.fold(barrier(epochOf(2), idOf(1)));
    state.fold(command);
    expect(verdicts).toEqual(['applied 0', 'fenced 0']);
  });

  it('restored: comes after the state has been replaced; the constructor tells nobody', () => {
    const snapshot = { value: 9, epoch: epochOf(1), ledger: [] };
    const state = new ApplyState({ initial: snapshot });
    const seen: number[] = [];
    state.events.on('restored', () => seen.push(state.highWater));
    state.restore({ ...snapshot, value: 10 });
    expect(seen).toEqual([10]);
  });

  it('a refused fold or restore: tells nobody', () => {
    const state = new ApplyState();
    const seen: string[] = [];
    state.events.on('applied', () => seen.push('applied'));
    state.events.on('restored', () => seen.push('restored'));
    expect(() => state.fold(advance(-1, epochOf(1), idOf(1)))).toThrow();
    expect(() => state.restore({ value: -1, epoch: epochOf(1), ledger: [] })).toThrow();
    expect(seen).toEqual([]);
  });
});

describe('apply state: listeners that fail', () => {
  it('a listener that throws: undoes nothing, stops no other listener, and is reported', () => {
    const errors: [unknown, string][] = [];
    const state = new ApplyState({ onListenerError: (error, event) => errors.push([error, event]) });
    const told: string[] = [];
    const cause = new Error('listener');
    state.events.on('applied', () => told.push('first'));
    state.events.on('applied', () => {
      throw cause;
    });
    state.events.on('applied', () => told.push('third'));
    expect(state.fold(command)).toBe('applied');
    expect(told).toEqual(['first', 'third']);
    expect(state.highWater).toBe(100);
    expect(errors).toEqual([[cause, 'applied']]);
    expect(state.listenerErrors).toBe(1);
  });

  it('an asynchronous listener that rejects: is reported, and no rejection is left unhandled', async () => {
    const errors: unknown[] = [];
    const state = new ApplyState({ onListenerError: (error) => errors.push(error) });
    const cause = new Error('late');
    state.events.on('applied', async () => {
      throw cause;
    });
    state.fold(command);
    await settleMicrotasks();
    expect(errors).toEqual([cause]);
  });

  it('a reporter that throws itself: harms nothing', () => {
    const state = new ApplyState({
      onListenerError: () => {
        throw new Error('reporter');
      },
    });
    state.events.on('restored', () => {
      throw new Error('listener');
    });
    state.restore({ value: 5, epoch: epochOf(1), ledger: [] });
    expect(state.highWater).toBe(5);
    expect(state.listenerErrors).toBe(1);
  });

  it('without a reporter: failures are counted', () => {
    const state = new ApplyState();
    state.events.on('applied', () => {
      throw new Error('listener');
    });
    state.fold(command);
    expect(state.listenerErrors).toBe(1);
  });
});

describe('apply state: listeners that act', () => {
  // N03
  it('a listener that folds: is refused and reported, and the others see the events in order', () => {
    const errors: unknown[] = [];
    const state = new ApplyState({ onListenerError: (error) => errors.push(error) });
    const seen: number[] = [];
    state.events.on('applied', () => state.fold(advance(200, epochOf(1), idOf(2))));
    state.events.on('applied', ({ highWater }) => seen.push(highWater));
    state.fold(command);
    state.fold(advance(300, epochOf(1), idOf(3)));
    expect(seen).toEqual([100, 300]);
    expect(errors).toEqual([
      expect.objectContaining({ code: 'reentrant_fold' }),
      expect.objectContaining({ code: 'reentrant_fold' }),
    ]);
  });

  it('one-time listeners: are called once, also beside permanent ones', () => {
    const state = new ApplyState();
    const seen: string[] = [];
    state.events.once('applied', () => seen.push('once'));
    state.events.on('applied', () => seen.push('always'));
    state.fold(command);
    state.fold(barrier(epochOf(1), idOf(2)));
    expect(seen).toEqual(['once', 'always', 'always']);
    expect(state.events.listenerCount('applied')).toBe(1);
  });

  it('one function added both for good and once: is called twice, then once', () => {
    const state = new ApplyState();
    const seen: AppliedEvent[] = [];
    const listener = (event: AppliedEvent): void => void seen.push(event);
    state.events.on('applied', listener);
    state.events.once('applied', listener);
    state.fold(command);
    expect(seen).toHaveLength(2);
    state.fold(barrier(epochOf(1), idOf(2)));
    expect(seen).toHaveLength(3);
  });

  it('a listener that removes the next one: this event still reaches it, later ones do not', () => {
    const state = new ApplyState();
    const seen: string[] = [];
    const next = (): void => void seen.push('next');
    state.events.on('applied', () => void state.events.off('applied', next));
    state.events.on('applied', next);
    state.fold(command);
    state.fold(barrier(epochOf(1), idOf(2)));
    expect(seen).toEqual(['next']);
  });
});
