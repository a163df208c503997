import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/runtime/index.js';
import { encodeFrame } from '../../src/transport/frame-codec.js';
import type { PipeBehaviour } from './fake-sockets.js';
import { type BenchNode, TcpBench } from './tcp-bench.js';
import { bulk, counters, heartbeat, rounds, TestPeer } from './test-peer.js';

describe('TCP transport: peers and links that fail', () => {
  // T01
  test('a peer that never answers, costs attempts with a deadline each, and nobody else anything', async () => {
    await using bench = new TcpBench([1, 2, 3]);
    bench.network.blackHoles.add('node-3:1');
    const [one, two] = await bench.startPair();
    for (let second = 0; second < 7_200; second++) {
      one.transport.send(bulk(1, 3, second));
      one.transport.send(bulk(1, 2, second));
      two.transport.send(bulk(2, 1, second));
      await bench.pass(1_000);
    }
    expect(two.peer.messages).toHaveLength(7_200);
    expect(one.peer.events).toEqual(['+2']);
    expect(one.transport.stats()).toMatchObject({ messagesDropped: 7_200, connectionsOpened: 1 });
    // Two sockets of the connection, and at most one attempt of each node.
    expect(bench.clock.armedTimers).toBeLessThan(12);
    const attempts = bench.network.attempts('node-3:1');
    expect(attempts).toBeGreaterThan(2 * 1_700);
    expect(attempts).toBeLessThan(2 * 2_400);
    expect(bench.warnings().every((reason) => reason === 'it could not be reached within 3000 ms')).toBe(
      true,
    );
  });

  // T01
  test('a link that swallows everything, is given up by both ends in time, and nothing piles up', async () => {
    await using bench = new TcpBench([1, 2], { outboundQueueBytes: 10_000 });
    bench.network.behaviour = () => ({ latencyMs: 1, bytesPerMs: 1e6, kernelBytes: 1_000 });
    const [one, two] = await bench.startPair();
    for (const link of bench.network.links) link.cut();
    for (let ms = 0; ms < 9_900; ms += 100) {
      one.transport.send(heartbeat(1, 2, ms));
      one.transport.send(bulk(1, 2, ms, 1_000));
      await bench.pass(100);
    }
    expect(one.peer.events).toEqual(['+2']);
    expect(one.transport.stats().messagesDropped).toBeGreaterThan(0);
    await bench.pass(250);
    expect(one.peer.events).toEqual(['+2', '-2', '+2']);
    expect(two.peer.events).toEqual(['+1', '-1', '+1']);
    one.transport.send(bulk(1, 2, 0));
    await bench.pass(10);
    expect(counters(two.peer.messages)).toEqual([0]);
  });

  // T01
  test('a peer that sends but takes nothing, is given up when nothing has left for the deadline', async () => {
    await using bench = new TcpBench([1, 2], { stallTimeoutMs: 4_000 });
    const [one, two] = await bench.startPair();
    for (const { caller, callee } of bench.network.links) {
      const [toTwo] = bench.network.socketsOf(1);
      for (const end of [caller, callee]) if (end === toTwo && end.out !== undefined) end.out.isCut = true;
    }
    for (let ms = 0; ms < 3_900; ms += 100) {
      one.transport.send(bulk(1, 2, ms, 10_000));
      two.transport.send(heartbeat(2, 1, ms));
      await bench.pass(100);
    }
    expect(one.peer.events).toEqual(['+2']);
    expect(one.peer.messages.length).toBeGreaterThan(30);
    await bench.pass(4_500);
    expect(one.peer.events.slice(0, 2)).toEqual(['+2', '-2']);
    expect(bench.warnings()).toContain('it has taken nothing of what waits for it within 4000 ms');
  });

  test.each<[string, PipeBehaviour, number]>([
    [
      'large frames that the kernel takes one by one',
      { latencyMs: 1, bytesPerMs: 50, kernelBytes: 10_000 },
      3_000_000,
    ],
    [
      'all that the window allows in the kernel at once',
      { latencyMs: 1, bytesPerMs: 50, kernelBytes: 2 ** 22 },
      3_000_000,
    ],
    ['less than what is acknowledged', { latencyMs: 1, bytesPerMs: 5, kernelBytes: 1_000 }, 1_000],
  ])('a slow link on which bytes move, %s, is not given up', async (_, behaviour, messageBytes) => {
    await using bench = new TcpBench([1, 2], { stallTimeoutMs: 4_000, receiveTimeoutMs: 10_000 });
    bench.network.behaviour = () => behaviour;
    const [one, two] = await bench.startPair();
    await bench.pass(1_000);
    const count = Math.floor(3_000_000 / messageBytes / (50 / behaviour.bytesPerMs));
    for (let i = 0; i < count; i++) one.transport.send(bulk(1, 2, i, messageBytes));
    for (let ms = 0; ms < 70_000; ms += 500) {
      one.transport.send(heartbeat(1, 2, ms));
      two.transport.send(heartbeat(2, 1, ms));
      await bench.pass(500);
    }
    expect([one.peer.events, two.peer.events]).toEqual([['+2'], ['+1']]);
    expect(counters(two.peer.messages)).toHaveLength(count);
  });

  // R20
  test('a process that stood still for a minute, reads what has arrived before it gives anybody up', async () => {
    const turns: (() => void)[] = [];
    await using bench = new TcpBench([1, 2], { nextTurn: (callback) => void turns.push(callback) });
    const [one] = await bench.startPair();
    bench.clock.advance(60_000);
    expect(turns.length).toBeGreaterThan(0);
    const [socket] = bench.network.socketsOf(1);
    socket?.emit('data', encodeFrame('ack', new Uint8Array(8)));
    for (const turn of turns.splice(0)) turn();
    expect(one.peer.events).toEqual(['+2']);
    bench.clock.advance(60_000);
    for (const turn of turns.splice(0)) turn();
    expect(one.peer.events).toEqual(['+2', '-2']);
  });

  // T03
  test('frames of a connection that was replaced, however late they come, are dropped', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    two.transport.send(bulk(2, 1, 1));
    await bench.pass(10);
    const [old] = bench.network.socketsOf(1);
    const oldEnd = bench.network.socketsOf(2)[0];
    // Node 2 loses the connection without node 1 noticing, and calls again.
    for (const link of bench.network.links) link.cut();
    oldEnd?.destroy();
    await bench.pass(100);
    expect(one.peer.events).toEqual(['+2', '+2']);
    const late = bench.encode(bulk(2, 1, 99));
    old?.emit('data', encodeFrame('whole', late));
    old?.push(encodeFrame('urgent', late));
    two.transport.send(bulk(2, 1, 2));
    await bench.pass(100);
    expect(counters(one.peer.messages)).toEqual([1, 2]);
    expect(old?.destroyed).toBe(true);
  });

  test('a peer that was killed and started again, is connected again at once, whoever has the lower id', async () => {
    for (const killed of [1, 2]) {
      await using bench = new TcpBench();
      const pair = await bench.startPair();
      const survivor = pair[killed === 1 ? 1 : 0];
      const other = killed === 1 ? 2 : 1;
      await pair[killed - 1]?.transport.close();
      await bench.pass(30_000);
      expect(survivor.peer.events).toEqual([`+${killed}`, `-${killed}`]);
      const peer = new TestPeer(killed, { incarnation: 2 });
      await bench.start(killed, {}, peer);
      await bench.pass(10);
      expect(survivor.peer.connected.has(killed), `node ${killed}`).toBe(true);
      expect(peer.events).toEqual([`+${other}`]);
    }
  });

  test('a machine that lost power and is back, takes over from its earlier life at once', async () => {
    for (const lost of [1, 2]) {
      await using bench = new TcpBench();
      const pair = await bench.startPair();
      const survivor = pair[lost === 1 ? 1 : 0];
      for (const link of bench.network.links) link.cut();
      await pair[lost - 1]?.transport.close();
      await bench.pass(100);
      expect(survivor.peer.events).toEqual([`+${lost}`]);
      const back = await bench.start(lost, {}, new TestPeer(lost, { incarnation: 2 }));
      await bench.pass(20);
      expect(survivor.peer.events).toEqual([`+${lost}`, `+${lost}`]);
      back.transport.send(bulk(lost, 3 - lost, 5));
      await bench.pass(10);
      expect(counters(survivor.peer.messages)).toEqual([5]);
    }
  });

  test('only one of two nodes can reach the other, they are connected all the same', async () => {
    for (const unreachable of [1, 2]) {
      await using bench = new TcpBench();
      bench.network.blackHoles.add(`node-${unreachable}:1`);
      const [one, two] = await bench.startPair();
      expect([one.peer.events, two.peer.events], `node ${unreachable}`).toEqual([['+2'], ['+1']]);
    }
  });

  // T07
  test('1,000 flaps in a second, are few reconnections, and each that is told is told in turn', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    for (let ms = 0; ms < 1_000; ms++) {
      for (const socket of bench.network.openSockets) socket.destroy();
      await bench.pass(1);
    }
    await bench.pass(3_000);
    for (const { peer, transport } of [one, two]) {
      const peerId = 3 - peer.nodeId;
      expect(peer.connected).toEqual(new Set([peerId]));
      expect(peer.events.join('')).toMatch(new RegExp(`^(\\+${peerId}(-${peerId})?)+$`));
      expect(transport.stats().connectionsOpened).toBeLessThan(20);
    }
    expect(bench.network.links.length).toBeLessThan(60);
    expect(bench.lines.length).toBeLessThan(60);
  });
});

