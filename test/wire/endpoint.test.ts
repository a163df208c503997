import { describe, expect, test } from 'vitest';
import { formatEndpoint, parseEndpoint } from '../../src/wire/index.js';

describe('endpoint: text', () => {
  test.each([
    ['127.0.0.1:50551', '127.0.0.1', 50_551],
    ['tso-1.example.com:1', 'tso-1.example.com', 1],
    ['node_a:65535', 'node_a', 65_535],
    ['[::1]:0', '::1', 0],
    ['[2001:db8::1]:443', '2001:db8::1', 443],
  ])('%s is read and written', (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port });
    expect(formatEndpoint({ host, port })).toBe(text);
  });

  // C06
  test.each([
    'http://127.0.0.1:1',
    'https://leader:1',
    'dns:///leader:1',
    'dns:leader:1',
    'unix:/tmp/socket',
    'ipv4:127.0.0.1:1',
    '//leader:1',
    'user@leader:1',
    'leader:1/path',
    'leader:1?x',
    'leader:1 ',
    ' leader:1',
    'leader:1\n',
    'lea der:1',
    'leader',
    'leader:',
    ':1',
    '',
    'leader:65536',
    'leader:-1',
    'leader:0x1',
    'leader:1.5',
    '-leader:1',
    '..:1',
    '::1:1',
    '[::1]',
    '[::1',
    '[leader]:1',
    '[::1%eth0]:1',
    '[1:2]:3',
    `${'a'.repeat(254)}:1`,
  ])('%j is refused', (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });
});
