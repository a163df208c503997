import { describe, expect, test } from 'vitest';
import { encodeFrame } from '../../src/transport/frame-codec.js';
import { encodeHello, PROTOCOL_VERSION } from '../../src/transport/hello-codec.js';
import type { Hello } from '../../src/transport/index.js';
import { RawCaller } from './raw-caller.js';
import { addressOf, TcpBench } from './tcp-bench.js';
import { testHello } from './test-hello.js';
import { bulk, counters, TestPeer } from './test-peer.js';

// T06
describe('TCP handshake: who is refused', () => {
  test.each<[string, Partial<Hello>, RegExp]>([
    ['of another cluster', { clusterId: 'other' }, /it belongs to cluster "other", this node to "test"/],
    ['with the id of the node that it calls', { nodeId: 1 }, /it claims to be node 1, as this node does/],
    ['that is no peer, where none may call', { nodeId: 9 }, /node 9 is not a peer of node 1, which takes 0/],
  ])('a caller %s, is told why and never judged', async (_, changes, reason) => {
    await using bench = new TcpBench([1, 2], { maxUnlistedPeers: 0 });
    const one = await bench.start(1);
    const caller = new RawCaller(bench.network, addressOf(1));
    caller.send(encodeFrame('hello', encodeHello(testHello(2, changes))));
    await bench.pass(100);
    expect(caller.kinds).toEqual(['hello', 'refused']);
    expect(caller.refusal).toMatch(reason);
    expect(caller.isEnded).toBe(true);
    expect(one.peer.judged).toEqual([]);
    expect(one.transport.stats()).toMatchObject({ refusals: 1, malformedFrames: 0, connectionsOpened: 0 });
    await bench.pass(1_000);
    expect(bench.network.openSockets).toEqual([]);
  });

  test('another protocol version, is told why in a form that both can read', async () => {
    await using bench = new TcpBench();
    await bench.start(1);
    const caller = new RawCaller(bench.network, addressOf(1));
    caller.send(encodeFrame('hello', encodeHello(testHello(2), PROTOCOL_VERSION + 1)));
    await bench.pass(100);
    expect(caller.refusal).toMatch(/protocol version 2 is not 1/);
  });

  test('something that speaks another protocol, is cut off and counted as malformed', async () => {
    await using bench = new TcpBench();
    const one = await bench.start(1);
    const caller = new RawCaller(bench.network, addressOf(1));
    caller.send(Buffer.from('GET / HTTP/1.1\r\nHost: node-1\r\n\r\n'));
    await bench.pass(100);
    expect(caller.isEnded).toBe(true);
    expect(one.transport.stats()).toMatchObject({ malformedFrames: 1 });
  });

  test('a node that is not listed calls, as a future member does: taken, never dialled, and back when it calls again', async () => {
    await using bench = new TcpBench([1]);
    const one = await bench.start(1);
    const peers = new Map([[1, addressOf(1)]]);
    const joining = await bench.start(7, { peers });
    await bench.pass(100);
    expect([one.peer.events, joining.peer.events]).toEqual([['+7'], ['+1']]);
    one.transport.send(bulk(1, 7, 1));
    joining.transport.send(bulk(7, 1, 2));
    await bench.pass(10);
    expect([counters(one.peer.messages), counters(joining.peer.messages)]).toEqual([[2], [1]]);
    await joining.transport.close();
    await bench.pass(10_000);
    expect(one.peer.events).toEqual(['+7', '-7']);
    expect(bench.network.openSockets).toEqual([]);
    await bench.start(7, { peers }, new TestPeer(7, { incarnation: 2 }));
    await bench.pass(100);
    expect(one.peer.events).toEqual(['+7', '-7', '+7']);
  });

  test('more nodes that are not listed than may call: the first ones stay, the next is told why', async () => {
    await using bench = new TcpBench([1], { maxUnlistedPeers: 2 });
    const one = await bench.start(1);
    const peers = new Map([[1, addressOf(1)]]);
    for (const nodeId of [7, 8, 9]) {
      await bench.start(nodeId, { peers });
      await bench.pass(100);
    }
    expect(one.peer.events).toEqual(['+7', '+8']);
    expect(bench.warnings()).toContain(
      'it refuses this node: node 9 is not a peer of node 1, which takes 2 others (maxUnlistedPeers)',
    );
  });

  test('another node behind the address that was dialled, both tell why, and nobody is connected', async () => {
    await using bench = new TcpBench([1, 2, 3], { maxUnlistedPeers: 0 });
    const one = await bench.start(1, { peers: new Map([[2, addressOf(3)]]) });
    const three = await bench.start(3);
    await bench.pass(500);
    expect(one.peer.connected.size + three.peer.connected.size).toBe(0);
    expect(bench.warnings()).toContain(
      'it is refused: node 3 answers where node 2 was dialled: the addresses of the peers are mixed up',
    );
    expect(bench.warnings()).toContain(
      'it refuses this node: node 3 answers where node 2 was dialled: the addresses of the peers are mixed up',
    );
  });

  test('its own address as that of a peer, is refused and not connected to itself', async () => {
    await using bench = new TcpBench();
    const one = await bench.start(1, { peers: new Map([[2, addressOf(1)]]) });
    await bench.pass(500);
    expect(one.peer.connected.size).toBe(0);
    expect(bench.warnings()).toContainEqual(expect.stringMatching(/node 1 answers where node 2 was dialled/));
  });

  test('a second process with the id of a peer, is refused by the node, and the first one stays connected', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startPair();
    one.peer.verdict = ({ directoryId }) =>
      directoryId === two.peer.hello().directoryId
        ? { ok: true }
        : { ok: false, reason: 'another directory' };
    const clone = new TestPeer(2, { directoryId: 'c10ec10ec10ec10e', incarnation: 5 });
    await bench.start(2, { listen: 'clone:1' }, clone);
    await bench.pass(5_000);
    expect(clone.connected.size).toBe(0);
    expect(one.peer.events).toEqual(['+2']);
    one.transport.send(bulk(1, 2, 1));
    await bench.pass(10);
    expect(counters(two.peer.messages)).toEqual([1]);
  });

  test.each([
    ['the lower node refuses', 1],
    ['the higher node refuses', 2],
  ])('%s, neither is connected; once it admits, both are', async (_, refuser) => {
    await using bench = new TcpBench();
    const nodes = await bench.startPair().then(async (pair) => {
      for (const { transport } of pair) await transport.close();
      const peers = [1, 2].map((nodeId) => new TestPeer(nodeId));
      for (const peer of peers) {
        if (peer.nodeId === refuser) peer.verdict = () => ({ ok: false, reason: 'not yet' });
      }
      return await Promise.all(peers.map((peer) => bench.start(peer.nodeId, {}, peer)));
    });
    await bench.pass(5_000);
    expect(nodes.flatMap(({ peer }) => peer.events)).toEqual([]);
    // Told once by each side, however often they have tried.
    expect(bench.warnings().sort()).toEqual(['it is refused: not yet', 'it refuses this node: not yet']);
    for (const { peer } of nodes) peer.verdict = () => ({ ok: true });
    await bench.pass(1_100);
    expect(nodes.map(({ peer }) => peer.events)).toEqual([['+2'], ['+1']]);
  });

  // T02
  test('a peer contradicted by what authenticated it, is refused before it is judged', async () => {
    await using bench = new TcpBench();
    const socketFactory = bench.network.factory(
      { contradicts: (_socket, claimed) => `its certificate is not that of node ${claimed}` },
      1,
    );
    const one = await bench.start(1, { socketFactory });
    const two = await bench.start(2);
    await bench.pass(100);
    expect(one.peer.judged).toEqual([]);
    expect(two.peer.connected.size).toBe(0);
    expect(bench.warnings()).toContain('it is refused: its certificate is not that of node 2');
  });

  test('judging fails, the connection ends, is logged as an error, and is tried again', async () => {
    await using bench = new TcpBench();
    const peer = new TestPeer(1);
    peer.verdict = () => Promise.reject(new Error('disk'));
    await bench.start(1, {}, peer);
    await bench.start(2);
    await bench.pass(1_000);
    const errors = bench.lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ fields }) => fields['reason'])).toEqual([
      'this node cannot take part in a handshake: Error: disk',
    ]);
    peer.verdict = () => ({ ok: true });
    await bench.pass(1_000);
    expect(peer.events).toEqual(['+2']);
  });
});

