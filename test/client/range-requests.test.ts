import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import type { GrantedRange } from '../../src/client/granted-range.js';
import type { AttemptError } from '../../src/client/index.js';
import { RangeRequests } from '../../src/client/range-requests.js';
import {
  type TsoCallOptions,
  type TsoClientOptions,
  tsoClientSettingsSchema,
} from '../../src/client/tso-client-options.js';
import type { UnaryReply } from '../../src/client/unary-reply.js';
import { InvalidInputError } from '../../src/errors/index.js';
import { withResolvers } from '../../src/runtime/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { type LogLine, recordingLogger } from '../driver/recording-logger.js';
import {
  epoch,
  granted,
  leader,
  type Node,
  notLeader,
  ok,
  refusesConnections,
  ScriptedChannels,
  silent,
  status,
} from './scripted-channels.js';

interface Watched {
  range: GrantedRange | undefined;
  error: unknown;
  ends: number;
}

describe('range requests', () => {
  let clock: VirtualClock;
  let channels: ScriptedChannels;
  let requests: RangeRequests;
  let lines: LogLine[];
  beforeEach(() => use({}));

  function use(options: Partial<TsoClientOptions>): void {
    clock = new VirtualClock();
    channels = new ScriptedChannels(clock);
    const logger = recordingLogger();
    lines = logger.lines;
    let floats = 0;
    requests = new RangeRequests({
      settings: tsoClientSettingsSchema.parse({ endpoints: ['a:1', 'b:1', 'c:1'], ...options }),
      clock,
      // It begins at a:1; its rests last half of their delays.
      random: { nextFloat: () => (floats++ === 0 ? 0 : 0), nextId: () => '' },
      logger,
      openChannel: channels.open,
    });
  }

  function node(name: 'a' | 'b' | 'c' | 'x', behaviour: Node): void {
    channels.nodes.set(`${name}:1`, behaviour);
  }

  function begin(count = 1, options: TsoCallOptions = {}): Watched {
    const watched: Watched = { range: undefined, error: undefined, ends: 0 };
    requests.request(count, options).then(
      (range) => {
        watched.range = range;
        watched.ends += 1;
      },
      (error: unknown) => {
        watched.error = error;
        watched.ends += 1;
      },
    );
    return watched;
  }

  /** A call that must end without any time passing. */
  async function atOnce(count = 1, options: TsoCallOptions = {}): Promise<Watched> {
    const watched = begin(count, options);
    await settleMicrotasks();
    expect(watched.ends).toBe(1);
    return watched;
  }

  describe('grants', () => {
    test.each([1, 2, 262_144])('a count of %i comes as one range', async (count) => {
      node('a', leader(5));
      const { range } = await atOnce(count);
      const first = 5n << 18n;
      expect(range).toEqual({ first, last: first + BigInt(count) - 1n, count, epoch: 1n });
    });

    test.each([0, 262_145, -1, 1.5, Number.NaN])(
      'a count of %d is refused, and nobody is asked',
      async (count) => {
        const { error } = await atOnce(count);
        expect(error).toBeInstanceOf(InvalidInputError);
        expect(error).toMatchObject({ field: 'count', value: count });
        expect(channels.asked).toEqual([]);
      },
    );

    // O08
    test('the highest timestamps that there are come without a digit lost', async () => {
      node('a', () =>
        granted({ physicalMs: 2 ** 46 - 1, logicalStart: 2 ** 18 - 3, count: 3, epoch: epoch(1) }),
      );
      const { range } = await atOnce(3);
      expect([range?.first, range?.last]).toEqual([2n ** 64n - 3n, 2n ** 64n - 1n]);
    });
  });

  describe('finding the leader', () => {
    test('by a hint to a configured endpoint: two attempts, no pause; then one for each call', async () => {
      node('a', () => notLeader({ leaderEndpoint: 'c:1', leaderEpoch: epoch(1) }));
      node('c', leader());
      await atOnce();
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'c:1', 'c:1']);
      expect(requests.leader).toEqual({ endpoint: 'c:1', epoch: 1n });
    });

    test('by a hint to an endpoint that was not configured', async () => {
      node('a', () => notLeader({ leaderEndpoint: 'x:1', leaderEpoch: epoch(1) }));
      node('x', leader());
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'x:1']);
    });

    test('by asking in turn, past a node that is down and one that knows nothing', async () => {
      node('a', refusesConnections);
      node('b', () => notLeader());
      node('c', leader());
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'b:1', 'c:1']);
    });

    // C06, C01
    test.each([
      ['a scheme', 'http://x:1'],
      ['another scheme', 'dns:///x:1'],
      ['no port', 'x'],
      ['port 0', 'x:0'],
      ['a path', 'x:1/y'],
      ['nothing', ''],
    ])('a hint with %s is not followed, and the search goes on', async (_name, leaderEndpoint) => {
      node('a', () => notLeader({ leaderEndpoint, leaderEpoch: epoch(9) }));
      node('b', leader());
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'b:1']);
    });

    test.each([
      ['not base64', '!!!'],
      ['no protobuf', Buffer.of(0xff).toString('base64')],
    ])('a hint that is %s is as good as none', async (_name, text) => {
      node('a', () => ({ ...notLeader(), metadata: { 'tsoracle-leader-hint-bin': text } }));
      node('b', leader());
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'b:1']);
    });

    // C01
    test('a refusal without a hint by another node does not shake the leader', async () => {
      const late = withResolvers<UnaryReply>();
      node('a', () => late.promise);
      node('b', leader());
      const first = begin();
      await settleMicrotasks();
      await atOnce();
      late.resolve(notLeader());
      await settleMicrotasks();
      expect(first.range).toBeDefined();
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'b:1', 'b:1', 'b:1']);
    });

    // C02
    test('a late hint to an older leader is not followed', async () => {
      const late = withResolvers<UnaryReply>();
      node('a', () => late.promise);
      node('b', leader(1_000, epoch(7)));
      node('c', leader(1_000, epoch(6)));
      begin();
      await settleMicrotasks();
      await atOnce();
      late.resolve(notLeader({ leaderEndpoint: 'c:1', leaderEpoch: epoch(6) }));
      await settleMicrotasks();
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'b:1', 'b:1', 'b:1']);
    });

    // C03
    test('an election of one and a half timeouts: the call waits it out', async () => {
      for (const name of ['a', 'b', 'c'] as const) node(name, () => notLeader());
      const call = begin();
      await clock.advanceAsync(150);
      expect(call.ends).toBe(0);
      node('b', leader());
      await clock.advanceAsync(100);
      expect(call.range).toBeDefined();
      expect(channels.asked.length).toBeLessThanOrEqual(3 * 8);
    });

    // C03
    test('all nodes name a leader that is gone, until a new one is there: its hint is believed', async () => {
      const stale: Node = () => notLeader({ leaderEndpoint: 'a:1', leaderEpoch: epoch(3) });
      node('a', refusesConnections);
      node('b', stale);
      node('c', stale);
      const call = begin();
      await clock.advanceAsync(300);
      expect(call.ends).toBe(0);
      node('b', () => notLeader({ leaderEndpoint: 'c:1', leaderEpoch: epoch(4) }));
      node('c', leader(1_000, epoch(4)));
      await clock.advanceAsync(100);
      expect(call.range?.epoch).toBe(4n);
    });

    test('a leader that is killed: its successor is found, and the pauses on the way are short', async () => {
      node('a', leader(1_000, epoch(1)));
      await atOnce();
      node('a', refusesConnections);
      for (const name of ['b', 'c'] as const) node(name, () => notLeader());
      const calls = [begin(), begin(), begin()];
      await clock.advanceAsync(200);
      node('c', leader(2_000, epoch(2)));
      await clock.advanceAsync(50);
      expect(calls.map(({ range }) => range?.epoch)).toEqual([2n, 2n, 2n]);
    });

    test('a leader without a lease is asked again after a pause', async () => {
      let refusals = 3;
      const grant = leader();
      node('a', (attempt) => (refusals-- > 0 ? status(14) : grant(attempt)));
      for (const name of ['b', 'c'] as const) {
        node(name, () => notLeader({ leaderEndpoint: 'a:1', leaderEpoch: epoch(1) }));
      }
      const call = begin();
      await clock.advanceAsync(100);
      expect(call.range).toBeDefined();
    });

    test.each([1, 2, 4, 7, 8, 12, 13, 16, 99])(
      'gRPC status %i of one node: another one is asked',
      async (code) => {
        node('a', () => status(code));
        node('b', leader());
        await atOnce();
        expect(channels.asked).toEqual(['a:1', 'b:1']);
      },
    );
  });

  describe('bounds', () => {
    test('a silent node costs one attempt; the call goes on, and later calls leave the node alone', async () => {
      node('a', silent);
      node('b', leader());
      const call = begin();
      await clock.advanceAsync(999);
      expect(call.ends).toBe(0);
      await clock.advanceAsync(1);
      expect(call.range).toBeDefined();
      await atOnce();
      expect(channels.asked).toEqual(['a:1', 'b:1', 'b:1']);
    });

    test('an attempt never has more than half of its call, so that a silent node does not take it all', async () => {
      node('a', silent);
      node('b', leader());
      const call = begin(1, { timeoutMs: 300 });
      await clock.advanceAsync(150);
      expect(call.range).toBeDefined();
      expect(channels.attempts.map(({ waitMs }) => waitMs)).toEqual([150, 150]);
    });

    test('a node is told how long it has: no longer than the attempt, nor than the call', async () => {
      node('a', silent);
      node('b', silent);
      node('c', silent);
      begin(1, { timeoutMs: 2_500 });
      await clock.advanceAsync(2_500);
      expect(channels.attempts.map(({ deadlineMs }) => deadlineMs)).toEqual([1_000, 1_000, 500]);
    });

    test('no leader until the deadline: timeout, with the last failure as its cause', async () => {
      for (const name of ['a', 'b', 'c'] as const) node(name, () => notLeader());
      const call = begin(1, { timeoutMs: 400 });
      await clock.advanceAsync(399);
      expect(call.ends).toBe(0);
      await clock.advanceAsync(1);
      expect(call.error).toMatchObject({ name: 'TsoClientError', code: 'timeout' });
      expect(call.error).toHaveProperty('cause.grpcStatus', 9);
      expect(String(call.error)).toMatch(
        /no timestamp within 400 ms, after \d+ attempts of this call; last: .:1: not the leader/,
      );
    });

    test('a call that never had a turn is told the failure that others have seen', async () => {
      use({ endpoints: ['a:1'], attemptTimeoutMs: 1_000 });
      node('a', () => status(14, 'no lease'));
      begin(1, { timeoutMs: 5_000 });
      await settleMicrotasks();
      node('a', silent);
      await clock.advanceAsync(100);
      const second = begin(1, { timeoutMs: 100 });
      await clock.advanceAsync(100);
      const cause: AttemptError = Reflect.get(Object(second.error), 'cause');
      expect(cause.message).toBe('a:1: no lease');
      expect(String(second.error)).toContain('after 0 attempts');
    });

    test("the deadline is the client's, unless the call names its own", async () => {
      use({ timeoutMs: 70 });
      const calls = [begin(), begin(1, { timeoutMs: 90 })];
      await clock.advanceAsync(70);
      expect(calls.map(({ ends }) => ends)).toEqual([1, 0]);
      await clock.advanceAsync(20);
      expect(calls.map(({ ends }) => ends)).toEqual([1, 1]);
    });

    test.each([0, 0.5, 3_600_001, Number.NaN, Number.POSITIVE_INFINITY])(
      'a deadline of %d ms is refused, and nobody is asked',
      async (timeoutMs) => {
        expect((await atOnce(1, { timeoutMs })).error).toMatchObject({
          field: 'timeoutMs',
          value: timeoutMs,
        });
        expect(channels.asked).toEqual([]);
      },
    );

    test('a signal ends the call with its reason: before, in an attempt, in a pause', async () => {
      expect((await atOnce(1, { signal: AbortSignal.abort('before') })).error).toBe('before');
      expect(channels.asked).toEqual([]);
      const inAttempt = new AbortController();
      for (const name of ['a', 'b', 'c'] as const) node(name, silent);
      const first = begin(1, { signal: inAttempt.signal });
      await settleMicrotasks();
      inAttempt.abort('in an attempt');
      await settleMicrotasks();
      expect(first.error).toBe('in an attempt');
      expect(channels.attempts[0]?.signal.aborted).toBe(true);

      for (const name of ['a', 'b', 'c'] as const) node(name, () => notLeader());
      const inPause = new AbortController();
      const second = begin(1, { signal: inPause.signal });
      await settleMicrotasks();
      inPause.abort('in a pause');
      await settleMicrotasks();
      expect(second.error).toBe('in a pause');
      expect(clock.armedTimers).toBe(0);
    });

    test.each(['abort', 'deadline', 'refusal'])(
      'a call that ends by %s leaves its endpoint to the next one',
      async (end) => {
        use({ endpoints: ['a:1'] });
        node('a', end === 'refusal' ? () => status(3) : silent);
        const ending = new AbortController();
        const first = begin(1, {
          signal: ending.signal,
          timeoutMs: 900,
          ...(end === 'deadline' && { timeoutMs: 1 }),
        });
        await settleMicrotasks();
        if (end === 'abort') ending.abort();
        if (end === 'deadline') await clock.advanceAsync(1);
        await settleMicrotasks();
        expect(first.ends).toBe(1);
        node('a', leader());
        const second = begin();
        await clock.advanceAsync(50);
        expect(second.range).toBeDefined();
      },
    );

    test("the caller's signal is let go of when the call has ended", async () => {
      node('a', leader());
      const ending = new AbortController();
      await atOnce(1, { signal: ending.signal });
      expect(getEventListeners(ending.signal, 'abort')).toEqual([]);
    });

    test('one call more than allowed is refused at once; then there is room again', async () => {
      use({ maxConcurrentCalls: 2 });
      const replies = [withResolvers<UnaryReply>(), withResolvers<UnaryReply>()];
      let next = 0;
      node('a', async () => (await replies[next++]?.promise) ?? status(13));
      const calls = [begin(), begin()];
      await settleMicrotasks();
      expect((await atOnce()).error).toMatchObject({ code: 'too_many_calls' });
      node('a', leader());
      node('b', leader());
      replies[0]?.resolve(granted({ physicalMs: 1, logicalStart: 0, count: 1, epoch: epoch(1) }));
      await clock.advanceAsync(100);
      expect(calls[0]?.range).toBeDefined();
      expect((await atOnce()).range).toBeDefined();
    });

    test('when calls have ended, however they did, no timer and no call is left', async () => {
      node('b', leader());
      begin();
      begin(1, { timeoutMs: 50 });
      await clock.advanceAsync(60);
      node('b', silent);
      begin(1, { timeoutMs: 50 });
      await clock.advanceAsync(60);
      expect([clock.armedTimers, requests.callsUnderWay]).toEqual([0, 0]);
    });
  });

  describe('answers that make no sense', () => {
    const grant = { physicalMs: 1, logicalStart: 0, count: 3, epoch: epoch(1) };

    test.each<[string, UnaryReply]>([
      ['fewer than asked for', granted({ ...grant, count: 2 })],
      ['more than asked for', granted({ ...grant, count: 4 })],
      ['beyond the end of the ms', granted({ ...grant, logicalStart: 262_142 })],
      ['a time above 2^46 - 1', granted({ ...grant, physicalMs: 2 ** 46 })],
      ['no message', ok(undefined)],
      ['an empty message', ok(new Uint8Array())],
      ['no protobuf', ok(Uint8Array.of(0xff))],
      // O08: the field can hold it, a number cannot.
      [
        'a time above 2^53',
        ok(Uint8Array.of(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)),
      ],
    ])('%s: bad_response, at once', async (_name, reply) => {
      node('a', () => reply);
      const { error } = await atOnce(3);
      expect(error).toMatchObject({ code: 'bad_response', cause: { endpoint: 'a:1', grpcStatus: 0 } });
      expect(channels.asked).toEqual(['a:1']);
    });

    test('the last timestamps of a ms are no mistake', async () => {
      node('a', () => granted({ ...grant, logicalStart: 262_141 }));
      expect((await atOnce(3)).range?.first).toBe((1n << 18n) | 262_141n);
    });

    test('a node that holds the request for wrong: refused, at once, and it stays the leader', async () => {
      node('a', leader());
      await atOnce();
      node('a', () => status(3, 'count: too many'));
      expect((await atOnce()).error).toMatchObject({
        code: 'refused',
        message: 'the request was refused: a:1: count: too many',
      });
      expect(requests.leader?.endpoint).toBe('a:1');
    });
  });

  describe('order', () => {
    const at = (physicalMs: number): UnaryReply =>
      granted({ physicalMs, logicalStart: 0, count: 1, epoch: epoch(1) });

    test.each([1_000, 999])(
      'after a timestamp of 1,000 ms, one of %i ms is never returned',
      async (physicalMs) => {
        node('a', () => at(1_000));
        await atOnce();
        node('a', () => at(physicalMs));
        expect((await atOnce()).error).toMatchObject({ code: 'order_violation' });
        expect(lines).toContainEqual(expect.objectContaining({ level: 'error' }));
        node('a', () => at(1_001));
        expect((await atOnce()).range?.first).toBe(1_001n << 18n);
      },
    );

    test('the whole range counts as returned', async () => {
      node('a', () => granted({ physicalMs: 1, logicalStart: 0, count: 5, epoch: epoch(1) }));
      await atOnce(5);
      node('a', () => granted({ physicalMs: 1, logicalStart: 4, count: 1, epoch: epoch(1) }));
      expect((await atOnce()).error).toMatchObject({ code: 'order_violation' });
      node('a', () => granted({ physicalMs: 1, logicalStart: 5, count: 1, epoch: epoch(1) }));
      expect((await atOnce()).range).toBeDefined();
    });

    test('calls that overlap may come in any order', async () => {
      node('a', () => at(1));
      await atOnce();
      const late = withResolvers<UnaryReply>();
      node('a', () => late.promise);
      const first = begin();
      await settleMicrotasks();
      node('a', () => at(3));
      await atOnce();
      late.resolve(at(2));
      await settleMicrotasks();
      expect(first.range?.first).toBe(2n << 18n);
      expect((await atOnce()).error).toMatchObject({ code: 'order_violation' });
    });

    // C05
    test('the late reply of an abandoned attempt serves no other call, nor its own', async () => {
      const late = withResolvers<UnaryReply>();
      node('a', () => late.promise);
      node('b', leader(2_000));
      const call = begin();
      await clock.advanceAsync(1_000);
      expect(call.range?.first).toBe(2_000n << 18n);
      const other = begin();
      late.resolve(at(9_000));
      await settleMicrotasks();
      expect(other.range?.first).toBe(2_001n << 18n);
      expect([call.ends, other.ends]).toEqual([1, 1]);
      expect(requests.leader?.endpoint).toBe('b:1');
    });
  });

  describe('close', () => {
    test('calls under way end with closed, in an attempt or in a pause; the channels are closed', async () => {
      for (const name of ['a', 'b', 'c'] as const) node(name, silent);
      const calls = [begin(), begin(), begin(), begin()];
      await settleMicrotasks();
      await Promise.all([requests.close(), requests.close()]);
      expect(calls.map(({ error }) => Reflect.get(Object(error), 'code'))).toEqual(Array(4).fill('closed'));
      expect(channels.closed.sort()).toEqual(['a:1', 'b:1', 'c:1']);
      expect([clock.armedTimers, requests.callsUnderWay]).toEqual([0, 0]);
    });

    test('afterwards every call is refused, and nobody is asked', async () => {
      await requests.close();
      expect((await atOnce()).error).toMatchObject({ code: 'closed' });
      expect(channels.opened).toEqual([]);
    });

    test('the channel of a forgotten endpoint is closed when it gives way', async () => {
      use({ endpoints: ['a:1'], maxHintedEndpoints: 1 });
      const named = ['x:1', 'y:1'];
      let at = 0;
      node('a', () => notLeader({ leaderEndpoint: named[at] ?? '', leaderEpoch: epoch(++at) }));
      const call = begin(1, { timeoutMs: 200 });
      await clock.advanceAsync(200);
      expect(call.error).toMatchObject({ code: 'timeout' });
      expect(channels.opened).toEqual(['a:1', 'x:1', 'y:1']);
      expect(channels.closed).toEqual(['x:1']);
    });
  });
});