describe('TCP transport: bytes that lie', () => {
  // T05
  test('bits of a running connection flipped, no wrong message arrives, the connection comes back, and others notice nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        await using bench = new TcpBench([1, 2, 3]);
        const three = await bench.start(3);
        const [one, two] = await bench.startPair();
        await bench.pass(2_000);
        const [socket] = bench.network.socketsOf(1).filter((end) => bench.network.joins(end, 2));
        if (socket?.out === undefined) throw new Error('not connected');
        let passed = 0;
        socket.out.tamper = (chunk) => {
          const damaged = Buffer.from(chunk);
          const place = (at % 900) - passed;
          if (place >= 0 && place < chunk.length)
            damaged.writeUInt8(damaged.readUInt8(place) ^ change, place);
          passed += chunk.length;
          return damaged;
        };
        for (let i = 0; i < 40; i++) {
          one.transport.send(bulk(1, 2, i, 20));
          one.transport.send(heartbeat(1, 2, i));
          one.transport.send(bulk(1, 3, i, 20));
          two.transport.send(heartbeat(2, 1, i));
          three.transport.send(heartbeat(3, 1, i));
          three.transport.send(heartbeat(3, 2, 1_000));
          two.transport.send(heartbeat(2, 3, 1_000));
          await bench.pass(500);
        }
        const sent = new Set(Array.from({ length: 40 }, (_, i) => JSON.stringify(bulk(1, 2, i, 20))));
        const heartbeats = new Set(Array.from({ length: 40 }, (_, i) => JSON.stringify(heartbeat(1, 2, i))));
        for (const message of two.peer.messages.filter(({ from }) => from === 1)) {
          expect(sent.has(JSON.stringify(message)) || heartbeats.has(JSON.stringify(message))).toBe(true);
        }
        expect(ascends(counters(two.peer.messages))).toBe(true);
        expect(two.peer.events).toEqual(['+3', '+1', '-1', '+1']);
        expect(counters(two.peer.messages).at(-1)).toBe(39);
        expect(counters(three.peer.messages)).toHaveLength(40);
        expect(three.peer.events).toHaveLength(2);
      }),
      { numRuns: 25 },
    );
  });

  // T05
  test.each<[string, Buffer[]]>([
    ['a frame longer than allowed', [Buffer.of(0xff, 0xff, 0xff, 0xff, 4)]],
    ['a frame of an unknown kind', [frameOfKind(99)]],
    ['a message that is none', [encodeFrame('whole', Buffer.from('noise'))]],
    ['a heartbeat that is none', [encodeFrame('urgent', new Uint8Array())]],
    ['a message above the limit', [encodeFrame('first', Buffer.of(0xff, 0xff, 0xff, 0xff), Buffer.of(1))]],
    [
      'a message before the end of another',
      [beginning(), encodeFrame('whole', new TcpBench().encode(bulk(2, 1, 1)))],
    ],
    ['a message that begins before the end of another', [beginning(), beginning()]],
    ['more of no message', [encodeFrame('more', Buffer.of(1))]],
    ['a second Hello', [encodeFrame('hello', Buffer.of(1))]],
    [
      'an acknowledgement of what was never sent',
      [encodeFrame('ack', Buffer.from('00000000000f4240', 'hex'))],
    ],
    ['a message of another sender', [encodeFrame('whole', new TcpBench().encode(bulk(3, 1, 1)))]],
    ['a message to another node', [encodeFrame('whole', new TcpBench().encode(bulk(2, 3, 1)))]],
  ])('%s, ends its connection with a reason, is counted, and harms nothing else', async (_, frames) => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    const [, end] = [bench.network.socketsOf(1)[0], bench.network.socketsOf(2)[0]];
    for (const frame of frames) end?.write(frame);
    await bench.pass(500);
    expect(one.peer.messages).toEqual([]);
    expect(one.transport.stats().malformedFrames).toBe(1);
    expect(bench.lines.filter(({ fields }) => fields['cause'] === 'malformed')).toHaveLength(1);
    // And they are connected again.
    expect(one.peer.events).toEqual(['+2', '-2', '+2']);
    two.transport.send(bulk(2, 1, 5));
    await bench.pass(10);
    expect(counters(one.peer.messages)).toEqual([5]);
  });

  // T05
  test('a frame that comes a byte at a time and never ends, is given up although bytes arrive', async () => {
    await using bench = new TcpBench();
    const [one] = await bench.startPair();
    const end = bench.network.socketsOf(2)[0];
    const frame = encodeFrame('whole', new Uint8Array(100_000));
    for (let i = 0; i < 101; i++) {
      if (end?.destroyed === false) end.write(frame.subarray(i, i + 1));
      await bench.pass(100);
    }
    expect(one.peer.events.slice(0, 2)).toEqual(['+2', '-2']);
  });

  test('a frame longer than a handshake may have, up to the limit, is taken once connected', async () => {
    await using bench = new TcpBench();
    const [one] = await bench.startPair();
    const message = bulk(2, 1, 1, 2 ** 20 - 200);
    bench.network.socketsOf(1)[0]?.emit('data', encodeFrame('whole', bench.encode(message)));
    expect(one.peer.messages).toEqual([message]);
  });

  test('messages fed a byte at a time, arrive', async () => {
    await using bench = new TcpBench();
    const [one] = await bench.startPair();
    const socket = bench.network.socketsOf(1)[0];
    const bytes = Buffer.concat(
      [1, 2, 3].map((counter) => encodeFrame('whole', bench.encode(bulk(2, 1, counter, 500)))),
    );
    for (const byte of bytes) socket?.emit('data', Buffer.of(byte));
    expect(counters(one.peer.messages)).toEqual([1, 2, 3]);
  });
});

