// A process of its own: starts transports that talk, that dial in vain and that are refused, closes them, and must then end by itself.
import { setImmediate } from 'node:timers/promises';
import { TcpPeerTransport } from '../../src/transport/index.js';
import { testCodecs } from '../codec/test-codecs.js';
import { bulk, TestPeer } from './test-peer.js';

// A process that does not end by itself is ended here, as a failure; this timer keeps nothing alive.
setTimeout(() => process.exit(3), 8_000).unref();

const first = new TcpPeerTransport<string, number>({
  nodeId: 1,
  listen: '127.0.0.1:0',
  peers: new Map([
    [2, '127.0.0.1:9'],
    [3, '127.0.0.1:10'],
  ]),
  codecs: testCodecs,
  maxUnlistedPeers: 0,
});
const talking = new TestPeer(1);
await first.start(talking);
const second = new TcpPeerTransport<string, number>({
  nodeId: 2,
  listen: '127.0.0.1:0',
  peers: new Map([[1, first.address]]),
  codecs: testCodecs,
});
await second.start(new TestPeer(2));
const stranger = new TcpPeerTransport<string, number>({
  nodeId: 9,
  listen: '127.0.0.1:0',
  peers: new Map([[1, first.address]]),
  codecs: testCodecs,
});
await stranger.start(new TestPeer(9));
while (talking.connected.size === 0 || first.stats().refusals === 0) await setImmediate();
first.send(bulk(1, 2, 1, 10_000_000));
await Promise.all([first.close(), second.close(), stranger.close()]);
