import { describe, expect, test } from 'vitest';
import { TcpBench } from './tcp-bench.js';
import { bulk, counters } from './test-peer.js';

describe('TCP transport', () => {
  test('two nodes started together, are connected once and talk both ways, in order', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startAll();
    if (one === undefined || two === undefined) throw new Error('not started');
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
  test('a message, is not shared with the receiver, and not changed by what happens to it after send', async () => {
    await using bench = new TcpBench();
    const [one, two] = await bench.startAll();
    const message = { ...bulk(1, 2, 0) };
    one?.transport.send(message);
    Object.assign(message, { configHash: 1 });
    await bench.pass(10);
    expect(two?.peer.messages).toEqual([bulk(1, 2, 0)]);
  });
});
