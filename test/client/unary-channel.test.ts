import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type handleUnaryCall, Metadata } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { NoAnswerError } from '../../src/client/no-answer-error.js';
import {
  type UnaryCallBounds,
  UnaryChannel,
  type UnaryChannelOptions,
} from '../../src/client/unary-channel.js';
import { binaryHeader, frameMessage, type UnaryReply } from '../../src/client/unary-reply.js';
import { systemClock } from '../../src/runtime/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { GET_TS_PATH } from '../../src/wire/index.js';
import { until, untilNoHandles } from '../service/until.js';
import { foreignServer } from './foreign-server.js';

const REQUEST = Uint8Array.of(0x08, 0x01);

const toClose: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

function channelTo(port: number, options: Partial<UnaryChannelOptions> = {}): UnaryChannel {
  const channel = new UnaryChannel({
    endpoint: { host: '127.0.0.1', port },
    clock: systemClock,
    silenceMs: 5_000,
    maxResponseBytes: 64,
    ...options,
  });
  toClose.push(() => channel.close());
  return channel;
}

function call(
  channel: UnaryChannel,
  bounds: Partial<UnaryCallBounds> = {},
  request = REQUEST,
): Promise<UnaryReply> {
  const { signal } = new AbortController();
  return channel.call(GET_TS_PATH, request, { waitMs: 5_000, deadlineMs: 5_000, signal, ...bounds });
}

/** What a call that must fail rejects with. */
async function failure(reply: Promise<UnaryReply>): Promise<NoAnswerError> {
  const error = await reply.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof NoAnswerError) return error;
  throw new Error('the call was answered, or failed otherwise', { cause: error });
}

const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, send) => send(null, request);

async function listening(server: Server | Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Reflect.get(server.address() ?? {}, 'port');
}

/** A server that speaks HTTP/2 and answers as it is told. */
async function http2Server(
  answer: (stream: ServerHttp2Stream) => void,
): Promise<{ port: number; sessions: Set<ServerHttp2Session> }> {
  const server = createHttp2Server();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  const port = await listening(server);
  toClose.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port, sessions };
}

/** A server that speaks nothing of HTTP/2. */
async function tcpServer(answer: (socket: Socket) => void): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    answer(socket);
  });
  const port = await listening(server);
  toClose.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, sockets };
}

