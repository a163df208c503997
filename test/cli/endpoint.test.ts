import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatEndpoint, parseEndpoint } from '../../src/cli/endpoint.js';

const hostArbitrary = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom('localhost', '::1', 'node_1'),
);

describe('endpoint', () => {
  test('any host and port, is read as it was written', () => {
    fc.assert(
      fc.property(hostArbitrary, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(parseEndpoint(formatEndpoint({ host, port }))).toEqual({ host, port });
      }),
    );
  });

  test.each([
    '',
    ':1',
    'a',
    'a:',
    'a:0',
    'a:65536',
    'a:1:2',
    '::1:80',
    '[::1]',
    'http://a:1',
    'a b:1',
    'a:1 ',
    'a:+1',
  ])('%j, is refused', (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });
});
