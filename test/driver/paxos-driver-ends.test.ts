import { describe, expect, test } from 'vitest';
import { type LeaderState, toEpoch } from '../../src/consensus/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { type Fixture, setUp } from './paxos-driver-fixture.js';
import { DIRECTORY, ScriptedHost, snapshotOf } from './scripted-host.js';
import { type Settlement, watch } from './settlement.js';

const EPOCH_1 = toEpoch(1n);

/** One load and one advance in the log, waiting; and the signal that aborts both. */
function waiting(fixture: Fixture): { calls: Settlement[]; controller: AbortController } {
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [
    watch(fixture.driver.loadHighWater({ signal })),
    watch(fixture.driver.persistHighWater(50, EPOCH_1, { signal })),
  ];
  return { calls, controller };
}

async function outcomes(calls: readonly Settlement[]): Promise<readonly (string | undefined)[]> {
  await settleMicrotasks();
  return calls.map((call) => call.outcome);
}

function expectNothingLeft({ driver, clock }: Fixture): void {
  expect({ pending: driver.pendingCalls, timers: clock.armedTimers }).toEqual({ pending: 0, timers: 0 });
}

describe('paxos driver: leadership is lost while calls wait', () => {
  // D01, P12
  test.each<[string, (host: ScriptedHost) => void, string]>([
    ['nobody is known', (host) => host.knowNobody(), 'not_leader'],
    ['a higher epoch is followed', (host) => host.follow(4n), 'fenced by 4'],
    ['this node leads at a higher epoch', (host) => host.lead(4n), 'fenced by 4'],
  ])('%s, calls end at once', async (_, lose, outcome) => {
    const fixture = setUp();
    const { calls } = waiting(fixture);
    lose(fixture.host);
    expect(await outcomes(calls)).toEqual([outcome, outcome]);
    expectNothingLeft(fixture);
  });

  test('leadership is told again though nothing has changed, calls go on', async () => {
    const fixture = setUp();
    const { calls } = waiting(fixture);
    fixture.host.lead(1n);
    expect(await outcomes(calls)).toEqual([undefined, undefined]);
    fixture.host.foldNext();
    fixture.host.foldNext();
    expect(await outcomes(calls)).toEqual(['value 0', 'value 50']);
  });

  // D07, P12
  test('leadership is gone in the turn of the fold though nobody has told, no call succeeds', async () => {
    const fixture = setUp();
    const { calls } = waiting(fixture);
    fixture.host.setLeadership({ role: 'follower', leader: { epoch: toEpoch(2n) } });
    fixture.host.foldNext();
    fixture.host.foldNext();
    expect(await outcomes(calls)).toEqual(['fenced by 2', 'fenced by 2']);
    expectNothingLeft(fixture);
  });

  // P12
  test("a successor's barrier is folded before the old advance, the caller is told fenced and the high-water stays", async () => {
    const fixture = setUp();
    const { host, driver } = fixture;
    const advance = watch(driver.persistHighWater(50, EPOCH_1));
    // The host breaks its promise here and goes on to say that it leads: the fold alone must fence.
    host.foldForeign(2n);
    expect(await outcomes([advance])).toEqual(['fenced by 2']);
    host.foldNext();
    expect(host.applyState.highWater).toBe(0);
    expectNothingLeft(fixture);
  });

  // P12
  test('epoch of the call is checked in the turn in which it is proposed, a change in between is impossible', async () => {
    const fixture = setUp();
    const { host, driver } = fixture;
    const call = watch(driver.persistHighWater(50, EPOCH_1));
    host.follow(2n); // In the same turn as the call, after it.
    expect(host.proposed).toHaveLength(1);
    expect(await outcomes([call])).toEqual(['fenced by 2']);
    const late = watch(driver.persistHighWater(60, EPOCH_1));
    expect(host.proposed).toHaveLength(1);
    expect(await outcomes([late])).toEqual(['not_leader']);
  });

  // P12, D07
  test('leadership is lost and regained before anybody is told, the call of the old epoch is fenced', async () => {
    const fixture = setUp();
    const { host, driver } = fixture;
    const old = watch(driver.persistHighWater(50, EPOCH_1));
    host.startLeading(2n);
    const fresh = watch(driver.persistHighWater(60, toEpoch(2n)));
    expect(await outcomes([old, fresh])).toEqual(['fenced by 2', undefined]);
    host.foldNext();
    host.foldNext();
    expect(await outcomes([old, fresh])).toEqual(['fenced by 2', 'value 60']);
    expect(host.applyState.highWater).toBe(60);
    expectNothingLeft(fixture);
  });

  // A05
  test('own entries are passed over inside a snapshot, calls end as lost leadership', async () => {
    const fixture = setUp();
    const { calls } = waiting(fixture);
    fixture.host.setLeadership({ role: 'follower', leader: { epoch: toEpoch(3n) } });
    const ledger = [{ directoryId: DIRECTORY, nodeId: 1, incarnation: 1, seq: 2 }];
    fixture.host.applyState.restore(snapshotOf({ value: 90, epoch: toEpoch(3n), ledger }));
    expect(await outcomes(calls)).toEqual(['fenced by 3', 'fenced by 3']);
    expectNothingLeft(fixture);
  });

  // A05
  test('own entries are passed over inside a snapshot at a host that goes on leading, those calls are transient', async () => {
    const fixture = setUp();
    const { calls } = waiting(fixture);
    const later = watch(fixture.driver.loadHighWater());
    const ledger = [{ directoryId: DIRECTORY, nodeId: 1, incarnation: 1, seq: 2 }];
    fixture.host.applyState.restore(snapshotOf({ value: 90, epoch: EPOCH_1, ledger }));
    expect(await outcomes([...calls, later])).toEqual(['transient', 'transient', undefined]);
    await fixture.driver.close();
  });

  // A05
  test('snapshot holds entries of an earlier life only, calls go on', async () => {
    const fixture = setUp({ host: new ScriptedHost(2) });
    const { calls } = waiting(fixture);
    const ledger = [{ directoryId: DIRECTORY, nodeId: 1, incarnation: 1, seq: 99 }];
    fixture.host.applyState.restore(snapshotOf({ ledger, epoch: EPOCH_1 }));
    expect(await outcomes(calls)).toEqual([undefined, undefined]);
    await fixture.driver.close();
  });
});

