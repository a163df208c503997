import { expect, test } from 'vitest';
import {
  ComingToRest,
  type ComingToRestOptions,
  ELECTED_WITHIN_TIMEOUTS,
  ELECTION_TIMEOUT_MS,
  REST_WITHIN_MS,
  SERVES_WITHIN_TIMEOUTS,
} from '../../src/testing/simulator/coming-to-rest.js';

/** What a world of three nodes shows after its faults; all is well unless a test says otherwise. */
class QuietWorld {
  nowMs = 1_000;
  leader: number | undefined = 1;
  /** Of the leader. */
  leaseIsValid = true;
  leaseWaitMs = 0;
  decided: Record<number, number> = { 1: 5, 2: 5, 3: 5 };
  timestamps = 10;
  /** Has a call that was open when the faults stopped. */
  waiting: number | undefined;
  victim: number | undefined;
  readonly violations: string[] = [];
  readonly #rest: ComingToRest;

  constructor(change: (world: QuietWorld) => void = () => {}) {
    change(this);
    const world = this;
    const machines = new Map([1, 2, 3].map((nodeId) => [nodeId, this.#machine(nodeId)]));
    const options = {
      scheduler: {
        get nowMs() {
          return world.nowMs;
        },
      },
      plan: { leaseMs: 250 },
      machines,
      invariants: {
        history: {
          get count() {
            return world.timestamps;
          },
        },
        reference: { config: { configId: 1, nodes: [1, 2, 3], maxClockDrift: 0.01 }, length: 5 },
      },
      losses: {
        get victim() {
          return world.victim;
        },
      },
      report: ({ message }: Error) => void this.violations.push(message),
    };
    // What it looks at of a world, and no more: whole machines could not be made to stay as a test wants them.
    this.#rest = new ComingToRest(options as unknown as ComingToRestOptions);
  }

  /** Looks every 10 ms for so long, or until the world is at rest or something is reported. @returns whether it is at rest. */
  watch(ms: number, served = true): boolean {
    const endMs = this.nowMs + ms;
    if (served) this.timestamps += 1;
    for (; this.nowMs <= endMs; this.nowMs += 10) {
      if (this.#rest.look()) return true;
      if (this.violations.length > 0) return false;
    }
    return false;
  }

  #machine(nodeId: number) {
    const world = this;
    return {
      nodeId,
      life: 1,
      callsBegun: 7,
      clock: { deafForMs: 0 },
      boot: () => {},
      hasCallsOf: () => world.waiting === nodeId,
      isSettled: false,
      isOut: false,
      leases: {
        get isAnyValid() {
          return world.leader === nodeId && world.leaseIsValid;
        },
      },
      oracle: { state: () => ({ role: 'follower' }) },
      host: {
        log: {
          get decidedIdx() {
            return world.decided[nodeId];
          },
        },
        reconfigure: () => {},
        status: () => {
          const leads = world.leader === nodeId;
          return {
            leadership: { role: leads && world.leaseWaitMs === 0 ? 'leader' : 'unknown' },
            node: {
              leaseWaitMs: leads ? world.leaseWaitMs : 0,
              core: {
                role: leads ? 'leader' : 'follower',
                phase: 'accept',
                config: { configId: 1, nodes: [1, 2, 3] },
                decidedIdx: world.decided[nodeId],
                acceptedIdx: 5,
              },
            },
          };
        },
      },
    };
  }
}

const ELECTED_MS = ELECTED_WITHIN_TIMEOUTS * ELECTION_TIMEOUT_MS;
const SERVES_MS = SERVES_WITHIN_TIMEOUTS * ELECTION_TIMEOUT_MS;

test('22: a leader, agreement, served clients, no call left: at rest', () => {
  const world = new QuietWorld();
  expect(world.watch(10)).toBe(true);
  expect(world.violations).toEqual([]);
});

test('22: no leader in time is a violation', () => {
  const world = new QuietWorld((quiet) => {
    quiet.leader = undefined;
  });
  world.watch(ELECTED_MS);
  expect(world.violations).toEqual([]);
  world.watch(100);
  expect(world.violations).toEqual([
    expect.stringMatching(/no leader after 15 election timeouts: node 1 is follower/),
  ]);
});

test('22: a leader that does not come to serve is a violation; its wait for older leases is allowed', () => {
  const world = new QuietWorld((quiet) => {
    quiet.leaseIsValid = false;
    quiet.leaseWaitMs = 300;
  });
  world.watch(SERVES_MS + 300);
  expect(world.violations).toEqual([]);
  world.watch(100);
  expect(world.violations).toEqual([expect.stringMatching(/no leader serves 10 election timeouts after/)]);
});

test.each([
  ['a member that does not learn what is decided', { decided: { 1: 5, 2: 5, 3: 4 } }],
  ['a call that was open and does not end', { waiting: 2 }],
  ['a lost directory that is still a member', { victim: 3 }],
])('22: %s is a violation', (_, change) => {
  const world = new QuietWorld((quiet) => void Object.assign(quiet, change));
  expect(world.watch(REST_WITHIN_MS)).toBe(false);
  expect(world.violations).toEqual([]);
  world.watch(100);
  expect(world.violations).toEqual([expect.stringMatching(/after 30000 ms: node 1 is leader/)]);
});

test('22: clients that are not served are a violation', () => {
  const world = new QuietWorld();
  expect(world.watch(REST_WITHIN_MS, false)).toBe(false);
  world.watch(100, false);
  expect(world.violations).toEqual([expect.stringMatching(/after 30000 ms/)]);
});
