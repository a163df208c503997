import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PHYSICAL_MS_MAX, toEpoch } from '../../src/consensus/index.js';
import { PaxosDriver } from '../../src/driver/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { heldAfterAppend } from '../../src/testing/yield-points.js';
import { setUp } from './paxos-driver-fixture.js';
import { DIRECTORY, ScriptedHost, snapshotOf } from './scripted-host.js';
import { watch } from './settlement.js';

const EPOCH_1 = toEpoch(1n);

describe('paxos driver: an entry is folded', () => {
  test('advance is folded, resolves with the high-water after it', async () => {
    const { driver, host } = setUp();
    const low = driver.persistHighWater(50, EPOCH_1);
    const high = driver.persistHighWater(70, EPOCH_1);
    const stale = driver.persistHighWater(60, EPOCH_1);
    for (let i = 0; i < 2; i++) host.foldNext();
    expect(await Promise.all([low, high, stale])).toEqual([50, 70, 70]);
  });

  test('many advances at once, shares the entry of a pending one that reaches as far', async () => {
    const { driver, host } = setUp();
    const asked = [30, 10, 50, 50, 20, 40];
    const calls = asked.map((atLeast) => driver.persistHighWater(atLeast, EPOCH_1));
    expect(host.proposed.map((command) => command.kind === 'advance' && command.atLeast)).toEqual([30, 50]);
    expect(driver.pendingCalls).toBe(6);
    for (let i = 0; i < 2; i++) host.foldNext();
    expect(await Promise.all(calls)).toEqual([30, 30, 50, 50, 30, 50]);
    expect(driver.pendingCalls).toBe(0);
  });

  test('any advances at once, take one entry for each that reaches further than all before it, and no more', async () => {
    const asked = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(asked, async (advances) => {
        const host = new ScriptedHost();
        host.lead(1n);
        await using driver = new PaxosDriver({ host });
        const calls = advances.map((atLeast) => driver.persistHighWater(atLeast, EPOCH_1));
        const further = advances.filter((atLeast, at) =>
          advances.slice(0, at).every((each) => each < atLeast),
        );
        expect(host.proposed.map((command) => command.kind === 'advance' && command.atLeast)).toEqual(
          further,
        );
        while (host.log.length > 0) host.foldNext();
        // Each by the first entry that reaches as far: nobody waits for what somebody else has asked for.
        expect(await Promise.all(calls)).toEqual(
          advances.map((atLeast) => further.find((each) => each >= atLeast)),
        );
      }),
    );
  });

  test('the call whose entry is shared is aborted, the others still get their answer', async () => {
    const { driver, host } = setUp();
    const controller = new AbortController();
    const first = watch(driver.persistHighWater(50, EPOCH_1, { signal: controller.signal }));
    const second = driver.persistHighWater(40, EPOCH_1);
    controller.abort('aborted');
    await first.ended;
    host.foldNext();
    expect([first.outcome, await second]).toEqual(['aborted', 50]);
  });

  test('an advance that the host refuses, is shared by nobody', async () => {
    const { driver, host } = setUp();
    host.propose = () => ({ ok: false, reason: 'transient', detail: 'full' });
    const calls = [50, 40].map((atLeast) => watch(driver.persistHighWater(atLeast, EPOCH_1)));
    await Promise.all(calls.map((call) => call.ended));
    expect(calls.map((call) => call.outcome)).toEqual(['transient', 'transient']);
  });

  // A03
  test('its entry is folded between its append and its wait, the call is answered', async () => {
    const host = new ScriptedHost();
    host.lead(1n);
    await using driver = new PaxosDriver({ host: heldAfterAppend(host, () => host.foldNext()) });
    expect(await driver.persistHighWater(50, EPOCH_1)).toBe(50);
    expect(await driver.loadHighWater()).toBe(50);
  });

  test('leadership is lost between its append and its wait, the call ends', async () => {
    const host = new ScriptedHost();
    host.lead(1n);
    await using driver = new PaxosDriver({ host: heldAfterAppend(host, () => host.follow(2n)) });
    await expect(driver.persistHighWater(50, EPOCH_1)).rejects.toMatchObject({ code: 'fenced', epoch: 2n });
    expect(driver.pendingCalls).toBe(0);
  });

  // A01
  test('barrier of a load is in the log but not folded, the load waits; entries before it count', async () => {
    const { driver, host } = setUp();
    const advance = watch(driver.persistHighWater(50, EPOCH_1));
    const load = watch(driver.loadHighWater());
    host.foldForeign(1n);
    await settleMicrotasks();
    expect([advance.outcome, load.outcome]).toEqual([undefined, undefined]);
    host.foldNext();
    await advance.ended;
    expect([advance.outcome, load.outcome]).toEqual(['value 50', undefined]);
    host.foldNext();
    await load.ended;
    expect(load.outcome).toBe('value 50');
  });

  test('what a call proposes, carries its epoch and an id of this life, counted from 1', async () => {
    const { driver, host } = setUp({ host: new ScriptedHost(7) });
    void watch(driver.loadHighWater());
    void watch(driver.persistHighWater(50, EPOCH_1));
    expect(host.proposed).toEqual([
      { kind: 'barrier', epoch: 1n, id: { directoryId: DIRECTORY, incarnation: 7, seq: 1 } },
      { kind: 'advance', atLeast: 50, epoch: 1n, id: { directoryId: DIRECTORY, incarnation: 7, seq: 2 } },
    ]);
    await driver.close();
  });

  // A03
  test('entry is folded before propose returns, the wait does not miss it', async () => {
    const { driver, host } = setUp();
    host.foldsAtOnce = true;
    expect(await driver.persistHighWater(50, EPOCH_1)).toBe(50);
    expect(await driver.loadHighWater()).toBe(50);
  });

  // A04
  test('two advances, the earlier is dropped and the later folded: the earlier is transient, not told the other value', async () => {
    const { driver, host } = setUp();
    const dropped = watch(driver.persistHighWater(50, EPOCH_1));
    const folded = watch(driver.persistHighWater(70, EPOCH_1));
    host.dropNext();
    host.foldNext();
    await Promise.all([dropped.ended, folded.ended]);
    expect([dropped.outcome, folded.outcome]).toEqual(['transient', 'value 70']);
  });

  // A04
  test('advance is dropped, another node moves the high-water beyond it: it goes on waiting for its own id', async () => {
    const { driver, host, clock } = setUp();
    const dropped = watch(driver.persistHighWater(50, EPOCH_1));
    host.dropNext();
    const id = { directoryId: '00000000000000cc', incarnation: 1, seq: 9 };
    host.applyState.fold({ kind: 'advance', atLeast: 99, epoch: EPOCH_1, id });
    await settleMicrotasks();
    expect(dropped.outcome).toBeUndefined();
    clock.advance(5_000);
    await dropped.ended;
    expect(dropped.outcome).toBe('transient');
  });

  test('barrier is dropped, a later own entry is folded: the load is answered by that', async () => {
    const { driver, host } = setUp();
    const load = watch(driver.loadHighWater());
    const advance = watch(driver.persistHighWater(70, EPOCH_1));
    const later = watch(driver.loadHighWater());
    host.dropNext();
    host.foldNext();
    await Promise.all([load.ended, advance.ended]);
    expect([load.outcome, advance.outcome, later.outcome]).toEqual(['value 70', 'value 70', undefined]);
    await driver.close();
  });
});

