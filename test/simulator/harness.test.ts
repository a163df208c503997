import { describe, expect, test } from 'vitest';
import type { HighWaterCommand, HighWaterSnapshot } from '../../src/high-water/index.js';
import type { Message, MessageKind } from '../../src/omnipaxos/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { noFaults } from '../../src/testing/simulator/counters.js';
import { DirectoryLosses, type RememberingMachine } from '../../src/testing/simulator/directory-losses.js';
import { EventTrail } from '../../src/testing/simulator/event-trail.js';
import { drawFaultPlan, type FaultPlan } from '../../src/testing/simulator/fault-plan.js';
import { MessageRoutes } from '../../src/testing/simulator/message-routes.js';
import { Scheduler } from '../../src/testing/simulator/scheduler.js';
import { runSimulation } from '../../src/testing/simulator/simulation.js';
import { runTurns } from '../../src/testing/simulator/turns.js';

describe('turns', () => {
  test('every promise reaction that is due has run between two of them, however many follow from one another', async () => {
    let turns = 0;
    let reactions = 0;
    const chain = async (): Promise<void> => {
      for (let each = 0; each < 20; each++) await Promise.resolve();
      reactions += 1;
    };
    await runTurns(() => {
      expect(reactions).toBe(turns);
      turns += 1;
      void chain();
      return turns < 200;
    });
    expect(turns).toBe(200);
  });

  test('what a turn throws, ends them, and is what they reject with', async () => {
    let turns = 0;
    const thrown = new Error('enough');
    const end = runTurns(() => {
      turns += 1;
      if (turns === 3) throw thrown;
      return true;
    });
    await expect(end).rejects.toBe(thrown);
    await new Promise((resolve) => setImmediate(resolve));
    expect(turns).toBe(3);
  });
});