describe('TCP handshake: what it costs', () => {
  // T05
  test('a giant Hello, is refused at its header', async () => {
    await using bench = new TcpBench();
    const one = await bench.start(1);
    const caller = new RawCaller(bench.network, addressOf(1));
    caller.send(encodeFrame('hello', new Uint8Array(65_536)).subarray(0, 5));
    await bench.pass(10);
    expect(caller.isEnded).toBe(true);
    expect(one.transport.stats().malformedFrames).toBe(1);
  });

  // T05
  test('a caller that says nothing, or a byte a second, is cut off in time', async () => {
    await using bench = new TcpBench();
    await bench.start(1);
    const silent = new RawCaller(bench.network, addressOf(1));
    const slow = new RawCaller(bench.network, addressOf(1));
    const hello = encodeFrame('hello', encodeHello(testHello(2)));
    for (let second = 0; second < 3; second++) {
      slow.send(hello.subarray(second, second + 1));
      await bench.pass(990);
      expect([silent.isEnded, slow.isEnded]).toEqual([false, false]);
    }
    await bench.pass(100);
    expect([silent.isEnded, slow.isEnded]).toEqual([true, true]);
  });

  // T07
  test('more callers than may be in the handshake, are turned away at once; a peer comes through when they are gone', async () => {
    await using bench = new TcpBench([1, 2], { maxPendingCallers: 8 });
    const one = await bench.start(1);
    const callers = Array.from({ length: 100 }, () => new RawCaller(bench.network, addressOf(1)));
    await bench.pass(10);
    expect(callers.filter(({ isEnded }) => isEnded)).toHaveLength(92);
    expect(one.transport.stats().refusals).toBe(92);
    const warnings = bench.warnings();
    expect(warnings).toHaveLength(1);
    await bench.start(2);
    await bench.pass(4_100);
    expect(one.peer.events).toEqual(['+2']);
  });

  test('an established connection, does not count among those in the handshake', async () => {
    await using bench = new TcpBench([1, 2, 3], { maxPendingCallers: 1 });
    const three = await bench.start(3);
    // So that node 3 is called by both, and calls neither.
    bench.network.blackHoles.add(addressOf(1)).add(addressOf(2));
    await bench.start(1);
    await bench.pass(50);
    await bench.start(2);
    await bench.pass(50);
    expect([...three.peer.connected].sort()).toEqual([1, 2]);
    expect(three.transport.stats().refusals).toBe(0);
  });

  // T05
  test('a caller that is refused and goes on, is let read why, and destroyed soon after', async () => {
    await using bench = new TcpBench([1, 2], { maxUnlistedPeers: 0 });
    await bench.start(1);
    const caller = new RawCaller(bench.network, addressOf(1), { allowHalfOpen: true });
    caller.send(encodeFrame('hello', encodeHello(testHello(9))));
    for (let ms = 0; ms < 1_000; ms += 10) {
      caller.send(Buffer.alloc(1_000));
      await bench.pass(10);
    }
    expect(caller.refusal).toMatch(/node 9 is not a peer/);
    expect(bench.network.socketsOf(1)).toEqual([]);
  });
});