describe('paxos driver: proposal ids', () => {
  // A02
  test('entries of an earlier life with the same seq are folded, no wait of this life ends', async () => {
    const { driver, host, clock } = setUp({ host: new ScriptedHost(2) });
    const load = watch(driver.loadHighWater());
    const advance = watch(driver.persistHighWater(50, EPOCH_1));
    for (const seq of [1, 2, 9]) {
      const id = { directoryId: DIRECTORY, incarnation: 1, seq };
      host.applyState.fold({ kind: 'barrier', epoch: EPOCH_1, id });
      host.applyState.fold({ kind: 'advance', atLeast: 60, epoch: EPOCH_1, id });
    }
    await settleMicrotasks();
    expect([load.outcome, advance.outcome]).toEqual([undefined, undefined]);
    host.foldNext();
    host.foldNext();
    await Promise.all([load.ended, advance.ended]);
    expect([load.outcome, advance.outcome]).toEqual(['value 60', 'value 60']);
    expect(clock.armedTimers).toBe(0);
  });

  // A02
  test('another node has proposed the same incarnation and seq, no wait of this node ends', async () => {
    const { driver, host } = setUp();
    const load = watch(driver.loadHighWater());
    host.foldForeign(1n, 1);
    host.foldForeign(1n, 2);
    await settleMicrotasks();
    expect(load.outcome).toBeUndefined();
    await driver.close();
  });

  // A02
  test('driver is closed and another one made over the same life, no number is used twice', async () => {
    const { driver, host, clock } = setUp();
    const first = watch(driver.loadHighWater());
    await driver.close();
    await first.ended;
    const next = new PaxosDriver({ host, clock });
    const second = watch(next.persistHighWater(50, EPOCH_1));
    expect(host.proposed.map((command) => command.id.seq)).toEqual([1, 2]);
    host.foldNext();
    await settleMicrotasks();
    expect(second.outcome).toBeUndefined();
    host.foldNext();
    await second.ended;
    expect(second.outcome).toBe('value 50');
    await next.close();
  });

  // D04
  test('second driver over a host that is driven, is refused by name and leaves no listener', () => {
    const { host } = setUp();
    const before = host.listeners;
    expect(() => new PaxosDriver({ host })).toThrow(expect.objectContaining({ field: 'host' }));
    expect(host.listeners).toBe(before);
  });
});