describe("unary channel: with the gRPC library's server", () => {
  async function serve(answer: handleUnaryCall<Buffer, Buffer>, port = 0) {
    const server = await foreignServer(answer, port);
    toClose.push(() => server.cut());
    return server;
  }

  test('a message there and back', async () => {
    const { port } = await serve(echo);
    expect(await call(channelTo(port))).toMatchObject({
      status: 0,
      details: 'OK',
      message: Buffer.from(REQUEST),
    });
  });

  test('an empty message there and back', async () => {
    const { port } = await serve((_call, send) => send(null, Buffer.alloc(0)));
    expect(await call(channelTo(port))).toMatchObject({ status: 0, message: Buffer.alloc(0) });
  });

  test('a status with text and binary trailer', async () => {
    const metadata = new Metadata();
    metadata.set('x-bin', Buffer.of(0, 1, 250));
    const { port } = await serve((_call, send) => send({ code: 9, details: 'nicht hier: é%', metadata }));
    const reply = await call(channelTo(port));
    expect(reply).toMatchObject({ status: 9, details: 'nicht hier: é%', message: undefined });
    expect(binaryHeader(reply.metadata, 'x-bin')).toEqual(Buffer.of(0, 1, 250));
  });

  test('64 calls side by side over one connection, each with its own answer', async () => {
    const { port } = await serve(echo);
    const channel = channelTo(port);
    const replies = await Promise.all(
      Array.from({ length: 64 }, (_, index) => call(channel, {}, Uint8Array.of(index))),
    );
    expect(replies.map(({ message }) => message?.[0])).toEqual(
      Array.from({ length: 64 }, (_, index) => index),
    );
  });

  test('the server is told how long it has', async () => {
    let leftMs = 0;
    const { port } = await serve((serverCall, send) => {
      leftMs = Number(serverCall.getDeadline()) - Date.now();
      send(null, Buffer.alloc(0));
    });
    await call(channelTo(port), { deadlineMs: 60_000.5 });
    expect(leftMs).toBeGreaterThan(30_000);
    expect(leftMs).toBeLessThanOrEqual(60_001);
  });

  test('a call that is aborted: rejects with the reason at once, and the server is told', async () => {
    let cancelled = false;
    let asked = false;
    const { port } = await serve((serverCall) => {
      asked = true;
      serverCall.on('cancelled', () => {
        cancelled = true;
      });
    });
    const ending = new AbortController();
    const channel = channelTo(port);
    const reply = call(channel, { signal: ending.signal, deadlineMs: 3_600_000 });
    await until('the server is asked', () => asked);
    ending.abort('enough');
    await expect(reply).rejects.toBe('enough');
    await until('the server is told', () => cancelled);
    await expect(call(channel, { signal: ending.signal })).rejects.toBe('enough');
  });

  // C05
  test('an answer after the wait goes nowhere; the next call has its own', async () => {
    const sends: (() => void)[] = [];
    const { port } = await serve(({ request }, send) => sends.push(() => send(null, request)));
    const channel = channelTo(port);
    const late = await failure(call(channel, { waitMs: 30 }));
    expect(late).toMatchObject({ message: 'no answer within 30 ms', isSilence: true });
    const next = call(channel, {}, Uint8Array.of(9));
    await until('both are asked for', () => sends.length === 2);
    for (const send of sends) send();
    expect((await next).message).toEqual(Buffer.of(9));
  });

  test('a server that ends in good order: calls under way are answered, the next call finds its successor', async () => {
    const sends: (() => void)[] = [];
    const first = await serve(({ request }, send) => sends.push(() => send(null, request)));
    const channel = channelTo(first.port);
    const underWay = call(channel);
    await until('it is asked', () => sends.length === 1);
    const drained = first.drain();
    for (const send of sends) send();
    expect((await underWay).status).toBe(0);
    await drained;
    await serve(echo, first.port);
    // The client learns of the end in its own time; until then a call may still try the old connection.
    await expect.poll(() => call(channel).then(({ status }) => status, String)).toBe(0);
  });

  test('a server that is killed: the call fails at once, the next one is refused, then its successor is found', async () => {
    let asked = false;
    const first = await serve(() => {
      asked = true;
    });
    const channel = channelTo(first.port);
    const underWay = failure(call(channel));
    await until('it is asked', () => asked);
    first.cut();
    expect((await underWay).isSilence).toBe(false);
    await first.drain();
    const clock = new VirtualClock();
    const refused = failure(call(channelTo(first.port, { clock })));
    expect(await refused).toMatchObject({ isSilence: false, cause: { code: 'ECONNREFUSED' } });
    await until('no timer is left', () => clock.armedTimers === 0);
    await serve(echo, first.port);
    expect((await call(channel)).status).toBe(0);
  });
});

