import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConsensusError, type LeaderState, toEpoch } from '../../src/consensus/index.js';
import { LeadershipChannel } from '../../src/driver/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { recordingLogger } from './recording-logger.js';

const valid = { isValid: () => true };
const leader = (epoch: bigint): LeaderState => ({ role: 'leader', epoch: toEpoch(epoch), lease: valid });
const follower = (epoch: bigint, endpoint?: string): LeaderState => ({
  role: 'follower',
  leader: endpoint === undefined ? { epoch: toEpoch(epoch) } : { epoch: toEpoch(epoch), endpoint },
});
const unknown: LeaderState = { role: 'unknown' };

function setUp(initial: LeaderState) {
  let state = initial;
  const logger = recordingLogger();
  const channel = new LeadershipChannel({ read: () => state, logger });
  const change = (next: LeaderState): void => {
    state = next;
    channel.changed();
  };
  return { channel, change, logger };
}

/** What a stream tells, without the lease. */
function shown(result: IteratorResult<LeaderState, undefined>): string {
  if (result.done === true) return 'done';
  const state = result.value;
  switch (state.role) {
    case 'leader':
      return `leader ${state.epoch}`;
    case 'follower':
      return `follower ${state.leader.epoch} ${state.leader.endpoint ?? '-'}`;
    case 'unknown':
      return 'unknown';
  }
}

describe('leadership stream: what it tells', () => {
  test('first next, no transition ever, tells the current state at once', async () => {
    const { channel } = setUp(follower(7n, 'a:1'));
    expect(shown(await channel.open().next())).toBe('follower 7 a:1');
  });

  test('a transition while next waits, is told in the turn of the change', async () => {
    const { channel, change } = setUp(unknown);
    const stream = channel.open();
    await stream.next();
    const next = stream.next();
    change(leader(3n));
    change(follower(4n)); // Too late for this call: it was answered with the state of its own transition.
    expect(shown(await next)).toBe('leader 3');
    expect(shown(await stream.next())).toBe('follower 4 -');
  });

  test('role, epoch and endpoint stay the same, nothing is told', async () => {
    const { channel, change } = setUp(follower(5n, 'a:1'));
    const stream = channel.open();
    await stream.next();
    let told: string | undefined;
    const next = stream.next().then((result) => {
      told = shown(result);
    });
    change(follower(5n, 'a:1'));
    await settleMicrotasks();
    expect(told).toBeUndefined();
    change(follower(5n, 'b:1'));
    await next;
    expect(told).toBe('follower 5 b:1');
    const after = stream.next();
    change(follower(6n, 'b:1'));
    expect(shown(await after)).toBe('follower 6 b:1');
  });

  test('a slow consumer, sees only the latest of many states', async () => {
    const { channel, change } = setUp(unknown);
    const stream = channel.open();
    await stream.next();
    for (let epoch = 1n; epoch <= 1000n; epoch++) change(leader(epoch));
    expect(shown(await stream.next())).toBe('leader 1000');
  });

  test('calls that wait together, are answered in order, one transition each', async () => {
    const { channel, change } = setUp(unknown);
    const stream = channel.open();
    const results = [stream.next(), stream.next(), stream.next()];
    change(leader(1n));
    change(follower(2n));
    expect((await Promise.all(results)).map(shown)).toEqual(['unknown', 'leader 1', 'follower 2 -']);
  });

  // D07
  test('leader event is told late, carries the state of the reading as one value', async () => {
    const { channel, change } = setUp(leader(1n));
    const stream = channel.open();
    change(follower(2n, 'b:1'));
    expect(shown(await stream.next())).toBe('follower 2 b:1');
  });

  // D06
  test('a state below the highest epoch seen, is told as unknown', async () => {
    const { channel, change, logger } = setUp(follower(5n));
    const stream = channel.open();
    expect(shown(await stream.next())).toBe('follower 5 -');
    change(follower(4n));
    expect(shown(await stream.next())).toBe('unknown');
    change(leader(4n));
    change(follower(5n, 'a:1'));
    expect(shown(await stream.next())).toBe('follower 5 a:1');
    expect(logger.lines.map((line) => line.level)).toContain('warn');
  });

  // D06
  test('states seen while nobody listens, count for the highest epoch', async () => {
    const { channel, change } = setUp(unknown);
    change(follower(9n));
    change(follower(8n));
    expect(shown(await channel.open().next())).toBe('unknown');
  });

  // D06
  test('any sequence of states, any pace, epochs never fall and no state is told twice running', async () => {
    const state = fc.oneof(
      fc.constant(unknown),
      fc.bigInt(0n, 5n).map(leader),
      fc.tuple(fc.bigInt(0n, 5n), fc.constantFrom(undefined, 'a:1', 'b:1')).map(([e, at]) => follower(e, at)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(state, fc.boolean()), { maxLength: 30 }), async (steps) => {
        const { channel, change } = setUp(unknown);
        const stream = channel.open();
        const told: LeaderState[] = [];
        const take = (): Promise<void> =>
          stream.next().then((result) => {
            if (result.done !== true) told.push(result.value);
          });
        const takes = [take()];
        for (const [next, poll] of steps) {
          change(next);
          if (poll) takes.push(take());
        }
        channel.close();
        await Promise.all(takes);
        const epochs = told.flatMap((s) =>
          s.role === 'leader' ? [s.epoch] : s.role === 'follower' ? [s.leader.epoch] : [],
        );
        expect(epochs).toEqual([...epochs].sort((a, b) => (a < b ? -1 : 1)));
        const keys = told.map((value) => shown({ done: false, value }));
        expect(keys.some((key, i) => i > 0 && key === keys[i - 1])).toBe(false);
      }),
    );
  });
});

