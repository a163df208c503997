import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/runtime/index.js';
import { explore } from './explore.js';
import { type Input, type Observation, replay } from './node-life.js';
import { brokenRule } from './rules.js';
import type { History, Letter, WorldMaker } from './world.js';
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

/** A node, and a message that changes nothing there. */
interface LeftOutDelivery {
  readonly node: History;
  readonly letter: Letter;
  readonly maker: WorldMaker;
}

/**
 * Nodes share a key only if they have had the same inputs, but for deliveries that are left out since they
 * change nothing. That this is so is judged by what is seen; here by what a node does afterwards, whatever
 * comes next.
 */
describe('a delivery that is left out', () => {
  const PAIRS_OF_A_KIND = 3;
  const SECOND_STEPS = 5;

  test.each(SMALL_WORLDS)(
    '$name: nothing that comes next, and nothing after that, tells that it was',
    (world) => {
      const random = new SeededRandom(1);
      const byKind = new Map<string, Map<string, LeftOutDelivery>>();
      explore(world, Math.min(world.depth, 7), (node, letter, maker) => {
        const { kind } = letter.message.body;
        const pairs = byKind.get(kind) ?? new Map<string, LeftOutDelivery>();
        byKind.set(kind, pairs.set(`${node.id} ${letter.id}`, { node, letter, maker }));
      });
      const pairs = [...byKind.values()].flatMap((ofKind) => {
        const all = [...ofKind.values()];
        return Array.from({ length: Math.min(PAIRS_OF_A_KIND, all.length) }, () => random.pick(all));
      });
      for (const { node, letter, maker } of pairs) {
        const seenAfter = (inputs: readonly Input[]): Observation =>
          inputs.reduce((last, input) => maker.after(last, input), node).seen;
        const inputs: readonly Input[] = [
          ...maker.letters.flatMap(({ input, message }) => (message.to === node.pid ? input : [])),
          { kind: 'takeOver' },
          { kind: 'append', entry: 'next' },
          { kind: 'persist' },
          { kind: 'crash' },
          { kind: 'reconnected', peer: (node.pid % 3) + 1 },
        ];
        const nexts: (readonly Input[])[] = inputs.map((input) => [input]);
        for (let step = 0; step < SECOND_STEPS; step++)
          nexts.push([random.pick(inputs), random.pick(inputs)]);
        for (const next of nexts) {
          const told = `${letter.label}, then ${JSON.stringify(next)}`;
          expect(seenAfter([letter.input, ...next]), told).toEqual(seenAfter(next));
        }
      }
    },
  );
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
