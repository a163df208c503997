import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import { TsoServer, TsoServerError, type TsoServerOptions } from '../../src/service/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { encodeGetTsRequest, parseEndpoint } from '../../src/wire/index.js';
import { RawClient } from './raw-client.js';
import { grantOf, ScriptedOracle } from './scripted-oracle.js';
import { until, untilNoHandles } from './until.js';

const ONE = encodeGetTsRequest({ count: 1 });
const granting = (): ScriptedOracle => new ScriptedOracle((count) => grantOf(count));

describe("server's life", () => {
  const clients: RawClient[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  function clientOf(server: TsoServer): RawClient {
    const client = new RawClient(server.address);
    clients.push(client);
    return client;
  }

  function socketTo(server: TsoServer): Socket {
    const { host, port } = parseEndpoint(server.address) ?? { host: '', port: 0 };
    return connect({ host, port });
  }

  describe('start', () => {
    test('port 0: the port that was bound is told', async () => {
      await using server = await TsoServer.start({ oracle: granting(), listen: '127.0.0.1:0' });
      expect(server.address).toMatch(/^127\.0\.0\.1:[1-9][0-9]*$/);
      expect((await clientOf(server).call(ONE).reply).code).toBe(0);
    });

    test('a name is bound and told as it was given', async () => {
      await using server = await TsoServer.start({ oracle: granting(), listen: 'localhost:0' });
      expect(server.address).toMatch(/^localhost:[1-9][0-9]*$/);
      expect((await clientOf(server).call(ONE).reply).code).toBe(0);
    });

    test('a port in use: bind_failed, which names option, value and cause; nothing is left behind', async () => {
      const taken: Server = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const port = Reflect.get(taken.address() ?? {}, 'port');
      const failure = await TsoServer.start({ oracle: granting(), listen: `127.0.0.1:${port}` }).catch(
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(TsoServerError);
      expect(failure).toMatchObject({ code: 'bind_failed', cause: { code: 'EADDRINUSE' } });
      expect(String(failure)).toContain(`listen: cannot bind 127.0.0.1:${port}`);
      await new Promise((resolve) => taken.close(resolve));
      await untilNoHandles();
    });

    test.each<[string, Partial<TsoServerOptions>]>([
      ['listen', { listen: 'http://127.0.0.1:0' }],
      ['listen', { listen: '127.0.0.1' }],
      ['listen', { listen: '127.0.0.1:65536' }],
      ['maxConcurrentRequests', { maxConcurrentRequests: 0 }],
      ['maxConnections', { maxConnections: 0.5 }],
      ['grantTimeoutMs', { grantTimeoutMs: 3_600_001 }],
      ['maxRequestBytes', { maxRequestBytes: 63 }],
      ['keepaliveMs', { keepaliveMs: 999 }],
    ])('%s out of range is refused by name: %j', async (field, options) => {
      const start = TsoServer.start({ oracle: granting(), listen: '127.0.0.1:0', ...options });
      await expect(start).rejects.toMatchObject({
        name: 'InvalidInputError',
        field: `TsoServer options.${field}`,
      });
    });
  });

  describe('close', () => {
    test('nothing under way: resolves at once, idle connections are ended, the port is free again', async () => {
      const server = await TsoServer.start({ oracle: granting(), listen: '127.0.0.1:0' });
      const client = clientOf(server);
      expect((await client.call(ONE).reply).code).toBe(0);
      const { address } = server;
      // Far beyond the test's own time limit, so that waiting for it would show.
      await server.close({ graceMs: 3_600_000 });
      expect((await client.call(ONE).reply).code).toBe(14);
      await (await TsoServer.start({ oracle: granting(), listen: address })).close();
      client.close();
      await untilNoHandles();
    });

    test('a request under way ends before the server does; new ones are refused meanwhile', async () => {
      const oracle = new ScriptedOracle();
      const server = await TsoServer.start({ oracle, listen: '127.0.0.1:0' });
      const call = clientOf(server).call(ONE);
      await until('the oracle is asked', () => oracle.calls.length === 1);
      let closed = false;
      const closing = server.close({ graceMs: 3_600_000 }).then(() => {
        closed = true;
      });
      expect((await clientOf(server).call(ONE).reply).code).toBe(14);
      expect(closed).toBe(false);
      oracle.calls[0]?.resolve(grantOf(1));
      expect((await call.reply).code).toBe(0);
      await closing;
      expect(oracle.calls).toHaveLength(1);
    });

    test('a request that does not end is cut when the grace is over, and its grant aborted', async () => {
      const oracle = new ScriptedOracle();
      const server = await TsoServer.start({ oracle, listen: '127.0.0.1:0' });
      const call = clientOf(server).call(ONE);
      await until('the oracle is asked', () => oracle.calls.length === 1);
      await server.close({ graceMs: 20 });
      expect(oracle.calls[0]?.signal.aborted).toBe(true);
      expect((await call.reply).code).toBe(14);
      expect(server.requestsUnderWay).toBe(0);
    });

    test('a connection that says nothing is cut as well', async () => {
      const server = await TsoServer.start({ oracle: granting(), listen: '127.0.0.1:0' });
      const socket = socketTo(server);
      socket.on('error', () => {});
      const ended = new Promise((resolve) => socket.once('close', resolve));
      await new Promise((resolve) => socket.once('data', resolve));
      await server.close({ graceMs: 20 });
      await ended;
    });

    test('the grace is taken back when it is not needed, and kept to when it is', async () => {
      const clock = new VirtualClock();
      const idle = await TsoServer.start({ oracle: granting(), listen: '127.0.0.1:0', clock });
      await idle.close({ graceMs: 1_000 });
      expect(clock.armedTimers).toBe(0);

      const oracle = new ScriptedOracle();
      const server = await TsoServer.start({ oracle, listen: '127.0.0.1:0', clock });
      const call = clientOf(server).call(ONE);
      await until('the oracle is asked', () => oracle.calls.length === 1);
      const closing = server.close();
      const later = server.close({ graceMs: 10 });
      clock.advance(999);
      expect(oracle.calls[0]?.signal.aborted).toBe(false);
      clock.advance(1);
      await Promise.all([closing, later]);
      expect((await call.reply).code).toBe(14);
      expect(clock.armedTimers).toBe(0);
    });

    test('twice and at once: both wait for the same end', async () => {
      const oracle = new ScriptedOracle();
      const server = await TsoServer.start({ oracle, listen: '127.0.0.1:0' });
      const call = clientOf(server).call(ONE);
      await until('the oracle is asked', () => oracle.calls.length === 1);
      const ends = [server.close({ graceMs: 20 }), server.close({ graceMs: 3_600_000 }), server.close()];
      await Promise.all(ends);
      await server.close();
      expect((await call.reply).code).toBe(14);
    });

    test.each([-1, Number.NaN, 3_600_001])(
      'a grace of %d ms is refused, and nothing is closed',
      async (graceMs) => {
        await using server = await TsoServer.start({ oracle: granting(), listen: '127.0.0.1:0' });
        await expect(server.close({ graceMs })).rejects.toBeInstanceOf(InvalidInputError);
        expect((await clientOf(server).call(ONE).reply).code).toBe(0);
      },
    );
  });
});
