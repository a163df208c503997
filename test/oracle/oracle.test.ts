import { afterEach, describe, expect, test } from 'vitest';
import { ConsensusError, PHYSICAL_MS_MAX, toEpoch } from '../../src/consensus/index.js';
import { MemoryDriver } from '../../src/driver/index.js';
import {
  type Grant,
  LOGICAL_COUNT,
  Oracle,
  type OracleOptions,
  packTimestamp,
} from '../../src/oracle/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { ScriptedDriver, transient } from './scripted-driver.js';

const WALL_MS = 1_700_000_000_000;
const open: Oracle[] = [];

afterEach(async () => {
  for (const oracle of open.splice(0)) await oracle.close();
});

async function setUp(
  options: Partial<OracleOptions> & { memory?: MemoryDriver; fate?: ScriptedDriver['fate'] } = {},
) {
  const clock = new VirtualClock(WALL_MS);
  const { memory, fate, ...tuning } = options;
  const driver = new ScriptedDriver(clock, memory);
  if (fate !== undefined) driver.fate = fate;
  const oracle = Oracle.start({
    driver,
    clock,
    random: { nextFloat: () => 0.5, nextId: () => '0'.repeat(16) },
    ...tuning,
  });
  open.push(oracle);
  return { clock, driver, memory: driver.memory, oracle };
}

async function serving(options: Parameters<typeof setUp>[0] = {}) {
  const world = await setUp(options);
  await settleMicrotasks();
  expect(world.oracle.state().role).toBe('serving');
  return world;
}

function stamp(grant: Grant): bigint {
  return packTimestamp(grant.physicalMs, grant.logicalStart);
}

function granted(oracle: Oracle, count = 1): Grant {
  const result = oracle.tryGrant(count);
  if (!result.ok) throw new Error(`refused: ${result.refusal.kind}`);
  return result.grant;
}

