import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { LeaderBelief } from '../../src/client/leader-belief.js';
import { toEpoch } from '../../src/consensus/index.js';

const epoch = (value: number) => toEpoch(BigInt(value));

describe('leader belief', () => {
  let belief: LeaderBelief;
  beforeEach(() => {
    belief = new LeaderBelief();
  });

  /** `endpoint@epoch`, with `!` if it is confirmed. */
  function shown(): string {
    return `${belief.endpoint ?? 'nobody'}@${belief.epoch ?? '-'}${belief.isConfirmed ? '!' : ''}`;
  }

  test('nothing known, nobody believed', () => {
    expect(shown()).toBe('nobody@-');
  });

  test('a grant is proof, a hint is a rumour', () => {
    belief.hinted('a', epoch(3));
    expect(shown()).toBe('a@3');
    belief.granted('a', epoch(3));
    expect(shown()).toBe('a@3!');
  });

  describe('older leaderships (C02)', () => {
    test('a hint of an older leadership is ignored, confirmed leader or not', () => {
      belief.hinted('b', epoch(5));
      expect(belief.hinted('a', epoch(4))).toBe(false);
      expect(shown()).toBe('b@5');
      belief.granted('b', epoch(5));
      expect(belief.hinted('a', epoch(4))).toBe(false);
      expect(shown()).toBe('b@5!');
    });

    test('a late grant of an older leadership changes nothing', () => {
      belief.granted('b', epoch(5));
      expect(belief.granted('a', epoch(4))).toBe(false);
      expect(shown()).toBe('b@5!');
    });

    test('after the leader was denied, an older one is still refused, and its own hint taken', () => {
      belief.granted('b', epoch(5));
      belief.denied('b', belief.version);
      expect(shown()).toBe('nobody@5');
      expect(belief.hinted('a', epoch(4))).toBe(false);
      expect(belief.granted('a', epoch(4))).toBe(false);
      expect(belief.hinted('b', epoch(5))).toBe(true);
      expect(shown()).toBe('b@5');
    });

    test('a hint of a newer leadership takes the place of a confirmed leader', () => {
      belief.granted('a', epoch(4));
      belief.hinted('b', epoch(5));
      expect(shown()).toBe('b@5');
    });

    test('another name for the leader of the same epoch changes nothing', () => {
      belief.granted('a', epoch(4));
      expect(belief.hinted('a-by-another-name', epoch(4))).toBe(false);
      expect(shown()).toBe('a@4!');
    });

    test('hints in any order, each any number of times: the highest epoch is believed', () => {
      fc.assert(
        fc.property(fc.array(fc.nat(9), { minLength: 1 }), (epochs) => {
          const any = new LeaderBelief();
          for (const value of epochs) any.hinted(`node-${value}`, epoch(value));
          const highest = Math.max(...epochs);
          expect(any.endpoint).toBe(`node-${highest}`);
          expect(any.epoch).toBe(BigInt(highest));
        }),
      );
    });

    test('any events: the believed epoch falls only where a grant disproves a rumour, and never below a proof', () => {
      const events = fc.record({
        kind: fc.constantFrom('granted', 'hinted', 'failed', 'denied'),
        epoch: fc.nat(6),
        versionsAgo: fc.nat(2),
      });
      fc.assert(
        fc.property(fc.array(events, { maxLength: 30 }), (all) => {
          const any = new LeaderBelief();
          let proven = -1;
          for (const { kind, epoch: value, versionsAgo } of all) {
            const before = Number(any.epoch ?? -1n);
            const wasConfirmed = any.isConfirmed;
            // One leader per epoch, as the protocol has it.
            const endpoint = `node-${value}`;
            const version = any.version - versionsAgo;
            if (kind === 'granted') {
              any.granted(endpoint, epoch(value));
              proven = Math.max(proven, value);
            } else if (kind === 'hinted') any.hinted(endpoint, epoch(value));
            else if (kind === 'failed') any.failed(endpoint, version);
            else any.denied(endpoint, version);
            const after = Number(any.epoch ?? -1n);
            expect(after).toBeGreaterThanOrEqual(proven);
            if (after < before)
              expect([kind, wasConfirmed, any.isConfirmed]).toEqual(['granted', false, true]);
            if (any.isConfirmed) expect([any.endpoint, after]).toEqual([`node-${proven}`, proven]);
          }
        }),
        { numRuns: 500 },
      );
    });
  });

  describe('refusals and failures (C01)', () => {
    test('of another endpoint say nothing of the leader', () => {
      belief.granted('a', epoch(4));
      expect(belief.denied('b', belief.version)).toBe(false);
      expect(belief.failed('b', belief.version)).toBe(false);
      expect(shown()).toBe('a@4!');
    });

    test('of attempts that began before the leader was found say nothing of it', () => {
      const before = belief.version;
      belief.granted('a', epoch(4));
      expect(belief.denied('a', before)).toBe(false);
      expect(belief.failed('a', before)).toBe(false);
      expect(shown()).toBe('a@4!');
    });

    test('a leader that fails is asked again before others, but no longer by everybody', () => {
      belief.granted('a', epoch(4));
      belief.failed('a', belief.version);
      expect(shown()).toBe('a@4');
      expect(belief.failed('a', belief.version)).toBe(false);
    });

    test('many attempts under way: only the first refusal counts', () => {
      belief.granted('a', epoch(4));
      const version = belief.version;
      expect(belief.denied('a', version)).toBe(true);
      belief.hinted('a', epoch(5));
      expect(belief.denied('a', version)).toBe(false);
      expect(shown()).toBe('a@5');
    });
  });

  test('a rumour of an absurd epoch gives way to the next grant', () => {
    belief.granted('a', epoch(4));
    belief.hinted('nowhere', toEpoch(2n ** 128n - 1n));
    belief.granted('a', epoch(4));
    expect(shown()).toBe('a@4!');
    belief.hinted('b', epoch(5));
    expect(shown()).toBe('b@5');
  });
});
