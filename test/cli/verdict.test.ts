import { describe, expect, test } from 'vitest';
import { judge, type RunFacts } from '../../src/cli/cluster/verdict.js';
import type { LoadTotals } from '../../src/cli/load/load-messages.js';

const load: LoadTotals = {
  elapsedMs: 10_000,
  timestamps: 40_000,
  violations: 0,
  errors: {},
  failoverGapsMs: [],
  unansweredKills: 0,
};

function facts(
  changes: Partial<Omit<RunFacts, 'load'>> & { readonly load?: Partial<LoadTotals> } = {},
): RunFacts {
  const { load: loadChanges, ...others } = changes;
  return {
    nodes: 3,
    failovers: 0,
    kills: 0,
    leaderKills: 0,
    restarts: 0,
    pauses: 0,
    highWater: 1_700_000_000_000,
    decidedIdx: 17,
    unexpectedExits: 0,
    unreaped: 0,
    ...others,
    load: { ...load, ...loadChanges },
  };
}

describe('verdict', () => {
  test('a quiet run, is ok and has no failover time', () => {
    expect(judge(facts())).toEqual({
      ok: true,
      nodes: 3,
      timestamps: 40_000,
      violations: 0,
      failovers: 0,
      kills: 0,
      restarts: 0,
      pauses: 0,
      failoverMs: null,
      errors: {},
      timestampsPerSecond: 4_000,
      highWater: 1_700_000_000_000,
      decidedIdx: 17,
      unexpectedExits: 0,
      unreaped: 0,
      failures: [],
    });
  });

  test('kills that were all answered, is ok and tells median and maximum in whole ms', () => {
    const verdict = judge(
      facts({
        kills: 7,
        leaderKills: 4,
        failovers: 4,
        load: { failoverGapsMs: [310.4, 900.6, 250.1, 400.2], errors: { UNAVAILABLE: 9 } },
      }),
    );
    expect(verdict).toMatchObject({
      ok: true,
      failovers: 4,
      failoverMs: { p50: 310, max: 901 },
      errors: { UNAVAILABLE: 9 },
    });
  });

  test.each([
    ['a violation', facts({ load: { violations: 1 } }), 'grants out of order or granted twice: 1'],
    ['no timestamp', facts({ load: { timestamps: 0 } }), 'no timestamp was granted'],
    [
      'a kill without a grant after it',
      facts({ kills: 3, leaderKills: 2, load: { failoverGapsMs: [300], unansweredKills: 1 } }),
      'kills without a grant after them: 1 of 2',
    ],
    [
      'a node that ended by itself',
      facts({ unexpectedExits: 1 }),
      'processes that ended without being asked to: 1',
    ],
    ['a cluster that broke down', facts({ breakdown: 'no leader for 30 s' }), 'no leader for 30 s'],
    ['a child not reaped', facts({ unreaped: 1 }), 'processes whose end was not seen: 1'],
    [
      'an error that no failover explains',
      facts({ load: { errors: { INTERNAL: 2 } } }),
      'calls that failed with INTERNAL: 2',
    ],
  ])('%s, is not ok and says why', (_, runFacts, reason) => {
    expect(judge(runFacts)).toMatchObject({ ok: false, failures: [reason] });
  });

  test('errors of a failover, are tolerated', () => {
    const errors = { UNAVAILABLE: 3, FAILED_PRECONDITION: 2, DEADLINE_EXCEEDED: 1 };
    expect(judge(facts({ load: { errors } })).ok).toBe(true);
  });

  test('a run with chaos, tells its seed', () => {
    expect(judge(facts({ seed: 42 }))).toMatchObject({ ok: true, seed: 42 });
  });

  test('a run of no length, has a rate of 0', () => {
    expect(judge(facts({ load: { elapsedMs: 0, timestamps: 0 } })).timestampsPerSecond).toBe(0);
  });
});
