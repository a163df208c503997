import { describe, expect, test } from 'vitest';
import { brokenRule, explore } from './explore.js';

describe('small worlds', () => {
  test('all interleavings of three cores to depth 6: no rule is broken', () => {
    const { violation, states, decided } = explore(6);
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(1_000);
    expect(decided).toBeGreaterThan(0);
  });

  test('states that break a rule are told', () => {
    const node = {
      sent: [],
      held: 0,
      disk: ['a'],
      log: ['a'],
      decided: ['a'],
      ballot: undefined,
      led: [],
      fault: undefined,
    };
    expect(brokenRule([node, node, node])).toBeUndefined();
    expect(brokenRule([node, node, { ...node, decided: ['b'] }])).toContain('differently');
    expect(brokenRule([node, { ...node, disk: [] }, { ...node, disk: [] }])).toContain('not durable');
    const ballot = { configId: 1, n: 2, priority: 0, pid: 1 };
    expect(brokenRule([{ ...node, ballot, log: [] }, node, node])).toContain('lacks a decided entry');
    const later = { ...ballot, n: 3 };
    expect(brokenRule([{ ...node, ballot, log: [] }, { ...node, ballot: later }, node])).toBeUndefined();
    const led = ['1.2.0.3 in life 1'];
    expect(brokenRule([{ ...node, led }, { ...node, led }, node])).toContain('led twice');
  });
});
