import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClockReading, elapsedMs } from '../../src/node/clock-reading.js';
import { LeaderLease } from '../../src/node/leader-lease.js';
import { LeaseWait } from '../../src/node/lease-wait.js';
import { RenewalMemory } from '../../src/node/renewal-memory.js';
import { compareBallots } from '../../src/omnipaxos/index.js';
import { ballot, THREE } from './scripted-node.js';

const OURS = ballot(4, 1);

/** Both clocks, in step. */
function at(monotonicMs: number, wallAheadMs = 0): ClockReading {
  return { monotonicMs, wallMs: 1_700_000_000_000 + monotonicMs + wallAheadMs };
}

function lease(writeQuorum = 2): LeaderLease {
  return new LeaderLease({ ballot: OURS, leaseMs: 250, writeQuorum });
}

describe('leader lease', () => {
  test('nobody has answered yet: not valid; a quorum has: valid until 250 ms after that round left, to the ms', () => {
    const held = lease();
    held.roundBegan(1, at(1_000));
    expect(held.isValid(at(1_000))).toBe(false);
    held.replied(2, 1, OURS);
    expect(held.isValid(at(1_249.9))).toBe(true);
    expect(held.isValid(at(1_250))).toBe(false);
  });

  test('it counts from when the round left, not from when its answer came', () => {
    const held = lease();
    held.roundBegan(1, at(1_000));
    held.roundBegan(2, at(1_100));
    held.replied(2, 1, OURS);
    expect(held.isValid(at(1_249))).toBe(true);
    expect(held.isValid(at(1_251))).toBe(false);
    held.replied(2, 2, OURS);
    expect(held.isValid(at(1_349))).toBe(true);
  });

  test('an answer to an older round comes late: the newer one counts', () => {
    const held = lease();
    held.roundBegan(1, at(1_000));
    held.roundBegan(2, at(1_100));
    held.replied(2, 2, OURS);
    held.replied(2, 1, OURS);
    expect(held.isValid(at(1_349))).toBe(true);
  });

  test('an answer under another promise renews nothing, be it lower or higher', () => {
    const held = lease();
    held.roundBegan(1, at(1_000));
    held.replied(2, 1, ballot(3, 1));
    held.replied(3, 1, ballot(5, 3));
    expect(held.isValid(at(1_001))).toBe(false);
  });

  test('an answer to a round of before this leadership renews nothing', () => {
    const held = lease();
    held.roundBegan(8, at(1_000));
    held.replied(2, 7, OURS);
    expect(held.isValid(at(1_001))).toBe(false);
  });

  test('it needs a write quorum: one peer alone is not enough of five, however often it answers', () => {
    const held = lease(3);
    held.roundBegan(1, at(1_000));
    held.roundBegan(2, at(1_100));
    held.replied(2, 1, OURS);
    held.replied(2, 2, OURS);
    expect(held.isValid(at(1_101))).toBe(false);
    held.replied(5, 1, OURS);
    expect(held.isValid(at(1_249))).toBe(true);
    expect(held.isValid(at(1_250))).toBe(false);
  });

  test('a quorum of one needs nobody else', () => {
    expect(lease(1).isValid(at(0))).toBe(true);
  });

  // O03
  test('the machine was suspended: the monotonic clock stood still, the wall clock tells', () => {
    const held = lease();
    held.roundBegan(1, at(1_000));
    held.replied(2, 1, OURS);
    expect(held.isValid(at(1_010, 240))).toBe(false);
    expect(held.isValid(at(1_010, 239))).toBe(true);
  });

  test('the wall clock is set back: the monotonic clock tells', () => {
    const held = lease();
    held.roundBegan(1, at(1_000));
    held.replied(2, 1, OURS);
    expect(held.isValid(at(1_250, -10_000))).toBe(false);
    expect(held.isValid(at(1_249, -10_000))).toBe(true);
  });

  test('rounds that can renew nothing any more are forgotten', () => {
    const held = lease();
    held.roundBegan(1, at(1_000));
    held.roundBegan(2, at(1_250));
    held.replied(2, 1, OURS);
    expect(held.isValid(at(1_000))).toBe(false);
  });

  test('elapsed time is the larger of both clocks', () => {
    expect(elapsedMs(at(10), at(25, 0))).toBe(15);
    expect(elapsedMs(at(10), at(25, 100))).toBe(115);
    expect(elapsedMs(at(10), at(25, -100))).toBe(15);
  });
});

