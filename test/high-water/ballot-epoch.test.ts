import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EPOCH_ZERO, toEpoch } from '../../src/consensus/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import { ballotFromEpoch, epochFromBallot, pidOfEpoch } from '../../src/high-water/index.js';
import {
  BALLOT_NUMBER_MAX,
  BALLOT_ZERO,
  type Ballot,
  compareBallots,
  NODE_ID_MAX,
  PRIORITY_MAX,
} from '../../src/omnipaxos/index.js';

import { ballotArbitrary, epochArbitrary } from '../../src/testing/arbitraries/index.js';

const ballot = (fields: Partial<Ballot>): Ballot => ({ configId: 1, n: 1, priority: 0, pid: 1, ...fields });
const sign = (difference: number | bigint): number => (difference > 0 ? 1 : difference < 0 ? -1 : 0);

describe('epochs of ballots', () => {
  it('layout: each part stands in its own bits', () => {
    expect(epochFromBallot({ configId: 1, n: 2, priority: 3, pid: 4 })).toBe(
      0x0000_0001_0000_0002_0003_0000_0000_0004n,
    );
    expect(epochFromBallot(BALLOT_ZERO)).toBe(EPOCH_ZERO);
    const highest = {
      configId: BALLOT_NUMBER_MAX,
      n: BALLOT_NUMBER_MAX,
      priority: PRIORITY_MAX,
      pid: NODE_ID_MAX,
    };
    expect(epochFromBallot(highest)).toBe((1n << 128n) - 1n);
  });

  it('any ballot: comes back from its epoch', () => {
    fc.assert(
      fc.property(ballotArbitrary(), (value) => {
        expect(ballotFromEpoch(epochFromBallot(value))).toEqual(value);
      }),
    );
  });

  it('any epoch: comes back from its ballot', () => {
    fc.assert(
      fc.property(epochArbitrary(), (epoch) => {
        expect(epochFromBallot(ballotFromEpoch(epoch))).toBe(epoch);
        expect(pidOfEpoch(epoch)).toBe(ballotFromEpoch(epoch).pid);
      }),
    );
  });

  // P09
  it('any two ballots: their epochs order as they do', () => {
    fc.assert(
      fc.property(ballotArbitrary(), ballotArbitrary(), (a, b) => {
        expect(sign(epochFromBallot(a) - epochFromBallot(b))).toBe(sign(compareBallots(a, b)));
      }),
      { numRuns: 2_000 },
    );
  });

  // P09
  it('priority: a ballot that is higher by priority alone has a higher epoch, whatever the pids', () => {
    const first = epochFromBallot(ballot({ priority: 0, pid: 3 }));
    const second = epochFromBallot(ballot({ priority: 9, pid: 1 }));
    expect(second > first).toBe(true);
  });

  // D05
  it.each([
    ['pid 1 and 65537', ballot({ pid: 1 }), ballot({ pid: 65_537 })],
    ['pid 1 and 2^32 + 1', ballot({ pid: 1 }), ballot({ pid: 2 ** 32 + 1 })],
    ['configId 0 and 65536', ballot({ configId: 0 }), ballot({ configId: 65_536 })],
    ['configId 1 and 65537', ballot({ configId: 1 }), ballot({ configId: 65_537 })],
    ['n 1 and 65537', ballot({ n: 1 }), ballot({ n: 65_537 })],
    ['the highest priority and the next n', ballot({ priority: PRIORITY_MAX }), ballot({ n: 2 })],
    ['the highest pid and the next priority', ballot({ pid: NODE_ID_MAX }), ballot({ priority: 1 })],
    ['the highest n and the next configId', ballot({ n: BALLOT_NUMBER_MAX }), ballot({ configId: 2 })],
  ])('distinct ballots: %s have distinct epochs, in order', (_, lower, higher) => {
    expect(epochFromBallot(lower) < epochFromBallot(higher)).toBe(true);
  });

  it.each([
    ['configId', 2 ** 32],
    ['n', 2 ** 32],
    ['priority', 2 ** 16],
    ['pid', 2 ** 48],
    ['n', -1],
    ['n', 1.5],
    ['pid', Number.NaN],
  ] as const)('a ballot that does not fit: %s = %d is refused by name', (field, value) => {
    expect(() => epochFromBallot(ballot({ [field]: value }))).toThrowError(
      expect.objectContaining({ code: 'invalid_input', field: `ballot.${field}`, value }),
    );
    expect(() => epochFromBallot(ballot({ [field]: value }))).toThrow(InvalidInputError);
  });

  it('an epoch of no ballot of ours: is still taken apart exactly', () => {
    expect(ballotFromEpoch(toEpoch((1n << 128n) - 1n))).toEqual({
      configId: BALLOT_NUMBER_MAX,
      n: BALLOT_NUMBER_MAX,
      priority: PRIORITY_MAX,
      pid: NODE_ID_MAX,
    });
  });
});