describe('paxos driver: other ends of a wait', () => {
  // A09, D01
  test('apply path dies, calls end with permanent at once, later ones too', async () => {
    const fixture = setUp();
    const { calls } = waiting(fixture);
    const failure = new Error('fold failed at index 7');
    fixture.host.fail(failure);
    expect(await outcomes(calls)).toEqual(['permanent', 'permanent']);
    expect(calls[0]?.error).toMatchObject({ cause: failure });
    const later = watch(fixture.driver.loadHighWater());
    expect(await outcomes([later])).toEqual(['permanent']);
    expect(fixture.host.proposed).toHaveLength(2);
    expectNothingLeft(fixture);
  });

  // A09, D09
  test('apply path dies and leadership is lost in one change, permanent is what is told', async () => {
    const fixture = setUp();
    const { calls } = waiting(fixture);
    fixture.host.setLeadership({ role: 'unknown' });
    fixture.host.fail(new Error('the node has stopped'));
    expect(await outcomes(calls)).toEqual(['permanent', 'permanent']);
  });

  // D01
  test('nothing is decided, calls end with transient at their deadline, 5,000 ms unless they say otherwise', async () => {
    const fixture = setUp();
    const { clock, driver } = fixture;
    const calls = [
      watch(driver.loadHighWater()),
      watch(driver.persistHighWater(50, EPOCH_1, { timeoutMs: 300 })),
    ];
    clock.advance(299);
    expect(await outcomes(calls)).toEqual([undefined, undefined]);
    clock.advance(1);
    expect(await outcomes(calls)).toEqual([undefined, 'transient']);
    clock.advance(4_699);
    expect(await outcomes(calls)).toEqual([undefined, 'transient']);
    clock.advance(1);
    expect(await outcomes(calls)).toEqual(['transient', 'transient']);
    expectNothingLeft(fixture);
  });

  test('driver option callTimeoutMs, is the deadline of calls that name none', async () => {
    const fixture = setUp({ callTimeoutMs: 40 });
    const { calls } = waiting(fixture);
    fixture.clock.advance(40);
    expect(await outcomes(calls)).toEqual(['transient', 'transient']);
  });

  // D01
  test('calls are aborted while they wait, reject with the reason; their entries may be folded later', async () => {
    const fixture = setUp();
    const { calls, controller } = waiting(fixture);
    const reason = new Error('changed my mind');
    controller.abort(reason);
    expect(await outcomes(calls)).toEqual(['thrown: changed my mind', 'thrown: changed my mind']);
    expect(calls.map((call) => call.error)).toEqual([reason, reason]);
    fixture.host.foldNext();
    fixture.host.foldNext();
    expect(fixture.host.applyState.highWater).toBe(50);
    expect(calls.map((call) => call.ends)).toEqual([1, 1]);
    expectNothingLeft(fixture);
  });

  test('one of two calls is aborted, the other is answered', async () => {
    const fixture = setUp();
    const { calls, controller } = waiting(fixture);
    const other = watch(fixture.driver.persistHighWater(70, EPOCH_1));
    controller.abort('stop');
    for (let i = 0; i < 3; i++) fixture.host.foldNext();
    expect(await outcomes([...calls, other])).toEqual(['stop', 'stop', 'value 70']);
  });

  test.each(['folded', 'lost', 'failed', 'timed out', 'aborted', 'closed'])(
    'call has ended because it was %s, no listener is left at its signal',
    async (end) => {
      const fixture = setUp();
      let listeners = 0;
      const controller = new AbortController();
      const { signal } = controller;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      // Counts what the driver adds and removes; an abort removes a `once` listener by itself.
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners += 1;
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners -= 1;
        remove(...args);
      };
      const call = watch(fixture.driver.persistHighWater(50, EPOCH_1, { signal }));
      expect(listeners).toBe(1);
      if (end === 'folded') fixture.host.foldNext();
      else if (end === 'lost') fixture.host.knowNobody();
      else if (end === 'failed') fixture.host.fail(new Error('disk'));
      else if (end === 'timed out') fixture.clock.advance(5_000);
      else if (end === 'aborted') controller.abort('stop');
      else await fixture.driver.close();
      await call.ended;
      expect(listeners).toBe(0);
      expectNothingLeft(fixture);
    },
  );

  test('driver closes, calls and stream end, no listener is left at the host, the host lives on', async () => {
    const fixture = setUp();
    const { driver, host } = fixture;
    const { calls } = waiting(fixture);
    const stream = driver.leadershipEvents();
    const first = await stream.next();
    const next = stream.next();
    expect(host.listeners).toBe(3);
    await Promise.all([driver.close(), driver.close()]);
    await driver[Symbol.asyncDispose]();
    expect(await outcomes(calls)).toEqual(['closed', 'closed']);
    expect(await next).toEqual({ done: true, value: undefined });
    expect(first.done !== true && first.value.role === 'leader' && first.value.lease.isValid()).toBe(false);
    expect(host.listeners).toBe(0);
    expectNothingLeft(fixture);
    expect(
      await outcomes([watch(driver.loadHighWater()), watch(driver.persistHighWater(1, EPOCH_1))]),
    ).toEqual(['closed', 'closed']);
    host.foldNext();
    host.follow(2n);
  });
});