describe('oracle: the fence', () => {
  test('a new leader: it begins above everything granted before, and has its window durable before it serves', async () => {
    const { driver, oracle } = await serving({ memory: new MemoryDriver({ highWaterMs: WALL_MS + 10_000 }) });
    expect(driver.persisted[0]).toMatchObject({ atLeast: WALL_MS + 11_001 });
    expect(granted(oracle).physicalMs).toBe(WALL_MS + 10_001);
  });

  test('an earlier high-water below the clock: it begins at the clock', async () => {
    const { driver, oracle } = await serving();
    expect(driver.persisted[0]).toMatchObject({ atLeast: WALL_MS + 1_000 });
    expect(granted(oracle).physicalMs).toBe(WALL_MS);
  });

  // D08
  test('a hundred transient failures: it goes on as long as the leadership lasts, and serves in the end', async () => {
    const { clock, oracle } = await setUp({
      fate: ({ number }) =>
        number < 50 ? { fail: { error: transient(), when: number % 2 === 0 ? 'before' : 'after' } } : {},
    });
    for (let i = 0; i < 200 && oracle.state().role !== 'serving'; i++) await clock.advanceAsync(500);
    expect(oracle.state().role).toBe('serving');
    expect(oracle.status().counters.retries).toBe(100);
  });

  // O06
  test('the answers of ten attempts in a row are lost, though each took effect: the fence does not run away from the clock', async () => {
    const { clock, driver, oracle } = await setUp({
      fate: ({ kind, number }) =>
        kind === 'persist' && number < 10 ? { fail: { error: transient(), when: 'after' } } : {},
      retryMaxMs: 10,
    });
    for (let i = 0; i < 20 && oracle.state().role !== 'serving'; i++) await clock.advanceAsync(10);
    expect(oracle.state().role).toBe('serving');
    expect(driver.persists).toBe(11);
    for (const { atLeast } of driver.persisted) expect(atLeast).toBeLessThanOrEqual(clock.wallMs() + 1_000);
  });

  test.each(['not_leader', 'fenced'] as const)(
    '%s: it steps down and waits for the next leadership',
    async (code) => {
      const { clock, driver, memory, oracle } = await setUp();
      driver.fate = () => ({ fail: { error: new ConsensusError(code, 'scripted'), when: 'before' } });
      await clock.advanceAsync(10_000);
      expect(oracle.state()).toEqual({ role: 'unknown' });
      expect(driver.loads).toBe(1);
      driver.fate = () => ({});
      memory.gainLeadership();
      await settleMicrotasks();
      expect(oracle.state().role).toBe('serving');
    },
  );

  test('a permanent error: it fails for all to see, and every grant says so', async () => {
    const { memory, oracle } = await setUp({
      fate: () => ({
        fail: { error: new ConsensusError('permanent', 'the disk is gone'), when: 'before' },
      }),
    });
    await settleMicrotasks();
    expect(oracle.state().role).toBe('failed');
    await expect(oracle.grant(1)).rejects.toMatchObject({ code: 'permanent' });
    memory.gainLeadership();
    await settleMicrotasks();
    expect(oracle.state().role).toBe('failed');
  });

  test('an answer above what was asked for: a violation, it serves nothing', async () => {
    const { driver, oracle } = await setUp();
    const persist = driver.persistHighWater.bind(driver);
    driver.persistHighWater = async (...args) => (await persist(...args)) + 1;
    await settleMicrotasks();
    expect(oracle.state()).toMatchObject({ role: 'failed', error: { code: 'violation' } });
  });

  // An advance whose answer was lost takes effect behind the back of the next attempt, while the clock has stepped back.
  test('a lost answer and a clock that steps back: no violation is seen where there is none', async () => {
    const { clock, oracle } = await setUp({
      fate: ({ kind, number }) =>
        kind === 'persist' && number === 0 ? { fail: { error: transient(), when: 'after' } } : {},
    });
    await settleMicrotasks();
    clock.stepWall(-50_000);
    await clock.advanceAsync(1_000);
    expect(oracle.state()).toMatchObject({ role: 'serving', limitMs: WALL_MS + 1_000 });
    granted(oracle);
  });

  // O09
  test.each(['load', 'persist'] as const)(
    'the leadership changes during its %s: what comes late changes nothing, the next one fences anew',
    async (kind) => {
      const { clock, memory, oracle } = await setUp({
        fate: (call) =>
          call.kind === kind && call.number === 0 ? { delayMs: 100, ignoresSignal: true } : {},
      });
      await clock.advanceAsync(50);
      expect(oracle.state().role).toBe('fencing');
      memory.loseLeadership({ epoch: toEpoch(9n), endpoint: 'other:1' });
      await settleMicrotasks();
      expect(oracle.state()).toEqual({ role: 'follower', leader: { epoch: 9n, endpoint: 'other:1' } });
      await clock.advanceAsync(100);
      expect(oracle.state().role).toBe('follower');
      const epoch = memory.gainLeadership();
      await settleMicrotasks();
      expect(oracle.state()).toMatchObject({ role: 'serving', epoch });
    },
  );
});

