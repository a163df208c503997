import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import {
  formatAddress,
  isLoopback,
  parseAddress,
  TcpPeerTransport,
  type TcpPeerTransportOptions,
  TransportError,
} from '../../src/transport/index.js';
import { testCodecs } from '../codec/test-codecs.js';

function make(changes: object): TcpPeerTransport<string, number> {
  return new TcpPeerTransport<string, number>({
    nodeId: 1,
    listen: '127.0.0.1:0',
    peers: new Map([[2, '127.0.0.1:5000']]),
    codecs: testCodecs,
    // What a caller without types may hand in.
    ...(changes as Partial<TcpPeerTransportOptions<string, number>>),
  });
}

describe('TCP transport options', () => {
  test.each<[string, object]>([
    ['nodeId', { nodeId: 0 }],
    ['nodeId', { nodeId: 1.5 }],
    ['listen', { listen: '127.0.0.1' }],
    ['listen', { listen: 'http://127.0.0.1:1' }],
    ['listen', { listen: '127.0.0.1:65536' }],
    ['peers.1', { peers: new Map([[1, '127.0.0.1:1']]) }],
    ['peers.0', { peers: new Map([[0, '127.0.0.1:1']]) }],
    ['peers.2', { peers: new Map([[2, ':1']]) }],
    ['peers.2', { peers: new Map([[2, '127.0.0.1:0']]) }],
    ['peers.3', { peers: new Map([2, 3].map((id) => [id, '127.0.0.1:7'])) }],
    ['TCP transport options.maxFrameBytes', { maxFrameBytes: 10 }],
    ['TCP transport options.bulkWindowBytes', { bulkWindowBytes: 32 * 1_024 - 1 }],
    ['TCP transport options.handshakeTimeoutMs', { handshakeTimeoutMs: Number.NaN }],
    ['TCP transport options.reconnectMaxMs', { reconnectMinMs: 100, reconnectMaxMs: 99 }],
    ['TCP transport options.allowInsecurePeer', { allowInsecurePeer: 'yes' }],
    ['TCP transport options', { maxFramesBytes: 1_000_000 }],
  ])('%s out of range, is refused by name: %o', (field, changes) => {
    const refusal = (() => {
      try {
        return make(changes);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(InvalidInputError);
    expect(refusal).toMatchObject({ field });
  });

  // T02
  test.each<[string, object]>([
    ['listen', { listen: '0.0.0.0:1' }],
    ['listen', { listen: '[::]:1' }],
    ['listen', { listen: '192.168.0.1:1' }],
    ['peers.2', { peers: new Map([[2, 'db-2.internal:1']]) }],
    ['peers.2', { peers: new Map([[2, '127.0.0.1.example.com:1']]) }],
  ])('%s off loopback in plaintext, is refused unless allowed: %o', (field, changes) => {
    expect(() => make(changes)).toThrow(TransportError);
    expect(() => make(changes)).toThrow(new RegExp(`^${field}: .*TLS.*allowInsecurePeer`));
    expect(() => make({ ...changes, allowInsecurePeer: true })).not.toThrow();
  });
});

describe('address', () => {
  test.each([
    ['127.0.0.1:1', '127.0.0.1', 1],
    ['[::1]:65535', '::1', 65_535],
    ['db-1.example_x:0', 'db-1.example_x', 0],
  ])('%s, is read and written', (text, host, port) => {
    expect(parseAddress(text, 'a')).toEqual({ host, port });
    expect(formatAddress({ host, port })).toBe(text);
  });

  test.each([
    '',
    ':1',
    'a',
    'a:',
    'a:x',
    'a:123456',
    '::1:1',
    '[::g]:1',
    '[]:1',
    'a/b:1',
    'a b:1',
    'a:1 ',
    'http://a:1',
  ])('%j, is refused', (text) => {
    expect(() => parseAddress(text, 'a')).toThrow(InvalidInputError);
  });

  test('loopback addresses, are told from others', () => {
    for (const host of ['localhost', '127.0.0.1', '127.255.0.9', '::1']) expect(isLoopback(host)).toBe(true);
    for (const host of [
      '::',
      '0.0.0.0',
      '128.0.0.1',
      '127.1',
      '127.0.0.1.example.com',
      'LOCALHOST.example',
    ]) {
      expect(isLoopback(host)).toBe(false);
    }
  });
});
