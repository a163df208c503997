import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ConsensusError, EPOCH_ZERO } from '../../src/consensus/index.js';
import { OracleError } from '../../src/oracle/index.js';
import { TsoServer, type TsoServerOptions } from '../../src/service/index.js';
import {
  decodeGetTsResponse,
  decodeLeaderHint,
  encodeGetTsRequest,
  parseEndpoint,
} from '../../src/wire/index.js';
import { type LogLine, recordingLogger } from '../driver/recording-logger.js';
import { RawClient, type RawReply } from './raw-client.js';
import { EPOCH, grantOf, ScriptedOracle } from './scripted-oracle.js';
import { until } from './until.js';

const ask = (count: number): Uint8Array => encodeGetTsRequest({ count });

describe('server', () => {
  const toClose: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
  });

  async function serve(
    oracle: ScriptedOracle,
    options: Partial<TsoServerOptions> = {},
  ): Promise<{ server: TsoServer; client: RawClient; lines: LogLine[] }> {
    const logger = recordingLogger();
    const server = await TsoServer.start({ oracle, listen: '127.0.0.1:0', logger, ...options });
    const client = new RawClient(server.address);
    toClose.push(
      () => server.close({ graceMs: 0 }),
      () => client.close(),
    );
    return { server, client, lines: logger.lines };
  }

  /** The reply to one request that the oracle rejects. */
  async function refused(error: unknown): Promise<RawReply & { lines: LogLine[] }> {
    const { client, lines } = await serve(
      new ScriptedOracle(() => {
        throw error;
      }),
    );
    return { ...(await client.call(ask(1)).reply), lines };
  }

  describe('grants', () => {
    test('a grant comes through as it is, with the epoch in both halves', async () => {
      const { client } = await serve(new ScriptedOracle((count) => grantOf(count, 2 ** 46 - 1, 7)));
      const { code, bytes } = await client.call(ask(3)).reply;
      expect(code).toBe(0);
      expect(decodeGetTsResponse(bytes ?? new Uint8Array())).toEqual(grantOf(3, 2 ** 46 - 1, 7));
    });

    test.each([1, 262_144])('a count of %i is granted whole', async (count) => {
      const { client } = await serve(new ScriptedOracle((asked) => grantOf(asked)));
      const { bytes } = await client.call(ask(count)).reply;
      expect(decodeGetTsResponse(bytes ?? new Uint8Array()).count).toBe(count);
    });

    test.each([0, 262_145, 2 ** 32 - 1])(
      'a count of %i is refused before the oracle is asked',
      async (count) => {
        const oracle = new ScriptedOracle((asked) => grantOf(asked));
        const { client } = await serve(oracle);
        expect(await client.call(ask(count)).reply).toMatchObject({
          code: 3,
          details: `count: must be within [1, 262144]; received ${count} (number)`,
        });
        expect(oracle.calls).toHaveLength(0);
      },
    );

    test.each([
      ['cut short', [0x08]],
      ['a count above 32 bits', [0x08, 0x80, 0x80, 0x80, 0x80, 0x10]],
      ['no protobuf', [0xff, 0xff, 0xff]],
    ])('a malformed request (%s) is refused as such', async (_name, bytes) => {
      const { client } = await serve(new ScriptedOracle((asked) => grantOf(asked)));
      const { code, details } = await client.call(Uint8Array.from(bytes)).reply;
      expect(code).toBe(3);
      expect(details).toMatch(/^not a GetTsRequest: /);
    });

    test('a request of a later version with more fields is served', async () => {
      const { client } = await serve(new ScriptedOracle((asked) => grantOf(asked)));
      const { code } = await client.call(Uint8Array.from([...ask(2), 0x7a, 0x02, 0x01, 0x02])).reply;
      expect(code).toBe(0);
    });

    test.each([
      ['fewer than asked for', grantOf(2)],
      ['more than asked for', grantOf(4)],
      ['beyond the end of the ms', grantOf(3, 1, 262_142)],
    ])('an oracle that grants %s: nothing is sent but INTERNAL', async (_name, grant) => {
      const { client, lines } = await serve(new ScriptedOracle(() => grant));
      expect(await client.call(ask(3)).reply).toMatchObject({ code: 13, details: 'this node has failed' });
      expect(lines).toMatchObject([{ level: 'error' }]);
    });

    test('a request beyond maxRequestBytes is refused', async () => {
      const { client } = await serve(new ScriptedOracle((asked) => grantOf(asked)), { maxRequestBytes: 64 });
      expect((await client.call(new Uint8Array(65)).reply).code).toBe(8);
    });

    test('a method that there is not is UNIMPLEMENTED', async () => {
      const { client } = await serve(new ScriptedOracle());
      expect((await client.call(ask(1), undefined, '/tsoracle.v1.TsoService/Other').reply).code).toBe(12);
    });
  });

  describe('refusals', () => {
    test('not the leader, which is known: FAILED_PRECONDITION with the whole hint', async () => {
      const leader = { epoch: EPOCH, endpoint: '10.0.0.7:50551' };
      const { code, hint } = await refused(new OracleError('not_leader', 'x', { leader }));
      expect(code).toBe(9);
      expect(decodeLeaderHint(hint ?? Uint8Array.of(1))).toEqual({
        leaderEndpoint: '10.0.0.7:50551',
        leaderEpoch: EPOCH,
      });
    });

    test('not the leader, whose address is not known: a hint of the epoch alone', async () => {
      const { hint } = await refused(new OracleError('not_leader', 'x', { leader: { epoch: EPOCH_ZERO } }));
      expect(decodeLeaderHint(hint ?? Uint8Array.of(1))).toEqual({ leaderEpoch: EPOCH_ZERO });
    });

    test('no leader known: FAILED_PRECONDITION without the trailer', async () => {
      expect(await refused(new OracleError('not_leader', 'x'))).toMatchObject({ code: 9, hint: undefined });
      expect(await refused(new ConsensusError('fenced', 'x'))).toMatchObject({ code: 9, hint: undefined });
    });

    test.each([
      ['transient', 14, 'debug'],
      ['closed', 14, 'debug'],
      ['permanent', 13, 'error'],
    ] as const)('%s: gRPC code %i; the cause is logged and not sent', async (code, status, level) => {
      const error = new OracleError(code, 'the secret', { cause: new Error('the secret') });
      const reply = await refused(error);
      expect(reply).toMatchObject({ code: status, hint: undefined });
      expect(JSON.stringify(reply.details)).not.toContain('secret');
      expect(reply.lines).toMatchObject([{ level, fields: { error } }]);
    });

    test('an oracle that throws instead of rejecting is answered with INTERNAL', async () => {
      const { client } = await serve(
        Object.assign(new ScriptedOracle(), {
          grant: () => {
            throw new Error('thrown');
          },
        }),
      );
      expect((await client.call(ask(1)).reply).code).toBe(13);
    });
  });

  describe('bounds', () => {
    test("the call's deadline reaches the oracle; without one, the server's own does", async () => {
      const oracle = new ScriptedOracle((asked) => grantOf(asked));
      const { client } = await serve(oracle, { grantTimeoutMs: 30_000 });
      await client.call(ask(1), 20_000).reply;
      await client.call(ask(1)).reply;
      await client.call(ask(1), 60_000).reply;
      const [first, second, third] = oracle.calls.map((call) => call.timeoutMs);
      expect(first).toBeGreaterThan(10_000);
      expect(first).toBeLessThanOrEqual(20_000);
      expect([second, third]).toEqual([30_000, 30_000]);
    });

    test('a deadline that passes: the client is told, the grant is aborted, a late grant goes nowhere', async () => {
      const oracle = new ScriptedOracle();
      const { client, server } = await serve(oracle);
      const { code } = await client.call(ask(1), 50).reply;
      expect(code).toBe(4);
      await until('the grant is aborted', () => oracle.calls[0]?.signal.aborted === true);
      expect(server.requestsUnderWay).toBe(0);
      oracle.calls[0]?.resolve(grantOf(1));
    });

    test('a client that cancels: the grant is aborted, a late error goes nowhere', async () => {
      const oracle = new ScriptedOracle();
      const { client, server, lines } = await serve(oracle);
      const call = client.call(ask(1));
      await until('the oracle is asked', () => oracle.calls.length === 1);
      call.cancel();
      expect((await call.reply).code).toBe(1);
      await until('the grant is aborted', () => oracle.calls[0]?.signal.aborted === true);
      expect(server.requestsUnderWay).toBe(0);
      oracle.calls[0]?.reject(new Error('late'));
      await call.reply;
      expect(lines).toEqual([]);
    });

    test('a client whose connection is lost: the grant is aborted', async () => {
      const oracle = new ScriptedOracle();
      const { client, server } = await serve(oracle);
      const call = client.call(ask(1));
      await until('the oracle is asked', () => oracle.calls.length === 1);
      call.cancel();
      client.close();
      await until('nothing is under way', () => server.requestsUnderWay === 0);
      expect(oracle.calls[0]?.signal.aborted).toBe(true);
    });

    test('one request more than allowed is UNAVAILABLE at once; then there is room again', async () => {
      const oracle = new ScriptedOracle();
      const { client, server } = await serve(oracle, { maxConcurrentRequests: 2 });
      // On a connection of its own: on the first one it would wait there, since a client may not begin more
      // than 2.
      const other = new RawClient(server.address);
      toClose.push(() => other.close());
      const first = client.call(ask(1));
      const second = client.call(ask(2));
      await until('both are asked for', () => oracle.calls.length === 2);
      expect(await other.call(ask(3)).reply).toMatchObject({ code: 14 });
      oracle.calls[0]?.resolve(grantOf(1));
      expect((await first.reply).code).toBe(0);
      oracle.answer = (count) => grantOf(count);
      expect((await other.call(ask(3)).reply).code).toBe(0);
      oracle.calls[1]?.resolve(grantOf(2));
      expect((await second.reply).code).toBe(0);
    });

    test('a connection beyond the limit is closed at once, and told', async () => {
      const { server, client, lines } = await serve(new ScriptedOracle((count) => grantOf(count)), {
        maxConnections: 1,
      });
      expect((await client.call(ask(1)).reply).code).toBe(0);
      const other = new RawClient(server.address);
      toClose.push(() => other.close());
      expect((await other.call(ask(1)).reply).code).toBe(14);
      expect(lines).toContainEqual(
        expect.objectContaining({ level: 'warn', message: 'a connection beyond the limit was closed' }),
      );
      expect((await client.call(ask(1)).reply).code).toBe(0);
    });

    test('bytes that are no HTTP/2 end their own connection only', async () => {
      const { server, client } = await serve(new ScriptedOracle((count) => grantOf(count)));
      expect((await client.call(ask(1)).reply).code).toBe(0);
      const { host, port } = parseEndpoint(server.address) ?? { host: '', port: 0 };
      const socket = connect({ host, port });
      const ended = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => {});
      socket.write('GET / HTTP/1.1\r\n\r\n');
      socket.resume();
      await ended;
      expect((await client.call(ask(1)).reply).code).toBe(0);
    });
  });
});
