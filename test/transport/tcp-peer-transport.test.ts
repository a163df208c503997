import { describe, expect, test } from 'vitest';
import { encodeFrame } from '../../src/transport/frame-codec.js';
import { encodeHello } from '../../src/transport/hello-codec.js';
import { type SocketFactory, TransportError } from '../../src/transport/index.js';
import { withEntryCodec } from '../codec/test-codecs.js';
import { FakeSocket } from './fake-sockets.js';
import { RawCaller } from './raw-caller.js';
import { addressOf, TcpBench } from './tcp-bench.js';
import { testHello } from './test-hello.js';
import { bulk, counters, heartbeat, rounds, TestPeer } from './test-peer.js';

describe('TCP transport', () => {
  test('two nodes started together, are connected once and talk both ways, in order', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    expect(one.peer.events).toEqual(['+2']);
    expect(two.peer.events).toEqual(['+1']);
    for (let i = 0; i < 5; i++) {
      one.transport.send(bulk(1, 2, i));
      two.transport.send(bulk(2, 1, i));
    }
    await bench.pass(10);
    expect(counters(one.peer.messages)).toEqual([0, 1, 2, 3, 4]);
    expect(counters(two.peer.messages)).toEqual([0, 1, 2, 3, 4]);
    expect(two.peer.messages[0]).toEqual(bulk(1, 2, 0));
    expect(one.transport.stats()).toEqual({
      messagesSent: 5,
      messagesReceived: 5,
      messagesDropped: 0,
      malformedFrames: 0,
      refusals: 0,
      connectionsOpened: 1,
    });
    expect(bench.network.openSockets).toHaveLength(2);
  });

  // N04
  test('a message changed after send, arrives as it was, and is nobody else’s object', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    const message = bulk(1, 2, 0);
    one.transport.send(message);
    Object.assign(message.body, { decidedIdx: 99 });
    await bench.pass(10);
    expect(two.peer.messages).toEqual([bulk(1, 2, 0)]);
    expect(two.peer.messages[0]).not.toBe(message);
  });

  test('a message of many frames, arrives whole, and others after it', async () => {
    await using bench = new TcpBench([1, 2], { maxFrameBytes: 1_024 });
    const [one, two] = await bench.startPair();
    one.transport.send(bulk(1, 2, 1, 500_000));
    one.transport.send(bulk(1, 2, 2));
    await bench.pass(1_000);
    expect(two.peer.messages).toEqual([bulk(1, 2, 1, 500_000), bulk(1, 2, 2)]);
  });

  test('all messages of one turn, leave in one write', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    const [socket] = bench.network.socketsOf(1);
    const before = socket?.writes ?? 0;
    for (let i = 0; i < 20; i++) one.transport.send(bulk(1, 2, i));
    await bench.pass(10);
    expect(two.peer.messages).toHaveLength(20);
    expect((socket?.writes ?? 0) - before).toBe(1);
  });

  test('nobody connected, itself, a stranger, or closed: a message is dropped and counted', async () => {
    await using bench = new TcpBench();
    const one = await bench.start(1);
    for (const to of [2, 1, 9]) one.transport.send(bulk(1, to, 0));
    await one.transport.close();
    one.transport.send(bulk(1, 2, 0));
    expect(one.transport.stats()).toMatchObject({ messagesSent: 0, messagesDropped: 4 });
  });

  test('a message too large, or one that cannot be encoded, is dropped, counted and logged once', async () => {
    const codecs = withEntryCodec({
      encode: (value, writer) => {
        if (value === 'x') throw new Error('no');
        writer.string(value);
      },
    });
    await using bench = new TcpBench([1, 2], { codecs, maxMessageBytes: 2_000 });
    const [one, two] = await bench.startPair();
    for (let i = 0; i < 10; i++) {
      one.transport.send(bulk(1, 2, 1, 2_000));
      one.transport.send(bulk(1, 2, 2, 1));
    }
    one.transport.send(bulk(1, 2, 3, 1_000));
    await bench.pass(10);
    expect(counters(two.peer.messages)).toEqual([3]);
    expect(one.transport.stats()).toMatchObject({ messagesSent: 1, messagesDropped: 20 });
    const errors = bench.lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ fields }) => fields['reason'])).toEqual([
      'a message of kind acceptDecide is above maxMessageBytes (2000)',
      expect.stringMatching(/cannot be encoded/),
    ]);
  });

  test('a peer that takes nothing, what overflows is dropped and counted, and what was taken arrives in order', async () => {
    await using bench = new TcpBench([1, 2], { outboundQueueBytes: 100_000, bulkWindowBytes: 40_000 });
    bench.network.behaviour = () => ({ latencyMs: 1, bytesPerMs: 100, kernelBytes: 10_000 });
    const [one, two] = await bench.startPair();
    for (let i = 0; i < 100; i++) one.transport.send(bulk(1, 2, i, 10_000));
    const { messagesSent, messagesDropped } = one.transport.stats();
    expect(messagesSent).toBe(10);
    expect(messagesDropped).toBe(90);
    await bench.pass(5_000);
    expect(counters(two.peer.messages)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    one.transport.send(bulk(1, 2, 100));
    await bench.pass(100);
    expect(counters(two.peer.messages).at(-1)).toBe(100);
  });

  // T04
  test('a large message on a slow link, delays heartbeats by the window at most, both ways', async () => {
    await using bench = new TcpBench();
    // 1 MB/s, and a kernel that would take 4 s of it.
    bench.network.behaviour = () => ({ latencyMs: 1, bytesPerMs: 1_000, kernelBytes: 4_000_000 });
    const [one, two] = await bench.startPair();
    const lateMs: number[] = [];
    const sentMs = new Map<number, number>();
    for (const { peer } of [one, two]) {
      peer.react = ({ body }) => {
        if (body.kind !== 'heartbeatRequest') return;
        lateMs.push(bench.clock.monotonicMs() - (sentMs.get(body.round) ?? 0));
      };
    }
    one.transport.send(bulk(1, 2, 1, 5_000_000));
    for (let round = 0; counters(two.peer.messages).length === 0; round++) {
      sentMs.set(round, bench.clock.monotonicMs());
      one.transport.send(heartbeat(1, 2, round));
      two.transport.send(heartbeat(2, 1, round));
      await bench.pass(100);
    }
    expect(bench.clock.monotonicMs()).toBeGreaterThan(5_000);
    expect(bench.clock.monotonicMs()).toBeLessThan(6_000);
    expect(lateMs.length).toBeGreaterThan(90);
    // The window and one frame of 64 KiB, at 1,000 bytes a ms.
    expect(Math.max(...lateMs)).toBeLessThan(350);
    expect(one.peer.events).toEqual(['+2']);
  });

  // T04
  test('the bulk lane of a slow peer is full, heartbeats to it still arrive, and other peers notice nothing', async () => {
    await using bench = new TcpBench([1, 2, 3], { outboundQueueBytes: 200_000 });
    bench.network.behaviour = () => ({ latencyMs: 1, bytesPerMs: 100, kernelBytes: 10_000 });
    const two = await bench.start(2);
    const one = await bench.start(1);
    await bench.pass(50);
    bench.network.behaviour = () => ({ latencyMs: 1, bytesPerMs: 100_000, kernelBytes: 10_000 });
    const three = await bench.start(3);
    await bench.pass(50);
    for (let i = 0; i < 50; i++) one.transport.send(bulk(1, 2, i, 10_000));
    expect(one.transport.stats().messagesDropped).toBeGreaterThan(0);
    one.transport.send(heartbeat(1, 2, 7));
    one.transport.send(bulk(1, 3, 8, 10_000));
    await bench.pass(1_000);
    expect(rounds(two.peer.messages)).toEqual([7]);
    expect(counters(two.peer.messages).length).toBeLessThan(20);
    expect(counters(three.peer.messages)).toEqual([8]);
  });

  test('a handler closes the transport in the middle of a chunk of messages, no further one is told', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    two.peer.react = () => void two.transport.close();
    for (let i = 0; i < 5; i++) one.transport.send(bulk(1, 2, i));
    await bench.pass(100);
    expect(counters(two.peer.messages)).toEqual([0]);
    expect(two.peer.events).toEqual(['+1']);
    expect(one.peer.events).toEqual(['+2', '-2']);
  });

  test.each([
    [3, 3],
    [0, 12],
    [12, 0],
  ])(
    'closed in any phase, admissions taking %i and %i ms, frees its address, closes every socket and leaves no timer',
    async (...delays) => {
      for (let ms = 0; ms <= 20; ms++) {
        const bench = new TcpBench();
        const peers = delays.map((delayMs, i) => {
          const peer = new TestPeer(i + 1);
          peer.verdict = () =>
            new Promise((resolve) => bench.clock.setTimer(delayMs, () => resolve({ ok: true })));
          return peer;
        });
        const nodes = await Promise.all(peers.map((peer) => bench.start(peer.nodeId, {}, peer)));
        // Strangers, one of which is being refused, whatever the phase.
        new RawCaller(bench.network, addressOf(1));
        await bench.pass(ms);
        const stranger = new RawCaller(bench.network, addressOf(1), { allowHalfOpen: true });
        stranger.send(encodeFrame('hello', encodeHello(testHello(9))));
        await bench.pass(4);
        const events = peers.map((peer) => [...peer.events]);
        await Promise.all([...nodes, ...nodes].map(({ transport }) => transport.close()));
        expect(bench.armedTimers, `after ${ms} ms`).toBe(0);
        expect(
          [1, 2].flatMap((nodeId) => bench.network.socketsOf(nodeId)),
          `after ${ms} ms`,
        ).toEqual([]);
        await bench.pass(5_000);
        expect(peers.map((peer) => peer.events)).toEqual(events);
        // The address is free again.
        await bench.start(1);
        await bench[Symbol.asyncDispose]();
      }
    },
  );

  test('a caller that comes in the very moment of closing, is destroyed and not heard', async () => {
    await using bench = new TcpBench();
    let call: ((socket: FakeSocket) => void) | undefined;
    const factory = bench.network.factory({}, 1);
    const socketFactory: SocketFactory = {
      ...factory,
      listen: (address, handlers) => {
        call = (socket) => handlers.onSocket(socket);
        return factory.listen(address, handlers);
      },
    };
    const one = await bench.start(1, { socketFactory });
    const closing = one.transport.close();
    const caller = new FakeSocket();
    call?.(caller);
    await closing;
    expect(caller.destroyed).toBe(true);
    expect(bench.armedTimers).toBe(0);
    expect(one.transport.stats().refusals).toBe(0);
  });

  test('closed while it binds, the address is free again', async () => {
    const bench = new TcpBench();
    const starting = bench.start(1);
    await bench[Symbol.asyncDispose]();
    await starting;
    await bench.pass(100);
    expect(bench.armedTimers).toBe(0);
    await bench.start(1);
    await bench[Symbol.asyncDispose]();
  });

  test('started twice, or after it was closed, is refused and disturbs nothing', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    const used = { code: 'transport_used' };
    await expect(one.transport.start(new TestPeer(1))).rejects.toMatchObject(used);
    one.transport.send(bulk(1, 2, 0));
    await bench.pass(10);
    expect(counters(two.peer.messages)).toEqual([0]);
    await one.transport.close();
    await expect(one.transport.start(new TestPeer(1))).rejects.toMatchObject(used);
  });

  test('an address that cannot be bound, is refused by name, and closing is safe after it', async () => {
    await using bench = new TcpBench();
    await bench.start(1);
    const error = await bench.start(1).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(TransportError);
    expect(error).toMatchObject({ code: 'bind_failed', cause: expect.any(Error) });
    expect(String(error)).toMatch(/listen: cannot bind to node-1:1 \(.*EADDRINUSE/);
  });
});