describe('memory of renewals', () => {
  test('only an answer to the leader of the own promise renews a lease', () => {
    const memory = new RenewalMemory(0);
    memory.answered(3, ballot(4, 1), 500);
    expect(memory.msSinceBelow(ballot(9, 2), 600)).toBe(600);
    memory.answered(1, ballot(4, 1), 700);
    expect(memory.msSinceBelow(ballot(9, 2), 750)).toBe(50);
  });

  test('answers under the ballot in question, or a higher one, do not count', () => {
    const memory = new RenewalMemory(0);
    memory.answered(1, ballot(4, 1), 500);
    memory.answered(2, ballot(5, 2), 600);
    memory.answered(2, ballot(5, 2), 900);
    expect(memory.msSinceBelow(ballot(5, 2), 1_000)).toBe(500);
    expect(memory.msSinceBelow(ballot(6, 3), 1_000)).toBe(100);
  });

  test('this life has answered nobody: an earlier one can have, up to its end', () => {
    expect(new RenewalMemory(400).msSinceBelow(ballot(9, 2), 430)).toBe(30);
  });

  test('any history of rising promises: it never tells more than is true', () => {
    const step = fc.record({ raise: fc.boolean(), to: fc.integer({ min: 1, max: 3 }), passMs: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(12), (steps, n) => {
        const memory = new RenewalMemory(0);
        const answers: { promise: ReturnType<typeof ballot>; atMs: number }[] = [];
        let promise = ballot(1, 1);
        let nowMs = 0;
        for (const { raise, to, passMs } of steps) {
          nowMs += passMs;
          if (raise) promise = ballot(promise.n + 1, to);
          memory.answered(to, promise, nowMs);
          if (promise.pid === to) answers.push({ promise, atMs: nowMs });
        }
        const asked = ballot(n, 2);
        const lower = answers.filter((answer) => compareBallots(answer.promise, asked) < 0);
        const truth = nowMs - Math.max(0, ...lower.map((answer) => answer.atMs));
        // What it is asked for is its own promise, or above it: those it must tell exactly; all others never too much.
        if (compareBallots(asked, promise) >= 0) expect(memory.msSinceBelow(asked, nowMs)).toBe(truth);
      }),
    );
  });
});

describe('wait of a new leader', () => {
  const config = { ...THREE, leaseMs: 250, maxClockDrift: 0.1 };
  const full = 275;

  function waitEnd(
    nodes: readonly number[],
    promises: readonly [from: number, ms: number, nowMs: number][],
    msSinceOwnRenewal = 10_000,
  ): number {
    const wait = new LeaseWait(1, config);
    for (const [from, ms, nowMs] of promises) wait.promiseArrived(from, OURS, ms, nowMs);
    return wait.endMs({ ballot: OURS, nodes, msSinceOwnRenewal }, 1_000);
  }

  test('a member may just have renewed an older lease: the full time, drift included, from the arrival of its Promise', () => {
    expect(waitEnd([1, 2], [[2, 0, 990]])).toBe(990 + full);
  });

  test('it has not renewed one for a while: so much less; for long: no wait', () => {
    expect(waitEnd([1, 2], [[2, 200, 990]])).toBe(990 + full - 200);
    expect(waitEnd([1, 2], [[2, 5_000, 990]])).toBe(1_000);
  });

  test('the longest of all members of the quorum counts, the own one included', () => {
    const promises: [number, number, number][] = [
      [2, 200, 990],
      [3, 100, 980],
    ];
    expect(waitEnd([1, 2, 3], promises)).toBe(980 + full - 100);
    expect(waitEnd([1, 2], promises)).toBe(990 + full - 200);
    expect(waitEnd([1, 2, 3], promises, 30)).toBe(1_000 + full - 30);
    expect(waitEnd([2, 3], promises, 30)).toBe(980 + full - 100);
  });

  test('nothing is known of a member: the full time from now', () => {
    expect(waitEnd([1, 2], [])).toBe(1_000 + full);
    expect(waitEnd([1, 3], [[2, 5_000, 990]])).toBe(1_000 + full);
  });

  test('a Promise comes again: whichever tells of the earlier end', () => {
    const promises: [number, number, number][] = [
      [2, 100, 900],
      [2, 150, 990],
    ];
    expect(waitEnd([1, 2], promises)).toBe(900 + full - 100);
  });

  test('Promises of another ballot, to another leader, or of strangers tell nothing', () => {
    const wait = new LeaseWait(1, config);
    wait.promiseArrived(2, ballot(3, 1), 5_000, 990);
    wait.promiseArrived(2, ballot(4, 3), 5_000, 990);
    wait.promiseArrived(9, OURS, 5_000, 990);
    const quorum = { ballot: OURS, msSinceOwnRenewal: 5_000 };
    expect(wait.endMs({ ...quorum, nodes: [1, 2] }, 1_000)).toBe(1_000 + full);
    expect(wait.endMs({ ...quorum, nodes: [1, 9] }, 1_000)).toBe(1_000 + full);
  });

  test('the same member has promised an earlier ballot before: only its Promise of this one counts', () => {
    const wait = new LeaseWait(1, config);
    wait.promiseArrived(2, ballot(3, 1), 5_000, 900);
    wait.promiseArrived(3, ballot(3, 1), 5_000, 900);
    wait.promiseArrived(2, OURS, 0, 990);
    const quorum = { ballot: OURS, msSinceOwnRenewal: 5_000 };
    expect(wait.endMs({ ...quorum, nodes: [1, 2] }, 1_000)).toBe(990 + full);
    expect(wait.endMs({ ...quorum, nodes: [1, 3] }, 1_000)).toBe(1_000 + full);
  });
});