describe('paxos driver: leadership stream over a host', () => {
  test('host changes, the stream tells each state with the epoch and the lease of one reading', async () => {
    const { driver, host } = setUp();
    const stream = driver.leadershipEvents();
    const told: LeaderState[] = [];
    const take = async (): Promise<void> => {
      const result = await stream.next();
      if (result.done !== true) told.push(result.value);
    };
    await take();
    host.lead(1n);
    host.follow(2n, 'b:1');
    await take();
    host.follow(2n, 'c:1');
    await take();
    host.knowNobody();
    await take();
    host.lead(3n);
    await take();
    expect(told).toMatchObject([
      { role: 'leader', epoch: 1n },
      { role: 'follower', leader: { epoch: 2n, endpoint: 'b:1' } },
      { role: 'follower', leader: { epoch: 2n, endpoint: 'c:1' } },
      { role: 'unknown' },
      { role: 'leader', epoch: 3n },
    ]);
  });

  // D04
  test('second stream, is refused, counted and logged', async () => {
    const { driver, lines } = setUp();
    driver.leadershipEvents();
    await expect(driver.leadershipEvents().next()).rejects.toMatchObject({ code: 'stream_in_use' });
    expect(driver.streamsRefused).toBe(1);
    expect(lines.map((line) => line.level)).toEqual(['error']);
  });
});
