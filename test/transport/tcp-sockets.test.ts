import { fork } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeFrame } from '../../src/transport/frame-codec.js';
import { encodeHello } from '../../src/transport/hello-codec.js';
import { parseAddress, TcpPeerTransport, type TcpPeerTransportOptions } from '../../src/transport/index.js';
import { testCodecs } from '../codec/test-codecs.js';
import { testHello } from './test-hello.js';
import { bulk, counters, heartbeat, rounds, TestPeer } from './test-peer.js';

const open: TcpPeerTransport<string, number>[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((transport) => transport.close()));
});

/** Waits for a condition, at most 10 s. */
async function until(condition: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + 10_000; !condition(); ) {
    if (performance.now() > endMs) throw new Error(`${what}: not within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function transport(
  nodeId: number,
  listen: string,
  peers: Iterable<[number, string]>,
  options: Partial<TcpPeerTransportOptions<string, number>> = {},
): TcpPeerTransport<string, number> {
  const made = new TcpPeerTransport<string, number>({
    nodeId,
    listen,
    peers: new Map(peers),
    codecs: testCodecs,
    ...options,
  });
  open.push(made);
  return made;
}

/** Ports that are free now. */
async function freePorts(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const addresses: string[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not bound');
    addresses.push(`127.0.0.1:${address.port}`);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return addresses;
}

describe('TCP transport on real sockets', () => {
  test('three nodes, are all connected and pass on messages large and small in order', async () => {
    const addresses = await freePorts(3);
    const peers = [1, 2, 3].map((nodeId) => new TestPeer(nodeId));
    const others = (nodeId: number): [number, string][] =>
      addresses.map((address, i): [number, string] => [i + 1, address]).filter(([id]) => id !== nodeId);
    const nodes = await Promise.all(
      peers.map(async (peer) => {
        const made = transport(peer.nodeId, addresses[peer.nodeId - 1] ?? '', others(peer.nodeId));
        await made.start(peer);
        return { peer, transport: made };
      }),
    );
    await until(() => peers.every(({ connected }) => connected.size === 2), 'all are connected');
    for (const { peer, transport: from } of nodes) {
      for (const [to] of others(peer.nodeId)) {
        from.send(bulk(peer.nodeId, to, 0, 3_000_000));
        for (let i = 1; i < 200; i++) from.send(bulk(peer.nodeId, to, i, i));
        from.send(heartbeat(peer.nodeId, to, 1));
      }
    }
    const done = (): boolean => peers.every(({ messages }) => messages.length === 2 * 201);
    await until(done, 'all messages have arrived');
    for (const peer of peers) {
      for (const [from] of others(peer.nodeId)) {
        const messages = peer.messages.filter((message) => message.from === from);
        expect(counters(messages)).toEqual(Array.from({ length: 200 }, (_, i) => i));
        // T04: it was handed over last.
        expect(rounds(messages.slice(0, 100))).toEqual([1]);
      }
      expect(peer.events.filter((event) => event.startsWith('-'))).toEqual([]);
    }
  });

  // T06
  test('a caller that is refused while it still talks, can read why', async () => {
    const made = transport(1, '127.0.0.1:0', []);
    await made.start(new TestPeer(1));
    const { host, port } = parseAddress(made.address, 'address');
    const socket = connect(port, host);
    const received: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.write(encodeFrame('hello', encodeHello(testHello(9, { clusterId: 'other' }))));
    socket.write(encodeFrame('whole', Buffer.alloc(60_000)).subarray(0, 50_000));
    await until(() => Buffer.concat(received).includes('it belongs to cluster'), 'the reason has come');
    socket.destroy();
  });

  test('port 0, the address tells the port that was chosen', async () => {
    const made = transport(1, '127.0.0.1:0', []);
    await made.start(new TestPeer(1));
    expect(made.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  });

  test('an address in use, is refused with what the system said; it is free as soon as its holder is closed', async () => {
    const first = transport(1, '127.0.0.1:0', []);
    await first.start(new TestPeer(1));
    const second = transport(2, first.address, []);
    await expect(second.start(new TestPeer(2))).rejects.toMatchObject({
      code: 'bind_failed',
      message: expect.stringMatching(/listen: cannot bind to 127\.0\.0\.1:\d+ \(.*EADDRINUSE/),
      cause: { code: 'EADDRINUSE' },
    });
    await second.close();
    await first.close();
    await transport(3, first.address, []).start(new TestPeer(3));
  });

  test('a peer that is closed and started again, is connected again within a fraction of a second', async () => {
    const [one = '', two = ''] = await freePorts(2);
    for (const restarted of [1, 2]) {
      const survivor = new TestPeer(3 - restarted);
      const listen = restarted === 1 ? one : two;
      const survivorListen = restarted === 1 ? two : one;
      const staying = transport(survivor.nodeId, survivorListen, [[restarted, listen]]);
      await staying.start(survivor);
      for (let incarnation = 1; incarnation <= 3; incarnation++) {
        const peer = new TestPeer(restarted, { incarnation });
        const restarting = transport(restarted, listen, [[survivor.nodeId, survivorListen]]);
        await restarting.start(peer);
        const startedMs = performance.now();
        await until(() => survivor.connected.has(restarted), 'connected again');
        expect(performance.now() - startedMs).toBeLessThan(1_000);
        await restarting.close();
        await until(() => !survivor.connected.has(restarted), 'the loss is noticed');
      }
      await staying.close();
    }
  });

  test('closed in the middle of a large message, both ends let go', async () => {
    const [one = '', two = ''] = await freePorts(2);
    const peers = [new TestPeer(1), new TestPeer(2)] as const;
    const sender = transport(1, one, [[2, two]]);
    const receiver = transport(2, two, [[1, one]]);
    await sender.start(peers[0]);
    await receiver.start(peers[1]);
    await until(() => peers.every(({ connected }) => connected.size === 1), 'connected');
    sender.send(bulk(1, 2, 1, 50_000_000));
    await new Promise((resolve) => setImmediate(resolve));
    await sender.close();
    await until(() => peers[1].connected.size === 0, 'the receiver has noticed');
    expect(peers[1].messages).toEqual([]);
  });

  test('all transports closed, a process ends by itself, whatever they were doing', async () => {
    const child = fork(new URL('close-and-exit.ts', import.meta.url), {
      execArgv: ['--import', 'tsx'],
      stdio: 'inherit',
    });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).toBe(0);
  });
});