describe('leadership stream: who holds it', () => {
  // D04
  test('a second stream while one is live, first next rejects, counted and logged as an error', async () => {
    const { channel, logger } = setUp(leader(1n));
    const first = channel.open();
    const second = channel.open();
    const refusal = await second.next().catch((error: unknown) => error);
    expect(ConsensusError.is(refusal, 'stream_in_use')).toBe(true);
    expect(shown(await second.next())).toBe('done');
    expect(channel.refused).toBe(1);
    expect(logger.lines.map((line) => line.level)).toEqual(['error']);
    expect(shown(await first.next())).toBe('leader 1');
  });

  // D04
  test('refused stream is released, the live one keeps its place', async () => {
    const { channel } = setUp(leader(1n));
    channel.open();
    const refused = channel.open();
    await refused.return();
    refused[Symbol.dispose]();
    await expect(channel.open().next()).rejects.toMatchObject({ code: 'stream_in_use' });
  });

  // D04
  test.each([
    ['return()', async (stream: ReturnType<LeadershipChannel['open']>) => void (await stream.return())],
    ['disposal', async (stream: ReturnType<LeadershipChannel['open']>) => stream[Symbol.dispose]()],
    [
      'leaving a for await',
      async (stream: ReturnType<LeadershipChannel['open']>) => {
        for await (const _ of stream) break;
      },
    ],
  ])('release by %s, a new stream is served', async (_, release) => {
    const { channel } = setUp(leader(1n));
    const first = channel.open();
    await release(first);
    expect(shown(await first.next())).toBe('done');
    expect(shown(await channel.open().next())).toBe('leader 1');
    expect(channel.refused).toBe(0);
  });

  // D04
  test('a stream is released again and again, never frees the newer holder', async () => {
    const { channel } = setUp(leader(1n));
    const first = channel.open();
    first[Symbol.dispose]();
    const second = channel.open();
    for (let i = 0; i < 3; i++) {
      first[Symbol.dispose]();
      await first.return();
    }
    await expect(channel.open().next()).rejects.toMatchObject({ code: 'stream_in_use' });
    expect(shown(await second.next())).toBe('leader 1');
  });

  // D04
  test('holder has released its stream, its lease is void though the leadership goes on', async () => {
    const { channel } = setUp(leader(1n));
    const first = channel.open();
    const result = await first.next();
    if (result.done === true || result.value.role !== 'leader') throw new Error('expected a leader');
    const { lease } = result.value;
    expect(lease.isValid()).toBe(true);
    first[Symbol.dispose]();
    expect(lease.isValid()).toBe(false);
    channel.open();
    expect(lease.isValid()).toBe(false);
  });

  test('released while a next waits, that next is done', async () => {
    const { channel } = setUp(unknown);
    const stream = channel.open();
    await stream.next();
    const waiting = stream.next();
    stream[Symbol.dispose]();
    expect(shown(await waiting)).toBe('done');
  });

  test('channel closes, waiting and later calls and later streams are done', async () => {
    const { channel, change } = setUp(leader(1n));
    const stream = channel.open();
    const first = await stream.next();
    const waiting = stream.next();
    channel.close();
    channel.close();
    change(follower(2n));
    expect(shown(await waiting)).toBe('done');
    expect(shown(await stream.next())).toBe('done');
    expect(shown(await channel.open().next())).toBe('done');
    expect(first.done !== true && first.value.role === 'leader' && first.value.lease.isValid()).toBe(false);
  });
});