describe('paxos driver: what is refused before anything is proposed', () => {
  // A08
  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, PHYSICAL_MS_MAX + 1, 2 ** 64])(
    'advance to %s, is out of range',
    async (atLeast) => {
      const { driver, host, clock } = setUp();
      const call = watch(driver.persistHighWater(atLeast, EPOCH_1));
      await call.ended;
      expect(call.outcome).toBe('advance_out_of_range');
      expect([host.proposed.length, clock.armedTimers]).toEqual([0, 0]);
    },
  );

  // A08
  test('advance out of range and everything else wrong as well, the range is what is told', async () => {
    const { driver, host } = setUp();
    host.knowNobody();
    await driver.close();
    const call = watch(driver.persistHighWater(-1, EPOCH_1, { signal: AbortSignal.abort('no') }));
    await call.ended;
    expect(call.outcome).toBe('advance_out_of_range');
  });

  test.each([
    ['load', 'follower of a higher epoch', 'not_leader'],
    ['load', 'unknown', 'not_leader'],
    ['persist', 'follower of a higher epoch', 'not_leader'],
    ['persist', 'unknown', 'not_leader'],
    ['persist', 'leader at a higher epoch', 'fenced by 3'],
    ['persist', 'leader at a lower epoch', 'not_leader'],
  ])('%s while %s, rejects', async (kind, situation, outcome) => {
    const { driver, host, clock } = setUp();
    if (situation === 'unknown') host.knowNobody();
    else if (situation.startsWith('follower')) host.follow(3n);
    else host.lead(3n);
    const epoch = situation === 'leader at a lower epoch' ? toEpoch(4n) : toEpoch(2n);
    const call = watch(kind === 'load' ? driver.loadHighWater() : driver.persistHighWater(5, epoch));
    await call.ended;
    expect(call.outcome).toBe(outcome);
    expect([host.proposed.length, clock.armedTimers]).toEqual([0, 0]);
  });

  test('signal is aborted already, rejects with its reason', async () => {
    const { driver, host, clock } = setUp();
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    await expect(driver.loadHighWater({ signal })).rejects.toBe(reason);
    await expect(driver.persistHighWater(5, EPOCH_1, { signal })).rejects.toBe(reason);
    expect([host.proposed.length, clock.armedTimers]).toEqual([0, 0]);
  });

  test.each([0, -1, Number.NaN, 2 ** 31])('deadline of %s ms, is refused by name', async (timeoutMs) => {
    const { driver, host } = setUp();
    await expect(driver.loadHighWater({ timeoutMs })).rejects.toMatchObject({ field: 'timeoutMs' });
    await expect(driver.persistHighWater(5, EPOCH_1, { timeoutMs })).rejects.toThrow(InvalidInputError);
    expect(host.proposed).toEqual([]);
  });

  test('epoch that is no bigint, is refused by name', async () => {
    const { driver, host } = setUp();
    // A caller without types; the cast plays that part.
    const epoch = 1 as unknown as typeof EPOCH_1;
    await expect(driver.persistHighWater(5, epoch)).rejects.toMatchObject({ field: 'epoch', value: 1 });
    expect(host.proposed).toEqual([]);
  });

  test.each([
    ['callTimeoutMs', 0],
    ['callTimeoutMs', 2 ** 31],
    ['maxPendingCalls', 0],
    ['maxPendingCalls', 1.5],
  ])('driver option %s of %s, is refused by name', (field, value) => {
    const host = new ScriptedHost();
    expect(() => new PaxosDriver({ host, [field]: value })).toThrow(
      expect.objectContaining({ field: `PaxosDriver options.${field}`, value }),
    );
    expect(host.listeners).toBe(0);
  });

  test('as many calls wait as may, one more is transient; a place is free once one has ended', async () => {
    const { driver, host } = setUp({ maxPendingCalls: 2 });
    const calls = [watch(driver.loadHighWater()), watch(driver.persistHighWater(5, EPOCH_1))];
    const tooMany = watch(driver.loadHighWater());
    await tooMany.ended;
    expect(tooMany.outcome).toBe('transient');
    expect(host.proposed).toHaveLength(2);
    host.foldNext();
    calls.push(watch(driver.loadHighWater()));
    expect(host.proposed).toHaveLength(3);
    expect(driver.pendingCalls).toBe(2);
    await driver.close();
    await Promise.all(calls.map((call) => call.ended));
    expect(calls.map((call) => call.outcome)).toEqual(['value 0', 'closed', 'closed']);
  });
});