describe('unary channel: with servers that misbehave', () => {
  const ok = { ':status': 200, 'content-type': 'application/grpc' };

  test.each<[string, (stream: ServerHttp2Stream) => void, RegExp]>([
    ['ends without a status', (stream) => stream.respond(ok, { endStream: true }), /without a status/],
    ['resets the call', (stream) => stream.close(2), /INTERNAL_ERROR/],
    ['cuts the connection', (stream) => stream.session?.destroy(), /without a status|closed|aborted|CANCEL/i],
    [
      'answers with too many bytes',
      (stream) => {
        stream.respond(ok);
        stream.write(Buffer.alloc(5 + 64));
        stream.write(Buffer.alloc(1));
      },
      /longer than 64 bytes/,
    ],
  ])('one that %s: no answer', async (_name, answer, message) => {
    const { port } = await http2Server(answer);
    const error = await failure(call(channelTo(port)));
    expect(error.message).toMatch(message);
    expect(error.isSilence).toBe(false);
  });

  test('the largest message allowed is read, in pieces', async () => {
    const { port } = await http2Server((stream) => {
      stream.respond(ok, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      for (const byte of frameMessage(new Uint8Array(64).fill(7))) stream.write(Buffer.of(byte));
      stream.end();
    });
    expect((await call(channelTo(port))).message).toEqual(Buffer.alloc(64, 7));
  });

  test('one that is no gRPC: a status that is no success', async () => {
    const { port } = await http2Server((stream) => {
      stream.respond({ ':status': 404 });
      stream.end('nothing here');
    });
    expect(await call(channelTo(port))).toMatchObject({ status: 2, message: undefined });
  });

  test('one that speaks HTTP/1: no answer', async () => {
    const { port } = await tcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect((await failure(call(channelTo(port)))).isSilence).toBe(false);
  });

  test('one that closes at once: no answer', async () => {
    const { port } = await tcpServer((socket) => socket.destroy());
    expect((await failure(call(channelTo(port)))).isSilence).toBe(false);
  });

  test('one that accepts and is silent: the connection is given up in time, with its calls', async () => {
    const { port, sockets } = await tcpServer((socket) => socket.resume());
    const channel = channelTo(port, { silenceMs: 40 });
    const errors = await Promise.all([failure(call(channel)), failure(call(channel))]);
    expect(errors.map(({ message, isSilence }) => [message, isSilence])).toEqual([
      ['no connection within 40 ms', true],
      ['no connection within 40 ms', true],
    ]);
    await until('the socket is closed', () => sockets.size === 0);
  });

  test('one that falls silent: its connection is dropped, the next call makes a new one', async () => {
    let isSilent = true;
    let asked = 0;
    const { port, sessions } = await http2Server((stream) => {
      asked += 1;
      if (!isSilent) stream.respond({ ...ok, 'grpc-status': '0' }, { endStream: true });
    });
    const clock = new VirtualClock();
    const channel = channelTo(port, { silenceMs: 60, clock });
    // Two short waits: only the second one ends past 60 ms of silence.
    const first = failure(call(channel, { waitMs: 40 }));
    await until('the first is asked for', () => asked === 1);
    clock.advance(40);
    expect((await first).isSilence).toBe(true);
    const [session] = sessions;
    const second = failure(call(channel, { waitMs: 40 }));
    await until('the second is asked for', () => asked === 2);
    expect([...sessions]).toEqual([session]);
    clock.advance(40);
    expect((await second).isSilence).toBe(true);
    await until('the connection is dropped', () => sessions.size === 0);
    isSilent = false;
    expect((await call(channel)).status).toBe(0);
  });

  test('one that is slow with one call and answers others keeps its connection', async () => {
    let asked = 0;
    const { port, sessions } = await http2Server((stream) => {
      asked += 1;
      if (asked > 1) stream.respond({ ...ok, 'grpc-status': '0' }, { endStream: true });
    });
    const clock = new VirtualClock();
    const channel = channelTo(port, { silenceMs: 200, clock });
    const slow = failure(call(channel, { waitMs: 260 }));
    await until('the slow one is asked for', () => asked === 1);
    const [session] = sessions;
    clock.advance(150);
    expect((await call(channel)).status).toBe(0);
    clock.advance(110);
    expect((await slow).isSilence).toBe(true);
    expect((await call(channel)).status).toBe(0);
    expect([...sessions]).toEqual([session]);
    expect(clock.armedTimers).toBe(0);
  });
});

describe('unary channel: close', () => {
  test('calls under way fail, later ones are refused; nothing is left', async () => {
    const { port, sockets } = await tcpServer((socket) => socket.resume());
    const channel = channelTo(port);
    const underWay = failure(call(channel));
    await until('it has connected', () => sockets.size === 1);
    await Promise.all([channel.close(), channel.close()]);
    expect((await underWay).message).toBe('the channel was closed');
    expect((await failure(call(channel))).message).toBe('the channel was closed');
    await until('the socket is closed', () => sockets.size === 0);
  });

  test('before any call: nothing to do', async () => {
    await channelTo(1).close();
  });

  test('a connection attempt that the network swallows is not left behind', async () => {
    const deaf = await deafListener();
    const channel = channelTo(deaf.port);
    const underWay = failure(call(channel));
    await new Promise((resolve) => setImmediate(resolve));
    await channel.close();
    expect((await underWay).message).toBe('the channel was closed');
    await deaf.close();
    await untilNoHandles();
  });
});

/**
 * A listening socket whose queue of connections is full and whose owner never looks: further attempts are not
 * answered at all.
 */
async function deafListener(): Promise<{ port: number; close: () => Promise<void> }> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(workerData, 0, 0));
     });`,
    { eval: true, workerData: gate },
  );
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  const fillers = Array.from({ length: 4 }, () => connect({ host: '127.0.0.1', port }));
  for (const filler of fillers) filler.on('error', () => {});
  await until('the queue is full', () => fillers.filter(({ connecting }) => !connecting).length >= 2);
  return {
    port,
    close: async () => {
      for (const filler of fillers) filler.destroy();
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      await worker.terminate();
    },
  };
}