describe('oracle: serving', () => {
  // O01, O03: the lease is asked in the turn of the grant, whatever the state says.
  test('a lease that has lapsed: nothing is granted in that very turn', async () => {
    const { memory, oracle } = await serving();
    granted(oracle);
    memory.lapseLease();
    expect(oracle.tryGrant(1)).toEqual({ ok: false, refusal: { kind: 'noLease' } });
    await expect(oracle.grant(1)).rejects.toMatchObject({ code: 'transient' });
    memory.renewLease();
    granted(oracle);
  });

  test('the leadership is lost: nothing is granted in that very turn, before any event has been delivered', async () => {
    const { memory, oracle } = await serving();
    memory.loseLeadership();
    expect(oracle.tryGrant(1).ok).toBe(false);
  });

  // O05
  test('a node that leads again: it does not use what is left of its old window', async () => {
    const { memory, oracle } = await serving();
    const before = granted(oracle);
    memory.loseLeadership({ epoch: toEpoch(2n) });
    await settleMicrotasks();
    memory.gainLeadership(toEpoch(3n));
    await settleMicrotasks();
    expect(granted(oracle).physicalMs).toBeGreaterThan(before.physicalMs + 1_000);
  });

  test('extension ahead of need: no grant waits in steady state, and one extension is under way at a time', async () => {
    const { clock, driver, oracle } = await serving();
    let underWay = 0;
    driver.fate = () => ({ delayMs: 200 });
    const persist = driver.persistHighWater.bind(driver);
    driver.persistHighWater = async (...args) => {
      underWay += 1;
      expect(underWay).toBe(1);
      return persist(...args).finally(() => {
        underWay -= 1;
      });
    };
    for (let i = 0; i < 300; i++) {
      await clock.advanceAsync(100);
      granted(oracle);
    }
    const { extensions } = oracle.status().counters;
    expect(extensions).toBeGreaterThan(10);
    expect(extensions).toBeLessThan(40);
  });

  // O06
  test('five failovers at once: each begins above the window before it, so much ahead of the clock and no more; time takes it back', async () => {
    const { clock, driver, memory, oracle } = await serving();
    await clock.advanceAsync(500);
    granted(oracle);
    await settleMicrotasks();
    for (let failover = 0; failover < 5; failover++) {
      memory.gainLeadership();
      await settleMicrotasks();
      granted(oracle);
    }
    const aheadMs = () => Math.max(...driver.persisted.map(({ atLeast }) => atLeast)) - clock.wallMs();
    expect(aheadMs()).toBe(3_000 + 5 * 1_001);
    for (let i = 0; i < 100; i++) {
      await clock.advanceAsync(100);
      granted(oracle);
      expect(aheadMs()).toBeLessThanOrEqual(Math.max(3_000, 3_000 + 5 * 1_001 - 100 * (i + 1)));
    }
    expect(granted(oracle).physicalMs).toBe(clock.wallMs());
  });

  // O04
  test.each(['ok', 'error'] as const)(
    'an extension of an earlier leadership ends late (%s): the new window is as it was',
    async (outcome) => {
      const { clock, driver, memory, oracle } = await serving();
      const error = new ConsensusError('permanent', 'late');
      driver.fate = ({ kind }) =>
        kind === 'persist' && driver.memory !== undefined
          ? {
              delayMs: 300,
              ignoresSignal: true,
              ...(outcome === 'error' ? { fail: { error, when: 'before' as const } } : {}),
            }
          : {};
      await clock.advanceAsync(600);
      granted(oracle);
      driver.fate = () => ({});
      memory.loseLeadership();
      await settleMicrotasks();
      const epoch = memory.gainLeadership();
      await settleMicrotasks();
      const state = oracle.state();
      expect(state).toMatchObject({ role: 'serving', epoch });
      await clock.advanceAsync(400);
      expect(oracle.state()).toEqual(state);
    },
  );

  test('the window is exhausted: grants wait for its extension, in order, and each is served once', async () => {
    const { clock, driver, oracle } = await serving({ windowAheadMs: 10, failoverAdvanceMs: 1 });
    driver.fate = () => ({ delayMs: 50 });
    while (oracle.tryGrant(LOGICAL_COUNT).ok);
    const waiting = [oracle.grant(LOGICAL_COUNT), oracle.grant(3), oracle.grant(2)];
    expect(oracle.status().waitingGrants).toBe(3);
    await clock.advanceAsync(200);
    const stamps = (await Promise.all(waiting)).map(stamp);
    expect(stamps[0]).toBeLessThan(stamps[1] ?? 0n);
    expect(stamps[1]).toBeLessThan(stamps[2] ?? 0n);
    expect(oracle.status().waitingGrants).toBe(0);
  });

  test('grants during the fence: they wait for it', async () => {
    const { clock, oracle } = await setUp({ fate: () => ({ delayMs: 100 }) });
    await settleMicrotasks();
    const waiting = oracle.grant(1);
    await clock.advanceAsync(300);
    await expect(waiting).resolves.toMatchObject({ count: 1 });
  });

  test('a grant that waits ends with the leadership, its deadline, its signal or the close, whichever comes first', async () => {
    const { clock, memory, oracle } = await setUp({ fate: () => ({ delayMs: 100_000 }) });
    await settleMicrotasks();
    const aborter = new AbortController();
    const deadline = oracle.grant(1, { timeoutMs: 50 });
    const aborted = oracle.grant(1, { signal: aborter.signal });
    const lost = oracle.grant(1);
    const outcomes = [
      expect(deadline).rejects.toMatchObject({ code: 'transient' }),
      expect(aborted).rejects.toThrow('enough'),
      expect(lost).rejects.toMatchObject({ code: 'not_leader', leader: { endpoint: 'other:1' } }),
    ];
    aborter.abort(new Error('enough'));
    await clock.advanceAsync(50);
    memory.loseLeadership({ epoch: toEpoch(5n), endpoint: 'other:1' });
    await settleMicrotasks();
    await Promise.all(outcomes);
    memory.gainLeadership();
    await settleMicrotasks();
    const closed = oracle.grant(1);
    const outcome = expect(closed).rejects.toMatchObject({ code: 'closed' });
    await oracle.close();
    await outcome;
    expect(clock.armedTimers).toBe(0);
  });

  test('too many grants wait: refused as transient', async () => {
    const { driver, oracle } = await setUp({ maxWaitingGrants: 1 });
    driver.fate = () => ({ delayMs: 100_000 });
    await settleMicrotasks();
    const first = oracle.grant(1);
    await expect(oracle.grant(1)).rejects.toMatchObject({ code: 'transient' });
    const outcome = expect(first).rejects.toMatchObject({ code: 'closed' });
    await oracle.close();
    await outcome;
  });

  // A08
  test.each([2 ** 64, Number.NaN, Number.POSITIVE_INFINITY, -5])(
    'a wall clock that shows %s: nothing impossible is ever asked of consensus',
    async (reading) => {
      const { clock, driver, oracle } = await setUp();
      clock.wallMs = () => reading;
      for (let i = 0; i < 20; i++) {
        await clock.advanceAsync(500);
        oracle.tryGrant(1);
      }
      expect(oracle.state().role).toBe('serving');
      for (const { atLeast } of driver.persisted) expect(atLeast).toBeLessThan(PHYSICAL_MS_MAX / 2);
    },
  );

  // O06
  test('the end of the 46 bits: served to the last ms, then failed for all to see', async () => {
    const { clock, driver, oracle } = await serving({
      memory: new MemoryDriver({ highWaterMs: PHYSICAL_MS_MAX - 1 }),
    });
    expect(granted(oracle, LOGICAL_COUNT).physicalMs).toBe(PHYSICAL_MS_MAX);
    expect(oracle.tryGrant(1).ok).toBe(false);
    await clock.advanceAsync(1_000);
    expect(oracle.state()).toMatchObject({ role: 'failed', error: { code: 'time_exhausted' } });
    expect(Math.max(...driver.persisted.map(({ atLeast }) => atLeast))).toBe(PHYSICAL_MS_MAX);
  });

  test('no timestamp left at all for a new leader: failed for all to see', async () => {
    const { oracle } = await setUp({ memory: new MemoryDriver({ highWaterMs: PHYSICAL_MS_MAX }) });
    await settleMicrotasks();
    expect(oracle.state()).toMatchObject({ role: 'failed', error: { code: 'time_exhausted' } });
  });

  test.each([0, -1, 1.5, LOGICAL_COUNT + 1])(
    'a count of %s: refused by name, whatever the state',
    async (count) => {
      const { oracle } = await setUp();
      await expect(oracle.grant(count)).rejects.toMatchObject({ code: 'invalid_input', field: 'count' });
    },
  );
});

