import { describe, expect, test } from 'vitest';
import { explore } from './explore.js';
import { type Observation, replay } from './node-life.js';
import { brokenRule } from './rules.js';
import { SMALL_WORLDS } from './worlds.js';

describe('small worlds', () => {
  test.each(SMALL_WORLDS)('$name: no state breaks a rule', { timeout: 60_000 }, (world) => {
    const { violation, states, decided, leaderships } = explore(world);
    expect(violation).toBeUndefined();
    expect(states).toBeGreaterThan(1_000);
    expect(decided).toBeGreaterThan(0);
    // A whole leader change is within reach, not only its beginning.
    expect(leaderships).toBeGreaterThan(explore(world, 0).leaderships);
  });

  test('names are unique', () => {
    expect(new Set(SMALL_WORLDS.map(({ name }) => name)).size).toBe(SMALL_WORLDS.length);
  });
});

describe('states that break a rule are told', () => {
  const round = (n: number) => ({ configId: 1, n, priority: 0, pid: 1 });
  const node: Observation = {
    ...replay(1, false, []),
    disk: ['a'],
    log: ['a'],
    decided: ['a'],
    votes: [{ round: round(1), entries: ['a'] }],
  };

  test('none is broken', () => {
    expect(brokenRule([node, node, node])).toBeUndefined();
  });

  test('by decisions', () => {
    expect(brokenRule([node, node, { ...node, decided: ['b'] }])).toContain('decided differently');
    const empty = { ...node, disk: [] };
    expect(brokenRule([node, empty, empty])).toContain('not durable');
    const other = { ...node, votes: [{ round: round(2), entries: ['a'] }] };
    const another = { ...node, votes: [{ round: round(3), entries: ['a'] }] };
    expect(brokenRule([node, other, another])).toContain('no write quorum');
  });

  test('by leaderships', () => {
    expect(brokenRule([{ ...node, ballot: round(2), log: [] }, node, node])).toContain(
      'lacks a chosen entry',
    );
    // Whoever led before the entry was chosen need not have it.
    expect(brokenRule([{ ...node, ballot: round(0), log: [] }, node, node])).toBeUndefined();
    const led = ['1.2.0.3 in life 1'];
    expect(brokenRule([{ ...node, led }, { ...node, led }, node])).toContain('led twice');
  });

  test('by votes', () => {
    const b = { ...node, votes: [{ round: round(1), entries: ['b'] }] };
    expect(brokenRule([node, node, b])).toContain('different logs in round');
    const later = { ...node, votes: [{ round: round(2), entries: ['b'] }] };
    expect(brokenRule([node, node, later])).toContain('higher round lacks a chosen entry');
    const both = { ...node, votes: [...node.votes, ...later.votes] };
    expect(brokenRule([both, both, node])).toContain('different entries are chosen');
  });
});
