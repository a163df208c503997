import { Metadata } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { TsoClient, type TsoClientOptions } from '../../src/client/index.js';
import { toEpoch } from '../../src/consensus/index.js';
import { MemoryDriver } from '../../src/driver/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import { type Grant, Oracle, OracleError, unpackTimestamp } from '../../src/oracle/index.js';
import { type TimestampGranter, TsoServer } from '../../src/service/index.js';
import { encodeGetTsResponse, encodeLeaderHint } from '../../src/wire/index.js';
import { ScriptedOracle } from '../service/scripted-oracle.js';
import { until, untilNoHandles } from '../service/until.js';
import { foreignServer } from './foreign-server.js';

const epoch = (value: number) => toEpoch(BigInt(value));

describe('client and server', () => {
  const toClose: (() => Promise<unknown> | unknown)[] = [];
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
    await untilNoHandles();
  });

  async function serve(
    oracle: TimestampGranter,
    listen = '127.0.0.1:0',
    maxConnections = 16,
  ): Promise<TsoServer> {
    const server = await TsoServer.start({ oracle, listen, maxConnections });
    toClose.push(() => server.close({ graceMs: 0 }));
    return server;
  }

  function clientOf(endpoints: readonly string[], options: Partial<TsoClientOptions> = {}): TsoClient {
    const client = new TsoClient({ endpoints, ...options });
    toClose.push(() => client.close());
    return client;
  }

  /** Grants one ms after the other, beginning at `ms`. */
  function granting(ms: number, at = epoch(1)): ScriptedOracle {
    let physicalMs = ms;
    return new ScriptedOracle(
      (count): Grant => ({ physicalMs: physicalMs++, logicalStart: 0, count, epoch: at }),
    );
  }

  function refusing(leader?: { epoch: ReturnType<typeof epoch>; endpoint: string }): ScriptedOracle {
    return new ScriptedOracle(() => {
      throw new OracleError('not_leader', 'not here', { leader });
    });
  }

  describe('timestamps', () => {
    test('one, several, a range', async () => {
      const client = clientOf([(await serve(granting(10))).address]);
      expect(await client.getTimestamp()).toBe(10n << 18n);
      expect(await client.getTimestamps(3)).toEqual([0n, 1n, 2n].map((logical) => (11n << 18n) + logical));
      const range = await client.getTimestampRange(262_144);
      expect(range).toEqual({ first: 12n << 18n, last: (13n << 18n) - 1n, count: 262_144, epoch: 1n });
      expect(client.leader).toMatchObject({ epoch: 1n });
    });

    test.each([1, 262_144])('a count of %i is granted whole', async (count) => {
      const client = clientOf([(await serve(granting(10))).address]);
      const timestamps = await client.getTimestamps(count);
      expect([timestamps.length, timestamps[0], timestamps.at(-1)]).toEqual([
        count,
        10n << 18n,
        (10n << 18n) + BigInt(count) - 1n,
      ]);
    });

    test.each([0, 262_145, 1.5])('a count of %d is refused by name', async (count) => {
      const client = clientOf(['127.0.0.1:1']);
      for (const call of [client.getTimestamps(count), client.getTimestampRange(count)]) {
        await expect(call).rejects.toMatchObject({ name: 'InvalidInputError', field: 'count', value: count });
      }
    });

    // O08: from the server's grant to the caller's bigint, through both codecs.
    test('not a digit is lost above 2^53, of timestamps and epochs', async () => {
      const highest = toEpoch(2n ** 128n - 2n);
      const grants: Grant[] = [
        { physicalMs: 2 ** 35 + 1, logicalStart: 3, count: 1, epoch: toEpoch(2n ** 53n + 1n) },
        { physicalMs: 2 ** 46 - 1, logicalStart: 2 ** 18 - 1, count: 1, epoch: highest },
      ];
      let next = 0;
      const oracle = new ScriptedOracle(() => grants[next++] as Grant);
      const client = clientOf([(await serve(oracle)).address]);
      expect(await client.getTimestampRange(1)).toMatchObject({
        first: ((2n ** 35n + 1n) << 18n) | 3n,
        epoch: 2n ** 53n + 1n,
      });
      expect(await client.getTimestampRange(1)).toMatchObject({ first: 2n ** 64n - 1n, epoch: highest });
    });

    test('a real oracle: 64 callers at once, over one connection, each timestamp once and in order', async () => {
      await using driver = new MemoryDriver();
      await using oracle = Oracle.start({ driver });
      const client = clientOf([(await serve(oracle, '127.0.0.1:0', 1)).address]);
      const seen = new Set<bigint>();
      const caller = async (): Promise<void> => {
        let last = -1n;
        for (let count = 0; count < 10; count++) {
          const timestamp = await client.getTimestamp();
          expect(timestamp).toBeGreaterThan(last);
          last = timestamp;
          seen.add(timestamp);
        }
      };
      await Promise.all(Array.from({ length: 64 }, caller));
      expect(seen.size).toBe(640);
      const { physicalMs } = unpackTimestamp(await client.getTimestamp());
      expect(Math.abs(physicalMs - Date.now())).toBeLessThan(10_000);
    });
  });

  describe('finding the leader', () => {
    test('by the hint of a follower, also to an endpoint that was not configured', async () => {
      const leader = await serve(granting(10, epoch(7)));
      const follower = await serve(refusing({ epoch: epoch(7), endpoint: leader.address }));
      const client = clientOf([follower.address]);
      expect(await client.getTimestamp()).toBe(10n << 18n);
      expect(client.leader).toEqual({ endpoint: leader.address, epoch: 7n });
    });

    // C06
    test('a hint with a scheme is not followed', async () => {
      const oracle = granting(10);
      const leader = await serve(oracle);
      const follower = await serve(refusing({ epoch: epoch(7), endpoint: `http://${leader.address}` }));
      const client = clientOf([follower.address], { timeoutMs: 60 });
      await expect(client.getTimestamp()).rejects.toMatchObject({
        code: 'timeout',
        cause: { grpcStatus: 9 },
      });
      expect(oracle.calls).toHaveLength(0);
    });

    test('a leader that is killed under load: its successor is found by everybody, and order is kept', async () => {
      const first = await serve(granting(10, epoch(1)));
      const second = await serve(refusing());
      const oracle = refusing();
      const third = await serve(oracle);
      const client = clientOf([first.address, second.address, third.address]);
      let last = 0n;
      const ending = new AbortController();
      const caller = async (): Promise<void> => {
        while (!ending.signal.aborted) {
          const floor = last;
          const { first: timestamp, epoch: at } = await client.getTimestampRange(1);
          expect(timestamp).toBeGreaterThan(floor);
          if (timestamp > last) last = timestamp;
          if (at === 2n) ending.abort();
        }
      };
      const callers = Promise.all(Array.from({ length: 32 }, caller));
      await until('they are served', () => last > 10n << 18n);
      await first.close({ graceMs: 0 });
      let ms = 1_000_000;
      oracle.answer = (count) => ({ physicalMs: ms++, logicalStart: 0, count, epoch: epoch(2) });
      await callers;
      expect(client.leader).toEqual({ endpoint: third.address, epoch: 2n });
    });

    test('the only node, killed and started again: found within the call, long before its deadline', async () => {
      const first = await serve(granting(10));
      const client = clientOf([first.address], { timeoutMs: 30_000 });
      await client.getTimestamp();
      await first.close({ graceMs: 0 });
      const call = client.getTimestamp();
      await until('the search is on', () => client.leader === undefined);
      const beganMs = performance.now();
      await serve(granting(20), first.address);
      expect(await call).toBe(20n << 18n);
      expect(performance.now() - beganMs).toBeLessThan(2_000);
    });

    test("a server of another make is served as well: the gRPC library's", async () => {
      const leader = await foreignServer((_call, send) => {
        const grant = { physicalMs: 10, logicalStart: 4, count: 1, epoch: epoch(3) };
        send(null, Buffer.from(encodeGetTsResponse(grant)));
      });
      const follower = await foreignServer((_call, send) => {
        const metadata = new Metadata();
        const hint = { leaderEndpoint: `127.0.0.1:${leader.port}`, leaderEpoch: epoch(3) };
        metadata.set('tsoracle-leader-hint-bin', Buffer.from(encodeLeaderHint(hint)));
        send({ code: 9, details: 'not the leader', metadata });
      });
      toClose.push(leader.cut, follower.cut);
      const client = clientOf([`127.0.0.1:${follower.port}`]);
      expect(await client.getTimestamp()).toBe((10n << 18n) | 4n);
    });
  });

  describe('bounds', () => {
    test('the deadline of a call, while the server waits: timeout, and the server gives the grant up', async () => {
      const oracle = new ScriptedOracle();
      const client = clientOf([(await serve(oracle)).address]);
      await expect(client.getTimestamp({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'timeout' });
      await until(
        'given up',
        () => oracle.calls.length > 0 && oracle.calls.every(({ signal }) => signal.aborted),
      );
      expect(oracle.calls[0]?.timeoutMs).toBeLessThanOrEqual(50);
    });

    test('an abort reaches the caller and the server', async () => {
      const oracle = new ScriptedOracle();
      const long = { timeoutMs: 3_600_000, attemptTimeoutMs: 3_600_000 };
      const client = clientOf([(await serve(oracle, '127.0.0.1:0')).address], long);
      const ending = new AbortController();
      const call = client.getTimestamp({ signal: ending.signal });
      await until('the server is asked', () => oracle.calls.length === 1);
      ending.abort(new Error('enough'));
      await expect(call).rejects.toBe(ending.signal.reason);
      await until('given up', () => oracle.calls[0]?.signal.aborted === true);
      expect(client.callsUnderWay).toBe(0);
    });

    test('close with calls under way: each rejects with closed, nothing is left behind', async () => {
      const oracle = new ScriptedOracle();
      const server = await serve(oracle);
      const client = clientOf([server.address, '127.0.0.1:1']);
      const calls = Array.from({ length: 8 }, () => client.getTimestamp());
      const ends = Promise.allSettled(calls);
      await until('the server is asked', () => oracle.calls.length === 1);
      await client.close();
      for (const end of await ends) expect(end).toMatchObject({ reason: { code: 'closed' } });
      await expect(client.getTimestamp()).rejects.toMatchObject({ code: 'closed' });
      await client.close();
      await server.close({ graceMs: 0 });
      await untilNoHandles();
    });

    test('a client that was never used is closed at once; `await using` closes it', async () => {
      await using client = new TsoClient({ endpoints: ['127.0.0.1:1'] });
      expect(client.leader).toBeUndefined();
    });

    test.each<[string, Partial<TsoClientOptions>]>([
      ['endpoints', { endpoints: [] }],
      ['endpoints.1', { endpoints: ['a:1', 'http://b:1'] }],
      ['endpoints.0', { endpoints: ['a:0'] }],
      ['timeoutMs', { timeoutMs: 0 }],
      ['attemptTimeoutMs', { attemptTimeoutMs: 3_600_001 }],
      ['retryDelayMs', { retryDelayMs: 0 }],
      ['retryDelayMaxMs', { retryDelayMs: 50, retryDelayMaxMs: 49 }],
      ['maxConcurrentCalls', { maxConcurrentCalls: 0 }],
      ['maxHintedEndpoints', { maxHintedEndpoints: 65 }],
      ['maxResponseBytes', { maxResponseBytes: 63 }],
    ])('the option %s out of range is refused by name: %j', (field, options) => {
      const make = (): TsoClient => new TsoClient({ endpoints: ['a:1'], ...options });
      expect(make).toThrow(InvalidInputError);
      expect(make).toThrow(`TsoClient options.${field}: `);
    });
  });
});