describe('TCP transport: which connection is used', () => {
  // T03, T07
  test('random delays, losses and restarts, end with one connection that both use, and messages never go back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = new SeededRandom(seed);
        await using bench = new TcpBench([1, 2]);
        bench.network.behaviour = () => ({
          latencyMs: random.between(0.1, 40),
          bytesPerMs: 1_000,
          kernelBytes: 10_000,
        });
        const nodes: BenchNode[] = [await bench.start(1), await bench.start(2)];
        let counter = 0;
        for (let step = 0; step < 60; step++) {
          await bench.pass(random.between(0, 60));
          for (const { transport, peer } of nodes)
            transport.send(bulk(peer.nodeId, 3 - peer.nodeId, ++counter));
          await disturb(bench, nodes, random);
        }
        for (let ms = 0; ms < 15_000; ms += 500) {
          for (const { transport, peer } of nodes) transport.send(heartbeat(peer.nodeId, 3 - peer.nodeId, 0));
          await bench.pass(500);
        }
        for (const { peer, transport } of nodes) {
          const peerId = 3 - peer.nodeId;
          expect(peer.connected, `node ${peer.nodeId}`).toEqual(new Set([peerId]));
          expect(ascends(counters(peer.messages))).toBe(true);
          peer.messages.length = 0;
          transport.send(heartbeat(peer.nodeId, peerId, 1));
        }
        expect(bench.network.liveLinks).toHaveLength(1);
        await bench.pass(100);
        expect(nodes.map(({ peer }) => rounds(peer.messages))).toEqual([[1], [1]]);
      }),
      { numRuns: 500 },
    );
  });
});

/** Something that happens to a cluster of two, or nothing. */
async function disturb(bench: TcpBench, nodes: BenchNode[], random: SeededRandom): Promise<void> {
  const kind = random.below(12);
  if (kind === 0) for (const link of bench.network.links) if (random.chance(0.5)) link.cut();
  if (kind === 1) for (const socket of bench.network.openSockets) if (random.chance(0.3)) socket.destroy();
  if (kind !== 2) return;
  const index = random.below(nodes.length);
  const old = nodes[index];
  if (old === undefined) return;
  await old.transport.close();
  const incarnation = (old.peer.changes.incarnation ?? 1) + 1;
  nodes[index] = await bench.start(old.peer.nodeId, {}, new TestPeer(old.peer.nodeId, { incarnation }));
}

function ascends(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0));
}

function frameOfKind(kind: number): Buffer {
  const frame = encodeFrame('whole', Buffer.of(1));
  frame.writeUInt8(kind, 4);
  return frame;
}

/** The first frame of a message of two. */
function beginning(): Buffer {
  return encodeFrame('first', Buffer.of(0, 0, 0, 99), Buffer.of(1));
}