describe('oracle: its life', () => {
  // D10
  test('the leadership stream dies: nothing is granted any more', async () => {
    const { driver, oracle } = await serving();
    await driver.close();
    await settleMicrotasks();
    expect(oracle.state().role).toBe('closed');
    expect(oracle.tryGrant(1)).toEqual({ ok: false, refusal: { kind: 'closed' } });
  });

  // D10, D04
  test('the stream is in use by another oracle: failed for all to see, the other one goes on', async () => {
    const { driver, oracle } = await serving();
    const second = Oracle.start({ driver });
    await settleMicrotasks();
    expect(second.state()).toMatchObject({ role: 'failed', error: { code: 'stream_in_use' } });
    granted(oracle);
    await second.close();
    granted(oracle);
  });

  test('closed: idempotent, the driver stays open, and another oracle can take the stream', async () => {
    const { clock, driver, oracle } = await serving();
    await Promise.all([oracle.close(), oracle.close()]);
    expect(clock.armedTimers).toBe(0);
    const next = Oracle.start({ driver, clock });
    open.push(next);
    await settleMicrotasks();
    expect(next.state().role).toBe('serving');
  });

  test.each([
    ['windowAheadMs', { windowAheadMs: 5 }],
    ['failoverAdvanceMs', { failoverAdvanceMs: 4_000 }],
    ['retryMinMs', { retryMinMs: 600 }],
    ['callTimeoutMs', { callTimeoutMs: 0 }],
  ])('%s out of range: refused by name', (field, tuning) => {
    expect(() => Oracle.start({ driver: new MemoryDriver(), ...tuning })).toThrow(
      `oracle options.${field}: `,
    );
  });
});