describe('event trail', () => {
  test('keeps the latest events of each node, oldest first, and tells them as they come, but no heartbeats', () => {
    const told: string[] = [];
    const trail = new EventTrail((line) => told.push(line));
    for (let each = 0; each < 15; each++) trail.add(each, 1, `event ${each}`);
    trail.sends(20, 2, 'prepare', 1);
    trail.beats(21, 2, 'heartbeatRequest', 1);
    expect(told.at(-1)).toBe('      20.000 ms  node 2  sends prepare to 1');
    const recent = trail.recent().split('\n');
    expect(recent).toHaveLength(13);
    expect([recent[0], recent[11], recent[12]].map((line) => line?.split('  ').at(-1))).toEqual([
      'event 3',
      'event 14',
      'sends prepare to 1',
    ]);
  });

  test('its hash tells any two orders, times, nodes and texts apart', () => {
    const trails: ((trail: EventTrail) => void)[] = [
      (trail) => trail.add(1, 1, 'a'),
      (trail) => trail.add(1, 1, 'b'),
      (trail) => trail.add(1, 2, 'a'),
      (trail) => trail.add(1 + 2 ** -40, 1, 'a'),
      (trail) => trail.sends(1, 1, 'a', 2),
      (trail) => trail.beats(1, 1, 'a', 2),
      (trail) => {
        trail.add(1, 1, 'a');
        trail.add(1, 1, 'b');
      },
      (trail) => {
        trail.add(1, 1, 'b');
        trail.add(1, 1, 'a');
      },
      (trail) => trail.add(1, 1, 'ab'),
    ];
    const hashes = trails.map((note) => {
      const trail = new EventTrail();
      note(trail);
      return trail.hash;
    });
    // Sending counts alike whether it is told or not.
    expect(new Set(hashes).size).toBeGreaterThanOrEqual(trails.length - 1);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('message routes', () => {
  const PLAN: FaultPlan = {
    ...drawFaultPlan(new SeededRandom(1)),
    loss: 0,
    duplication: 0,
    reordering: 0,
    delayTail: 0,
    delayMs: { min: 1, max: 2 },
  };

  function bench() {
    const counters = noFaults();
    const scheduler = new Scheduler();
    const routes = new MessageRoutes({ scheduler, random: new SeededRandom(1), plan: PLAN, counters });
    const arrivesMs = (kind: MessageKind, bytes = 100): number => {
      // Routes read no more of a message than this.
      const message = { from: 1, to: 2, body: { kind } } as Message<HighWaterCommand, HighWaterSnapshot>;
      return routes.delaysOf(message, bytes)[0] ?? Number.NaN;
    };
    return { arrivesMs, counters, routes };
  }

  test('a slow link: what is large goes one after the other, and heartbeats overtake it', () => {
    const { arrivesMs, counters, routes } = bench();
    routes.slowDown(1, 2, 1, 10_000);
    expect(arrivesMs('acceptSync', 1_000)).toBeGreaterThan(1_000);
    expect(arrivesMs('acceptDecide', 1_000)).toBeGreaterThan(2_000);
    expect(arrivesMs('heartbeatRequest', 50)).toBeLessThan(60);
    expect(arrivesMs('decide', 10)).toBeGreaterThan(2_000);
    expect(counters.messagesSlowed).toBe(3);
  });

  test('a clogged link: nothing arrives before it is free, in that direction only; afterwards all does', () => {
    const { arrivesMs, routes } = bench();
    routes.clog(2, 1, 5_000);
    expect(arrivesMs('prepare')).toBeLessThan(3);
    routes.clog(1, 2, 500);
    expect(arrivesMs('heartbeatRequest')).toBe(500);
    expect(arrivesMs('prepare')).toBe(500);
    routes.calm();
    expect(arrivesMs('prepare')).toBeLessThan(3);
  });
});

describe('which directory may be lost', () => {
  const directoryId = 'aaaaaaaaaaaaaaaa';
  const machine = (nodeId: number, seen: Readonly<Record<number, number>>): RememberingMachine => ({
    nodeId,
    identity: { directoryId, incarnation: 5 },
    remembers: Object.entries(seen).map(([peer, incarnation]) => ({
      nodeId: Number(peer),
      directoryId,
      incarnation,
      bootId: 'bbbbbbbbbbbbbbbb',
    })),
  });
  const machines = new Map(
    [machine(1, { 2: 5, 3: 5 }), machine(2, { 1: 5, 3: 5 }), machine(3, { 1: 3, 2: 5 })].map((each) => [
      each.nodeId,
      each,
    ]),
  );
  const [one, two] = [machines.get(1), machines.get(2)];
  if (one === undefined || two === undefined) throw new Error('there are three machines');

  test('only one that all others know to have lived on since', () => {
    const losses = new DirectoryLosses(true, machines);
    expect([0, 2, 3, 4, 5].map((incarnation) => losses.mayBeSetBack(one, incarnation))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([4, 5].map((incarnation) => losses.mayBeSetBack(two, incarnation))).toEqual([true, false]);
    expect(new DirectoryLosses(false, machines).mayBeSetBack(two, 0)).toBe(false);
  });

  test('one in a world; configurations can do without it before, and do after', () => {
    const losses = new DirectoryLosses(true, machines);
    expect([losses.mayBeMembers([1, 2]), losses.mayBeMembers([1, 2, 3])]).toEqual([false, true]);
    losses.lost(2);
    expect(losses.mayBeSetBack(one, 0)).toBe(false);
    expect(losses.mayBeDamaged(one)).toBe(false);
    expect([losses.mayBeMembers([1, 3]), losses.mayBeMembers([1, 2, 3])]).toEqual([true, false]);
  });
});

// Invariant 22
describe('a world that does not recover when its faults are over', () => {
  const CALM: Partial<FaultPlan> = { nodes: 3, spares: 0, loss: 0, chaosEveryMs: Number.POSITIVE_INFINITY };

  test('nobody is elected: told as late, with what each node is at', async () => {
    const deaf = runSimulation({
      seed: 5,
      steps: 200,
      plan: { ...CALM, delayMs: { min: 60_000, max: 60_001 } },
    });
    await expect(deaf).rejects.toThrow(/when faults stop.*no leader after 15 election timeouts: node 1 is /s);
  });
});
