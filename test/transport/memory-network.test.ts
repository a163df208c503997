import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { MemoryNetwork, type MemoryNetworkOptions, type PeerTransport } from '../../src/transport/index.js';
import { testCodecs } from '../codec/test-codecs.js';
import { bulk, counters, TestPeer } from './test-peer.js';

interface Node {
  readonly peer: TestPeer;
  readonly transport: PeerTransport<string, number>;
}

/** Nodes on a memory network, on virtual time. */
class Bench {
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork<string, number>;

  constructor(options: Partial<MemoryNetworkOptions<string, number>> = {}) {
    this.network = new MemoryNetwork({ clock: this.clock, codecs: testCodecs, ...options });
  }

  async start(nodeId: NodeId, peer = new TestPeer(nodeId), frozenForMs?: () => number): Promise<Node> {
    const transport = this.network.transport(nodeId, frozenForMs);
    await transport.start(peer);
    return { peer, transport };
  }

  async startPair(): Promise<[Node, Node]> {
    const pair: [Node, Node] = [await this.start(1), await this.start(2)];
    await this.pass(10);
    return pair;
  }

  pass(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms);
  }
}

describe('memory network', () => {
  test('nodes that start, are connected by a mutual handshake, and messages arrive in order', async () => {
    const bench = new Bench();
    const [one, two] = await bench.startPair();
    expect([one.peer.events, two.peer.events]).toEqual([['+2'], ['+1']]);
    expect(one.peer.judged).toEqual([two.peer.hello()]);
    for (let i = 0; i < 5; i++) one.transport.send(bulk(1, 2, i));
    expect(two.peer.messages).toEqual([]);
    await bench.pass(1);
    expect(counters(two.peer.messages)).toEqual([0, 1, 2, 3, 4]);
    expect(one.transport.stats()).toMatchObject({ messagesSent: 5, connectionsOpened: 1 });
    expect(two.transport.stats()).toMatchObject({ messagesReceived: 5, connectionsOpened: 1 });
  });

  // N04
  test('with codecs, a message is not shared, nor are its copies; without them, it is the same object', async () => {
    for (const codecs of [testCodecs, undefined]) {
      const network = { route: () => [1, 1], ...(codecs === undefined ? {} : { codecs }) };
      const clock = new VirtualClock();
      const memory = new MemoryNetwork<string, number>({ clock, ...network });
      const peers = [new TestPeer(1), new TestPeer(2)] as const;
      const [one, two] = peers.map((peer) => memory.transport(peer.nodeId));
      await one?.start(peers[0]);
      await two?.start(peers[1]);
      await clock.advanceAsync(10);
      const message = bulk(1, 2, 1);
      one?.send(message);
      Object.assign(message.body, { decidedIdx: 99 });
      await clock.advanceAsync(10);
      const [first, second] = peers[1].messages;
      expect(first === second).toBe(codecs === undefined);
      expect(first === message).toBe(codecs === undefined);
      if (codecs !== undefined) expect([first, second]).toEqual([bulk(1, 2, 1), bulk(1, 2, 1)]);
    }
  });

  test('the route of a message, decides when each copy arrives, or that none does', async () => {
    const bench = new Bench({
      route: ({ body }) =>
        body.kind === 'acceptDecide' ? ([[], [5], [3, 9]][body.seqNum.counter] ?? []) : [],
    });
    const [one, two] = await bench.startPair();
    for (let i = 0; i < 3; i++) one.transport.send(bulk(1, 2, i));
    const seen: number[][] = [];
    for (const ms of [2, 1, 2, 4]) {
      await bench.pass(ms);
      seen.push(counters(two.peer.messages));
    }
    expect(seen).toEqual([[], [2], [2, 1], [2, 1, 2]]);
  });

  test('every message sent, is seen, whatever becomes of it', async () => {
    const seen: number[] = [];
    const bench = new Bench({ route: () => [], onSend: (message) => seen.push(...counters([message])) });
    const [one] = await bench.startPair();
    one.transport.send(bulk(1, 2, 1));
    one.transport.send(bulk(1, 3, 2));
    expect(seen).toEqual([1, 2]);
    expect(one.transport.stats()).toMatchObject({ messagesSent: 1, messagesDropped: 1 });
  });

  test('one direction of a link cut, only that direction loses messages, and nobody is told', async () => {
    const bench = new Bench();
    const [one, two] = await bench.startPair();
    one.transport.send(bulk(1, 2, 1));
    bench.network.setLink(1, 2, false);
    one.transport.send(bulk(1, 2, 2));
    two.transport.send(bulk(2, 1, 3));
    await bench.pass(10);
    expect(counters(two.peer.messages)).toEqual([1]);
    expect(counters(one.peer.messages)).toEqual([3]);
    bench.network.setLink(1, 2, true);
    one.transport.send(bulk(1, 2, 4));
    await bench.pass(10);
    expect(counters(two.peer.messages)).toEqual([1, 4]);
    expect([one.peer.events, two.peer.events]).toEqual([['+2'], ['+1']]);
  });

  test('a connection half open, only one end is told; what the other one sends is lost, until a new connection takes its place', async () => {
    const bench = new Bench();
    const [one, two] = await bench.startPair();
    expect(bench.network.halfOpen(1, 2, 100)).toBe(true);
    expect(bench.network.halfOpen(1, 2, 100)).toBe(false);
    two.transport.send(bulk(2, 1, 1));
    one.transport.send(bulk(1, 2, 2));
    await bench.pass(99);
    expect([one.peer.events, two.peer.events]).toEqual([['+2', '-2'], ['+1']]);
    expect([one.peer.messages, two.peer.messages]).toEqual([[], []]);
    expect([one.transport.stats().messagesDropped, two.transport.stats().messagesDropped]).toEqual([1, 0]);
    await bench.pass(2);
    expect([one.peer.events, two.peer.events]).toEqual([
      ['+2', '-2', '+2'],
      ['+1', '+1'],
    ]);
    two.transport.send(bulk(2, 1, 3));
    await bench.pass(2);
    expect(counters(one.peer.messages)).toEqual([3]);
  });

  test('a node isolated before it starts, is connected when the links are healed', async () => {
    const bench = new Bench();
    const one = await bench.start(1);
    bench.network.setLink(2, 1, false);
    const two = await bench.start(2);
    await bench.pass(1_000);
    expect(two.peer.events).toEqual([]);
    bench.network.heal();
    await bench.pass(10);
    expect([one.peer.events, two.peer.events]).toEqual([['+2'], ['+1']]);
    bench.network.isolate(1, true);
    bench.network.flap(1, 2);
    await bench.pass(1_000);
    expect([one.peer.events, two.peer.events]).toEqual([
      ['+2', '-2'],
      ['+1', '-1'],
    ]);
    bench.network.isolate(1, false);
    await bench.pass(10);
    expect(one.peer.connected).toEqual(new Set([2]));
  });

  // T03
  test('a flap, is told to both, and what was on its way is lost, or comes late if the network may do that', async () => {
    for (const deliversLate of [false, true]) {
      const bench = new Bench({ deliversLate, route: () => [30] });
      const [one, two] = await bench.startPair();
      one.transport.send(bulk(1, 2, 1));
      bench.network.flap(1, 2);
      await bench.pass(10);
      one.transport.send(bulk(1, 2, 2));
      await bench.pass(100);
      expect([one.peer.events, two.peer.events]).toEqual([
        ['+2', '-2', '+2'],
        ['+1', '-1', '+1'],
      ]);
      expect(counters(two.peer.messages)).toEqual(deliversLate ? [1, 2] : [2]);
    }
  });

  test('a node killed, its peers are told, none of its handlers is called, and a new process of it is connected', async () => {
    const bench = new Bench();
    const [one, two] = await bench.startPair();
    one.transport.send(bulk(1, 2, 1));
    bench.network.kill(2);
    two.transport.send(bulk(2, 1, 2));
    const again = await bench.start(2, new TestPeer(2, { incarnation: 2 }));
    await bench.pass(10);
    expect(one.peer.events).toEqual(['+2', '-2', '+2']);
    expect(two.peer.events).toEqual(['+1']);
    expect(again.peer.events).toEqual(['+1']);
    expect([one, two, again].flatMap(({ peer }) => peer.messages)).toEqual([]);
    expect(two.transport.stats().messagesDropped).toBe(1);
  });

  test('a connection broken twice, is told once', async () => {
    const bench = new Bench();
    const [one] = await bench.startPair();
    bench.network.kill(2);
    bench.network.flap(1, 2);
    await bench.pass(100);
    expect(one.peer.events).toEqual(['+2', '-2']);
  });

  test('closed, it is as if killed, also twice and before it was started', async () => {
    const bench = new Bench();
    const [one, two] = await bench.startPair();
    await two.transport.close();
    await two.transport.close();
    await bench.pass(10);
    expect(one.peer.events).toEqual(['+2', '-2']);
    const unused = bench.network.transport(2);
    await unused.close();
    await expect(unused.start(new TestPeer(2))).rejects.toMatchObject({ code: 'transport_used' });
    await bench.start(2);
  });

  test('a second process of a running node, cannot be bound, and disturbs nothing', async () => {
    const bench = new Bench();
    const [one, two] = await bench.startPair();
    await expect(bench.start(2)).rejects.toMatchObject({ code: 'bind_failed' });
    one.transport.send(bulk(1, 2, 1));
    await bench.pass(10);
    expect(counters(two.peer.messages)).toEqual([1]);
  });

  // T06
  test('one of them refuses, neither is connected, both count it, and they try again', async () => {
    const bench = new Bench();
    const peer = new TestPeer(2);
    peer.verdict = () => ({ ok: false, reason: 'no' });
    const one = await bench.start(1);
    const two = await bench.start(2, peer);
    await bench.pass(1_000);
    expect([one.peer.events, two.peer.events]).toEqual([[], []]);
    expect(one.transport.stats().refusals).toBeGreaterThan(1);
    expect(two.transport.stats().refusals).toBe(one.transport.stats().refusals);
    peer.verdict = () => ({ ok: true });
    await bench.pass(200);
    expect([one.peer.events, two.peer.events]).toEqual([['+2'], ['+1']]);
  });

  test('killed, cut or connected otherwise while the other judges, the handshake comes to nothing', async () => {
    for (const end of ['kill', 'cut'] as const) {
      const bench = new Bench();
      const peer = new TestPeer(1);
      let admit = (): void => {};
      peer.verdict = () =>
        new Promise((resolve) => {
          admit = () => resolve({ ok: true });
        });
      await bench.start(1, peer);
      const two = await bench.start(2);
      await bench.pass(10);
      if (end === 'kill') bench.network.kill(1);
      else bench.network.setLink(1, 2, false);
      admit();
      await bench.pass(10);
      expect([peer.events, two.peer.events]).toEqual([[], []]);
    }
  });

  test('a node kills the other one when it is told of the connection, the other one is told nothing any more', async () => {
    const bench = new Bench();
    const one = await bench.start(1);
    const peer = new TestPeer(2);
    const told = peer.onConnected.bind(peer);
    peer.onConnected = (hello) => {
      told(hello);
      bench.network.kill(1);
    };
    await bench.start(2, peer);
    await bench.pass(100);
    expect(one.peer.events).toEqual([]);
    expect(peer.events).toEqual(['+1', '-1']);
  });

  test('a process that stands still, gets messages, connections and losses when it goes on', async () => {
    const bench = new Bench();
    let frozenUntilMs = 0;
    const frozenForMs = (): number => Math.max(0, frozenUntilMs - bench.clock.monotonicMs());
    const one = await bench.start(1, new TestPeer(1), frozenForMs);
    const two = await bench.start(2);
    await bench.pass(10);
    frozenUntilMs = 1_000;
    two.transport.send(bulk(2, 1, 1));
    await bench.pass(100);
    bench.network.kill(2);
    const again = await bench.start(2, new TestPeer(2, { incarnation: 2 }));
    await bench.pass(500);
    expect(one.peer.events).toEqual(['+2']);
    expect(one.peer.messages).toEqual([]);
    await bench.pass(1_000);
    expect(counters(one.peer.messages)).toEqual([1]);
    expect(one.peer.events).toEqual(['+2', '-2', '+2']);
    expect(again.peer.events).toEqual(['+1']);
  });

  test('the same calls, give the same course of events', async () => {
    const run = async (): Promise<string[]> => {
      const events: string[] = [];
      const bench = new Bench({ route: ({ from }) => [from, 2 * from] });
      const nodes = [];
      for (const nodeId of [3, 1, 2]) {
        const node = await bench.start(nodeId);
        node.peer.react = ({ from }) => void events.push(`${from}>${nodeId} at ${bench.clock.monotonicMs()}`);
        nodes.push(node);
      }
      for (let i = 0; i < 20; i++) {
        for (const { transport, peer } of nodes) transport.send(bulk(peer.nodeId, (peer.nodeId % 3) + 1, i));
        if (i === 10) bench.network.flap(1, 2);
        await bench.pass(2);
      }
      return [...events, ...nodes.flatMap(({ peer }) => peer.events)];
    };
    const first = await run();
    expect(first.length).toBeGreaterThan(50);
    expect(await run()).toEqual(first);
  });
});