describe('paxos driver: what a host refuses', () => {
  // D09
  test.each([
    ['transient', 'transient'],
    ['permanent', 'permanent'],
  ] as const)('host says %s, the call ends with %s at once', async (reason, outcome) => {
    const { driver, host, clock } = setUp();
    host.refusal = { ok: false, reason, detail: 'the configuration is over' };
    const call = watch(driver.persistHighWater(5, EPOCH_1));
    await call.ended;
    expect(call.outcome).toBe(outcome);
    expect(String(call.error)).toContain('the configuration is over');
    expect([driver.pendingCalls, clock.armedTimers]).toEqual([0, 0]);
  });

  test('host says not leader though it said leader before, not_leader', async () => {
    const { driver, host, clock } = setUp();
    host.refusal = { ok: false, reason: 'not_leader' };
    const call = watch(driver.loadHighWater());
    await call.ended;
    expect(call.outcome).toBe('not_leader');
    expect(clock.armedTimers).toBe(0);
  });

  // N02
  test('host throws, permanent with the cause, nothing is left behind', async () => {
    const { driver, host, clock } = setUp();
    const cause = new Error('out of memory');
    host.propose = () => {
      throw cause;
    };
    const call = watch(driver.persistHighWater(5, EPOCH_1));
    await call.ended;
    expect(call.outcome).toBe('permanent');
    expect(call.error).toMatchObject({ cause });
    expect([driver.pendingCalls, clock.armedTimers]).toEqual([0, 0]);
  });
});

describe('paxos driver: a state restored at the start', () => {
  test('ledger holds proposals of an earlier life, the first calls wait for their own', async () => {
    const ledger = [{ directoryId: DIRECTORY, nodeId: 1, incarnation: 1, seq: 99 }];
    const host = new ScriptedHost(2, snapshotOf({ value: 40, ledger }));
    const { driver } = setUp({ host });
    const load = watch(driver.loadHighWater());
    host.foldForeign(1n);
    await settleMicrotasks();
    expect(load.outcome).toBeUndefined();
    host.foldNext();
    await load.ended;
    expect(load.outcome).toBe('value 40');
  });
});
