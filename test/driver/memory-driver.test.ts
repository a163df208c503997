import { describe, expect, test } from 'vitest';
import { type Epoch, type LeaderState, PHYSICAL_MS_MAX, toEpoch } from '../../src/consensus/index.js';
import { MemoryDriver } from '../../src/driver/index.js';
import { InvalidInputError } from '../../src/errors/index.js';

async function nextState(stream: AsyncIterator<LeaderState, undefined>): Promise<LeaderState> {
  const result = await stream.next();
  if (result.done === true) throw new Error('the stream has ended');
  return result.value;
}

const EPOCH_1: Epoch = toEpoch(1n);

describe('memory driver: leadership', () => {
  test('start, leads at epoch 1 with a valid lease', async () => {
    await using driver = new MemoryDriver();
    const state = await nextState(driver.leadershipEvents());
    expect(state).toMatchObject({ role: 'leader', epoch: 1n });
    expect(state.role === 'leader' && state.lease.isValid()).toBe(true);
  });

  test('leadership is lost and regained, old lease stays void, new epoch is higher', async () => {
    await using driver = new MemoryDriver();
    const stream = driver.leadershipEvents();
    const first = await nextState(stream);
    driver.loseLeadership({ epoch: toEpoch(5n), endpoint: 'b:1' });
    expect(first.role === 'leader' && first.lease.isValid()).toBe(false);
    expect(await nextState(stream)).toEqual({ role: 'follower', leader: { epoch: 5n, endpoint: 'b:1' } });
    expect(driver.gainLeadership()).toBe(6n);
    const second = await nextState(stream);
    expect(second).toMatchObject({ role: 'leader', epoch: 6n });
    expect(second.role === 'leader' && second.lease.isValid()).toBe(true);
    expect(first.role === 'leader' && first.lease.isValid()).toBe(false);
  });

  test('lease lapses and is renewed, the role stays', async () => {
    await using driver = new MemoryDriver();
    const state = await nextState(driver.leadershipEvents());
    const isValid = (): boolean => state.role === 'leader' && state.lease.isValid();
    driver.lapseLease();
    expect(isValid()).toBe(false);
    driver.renewLease();
    expect(isValid()).toBe(true);
    driver.loseLeadership();
    driver.renewLease();
    expect(isValid()).toBe(false);
  });

  test('controls are given an epoch that goes back, refuse and change nothing', async () => {
    await using driver = new MemoryDriver({ epoch: toEpoch(4n) });
    expect(() => driver.gainLeadership(toEpoch(4n))).toThrow(InvalidInputError);
    expect(() => driver.loseLeadership({ epoch: toEpoch(4n) })).toThrow(InvalidInputError);
    expect(await nextState(driver.leadershipEvents())).toMatchObject({ role: 'leader', epoch: 4n });
    driver.loseLeadership({ epoch: toEpoch(5n) });
    driver.loseLeadership({ epoch: toEpoch(5n), endpoint: 'b:1' });
    expect(() => driver.loseLeadership({ epoch: toEpoch(4n) })).toThrow(InvalidInputError);
  });
});

describe('memory driver: high-water', () => {
  test('advances in any order, the high-water never falls', async () => {
    await using driver = new MemoryDriver({ highWaterMs: 10 });
    expect(await driver.loadHighWater()).toBe(10);
    expect(await driver.persistHighWater(30, EPOCH_1)).toBe(30);
    expect(await driver.persistHighWater(20, EPOCH_1)).toBe(30);
    expect(await driver.loadHighWater()).toBe(30);
  });

  // A08
  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, PHYSICAL_MS_MAX + 1, 2 ** 64])(
    'advance to %s, is refused and changes nothing',
    async (atLeast) => {
      await using driver = new MemoryDriver();
      await expect(driver.persistHighWater(atLeast, EPOCH_1)).rejects.toMatchObject({
        code: 'advance_out_of_range',
        atLeast,
      });
      expect(await driver.loadHighWater()).toBe(0);
      expect(await driver.persistHighWater(PHYSICAL_MS_MAX, EPOCH_1)).toBe(PHYSICAL_MS_MAX);
    },
  );

  test('advance at an epoch that is over, is fenced with the present one', async () => {
    await using driver = new MemoryDriver();
    driver.gainLeadership(toEpoch(9n));
    await expect(driver.persistHighWater(5, EPOCH_1)).rejects.toMatchObject({ code: 'fenced', epoch: 9n });
    await expect(driver.persistHighWater(5, toEpoch(10n))).rejects.toMatchObject({ code: 'not_leader' });
    expect(await driver.loadHighWater()).toBe(0);
  });

  test('calls while not leading, reject with not_leader', async () => {
    await using driver = new MemoryDriver();
    driver.loseLeadership();
    await expect(driver.loadHighWater()).rejects.toMatchObject({ code: 'not_leader' });
    await expect(driver.persistHighWater(5, EPOCH_1)).rejects.toMatchObject({ code: 'not_leader' });
  });

  test('signal aborted before the call, rejects with its reason and changes nothing', async () => {
    await using driver = new MemoryDriver();
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    await expect(driver.loadHighWater({ signal })).rejects.toBe(reason);
    await expect(driver.persistHighWater(5, EPOCH_1, { signal })).rejects.toBe(reason);
    expect(await driver.loadHighWater()).toBe(0);
  });

  test.each([0, -1, Number.NaN, 2 ** 31])('deadline of %s ms, is refused by name', async (timeoutMs) => {
    await using driver = new MemoryDriver();
    await expect(driver.loadHighWater({ timeoutMs })).rejects.toMatchObject({
      field: 'timeoutMs',
      value: timeoutMs,
    });
    await expect(driver.persistHighWater(5, EPOCH_1, { timeoutMs })).rejects.toThrow(InvalidInputError);
    expect(await driver.loadHighWater()).toBe(0);
  });

  test.each([-1, 0.5, 2 ** 46])('start at a high-water of %s, is refused by name', (highWaterMs) => {
    expect(() => new MemoryDriver({ highWaterMs })).toThrow(
      expect.objectContaining({ field: 'highWaterMs', value: highWaterMs }),
    );
  });
});

describe('memory driver: closing', () => {
  test('closed twice, stream ends, lease is void, calls reject with closed', async () => {
    const driver = new MemoryDriver();
    const stream = driver.leadershipEvents();
    const state = await nextState(stream);
    const waiting = stream.next();
    await driver.close();
    await driver.close();
    driver.gainLeadership();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(state.role === 'leader' && state.lease.isValid()).toBe(false);
    await expect(driver.loadHighWater()).rejects.toMatchObject({ code: 'closed' });
    await expect(driver.persistHighWater(1, EPOCH_1)).rejects.toMatchObject({ code: 'closed' });
  });
});
