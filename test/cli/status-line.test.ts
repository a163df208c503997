import { describe, expect, test } from 'vitest';
import { parseStatusLine, type StatusLine } from '../../src/cli/serve/status-line.js';

const line: StatusLine = {
  nodeId: 2,
  pid: 4242,
  incarnation: 3,
  clientEndpoint: '127.0.0.1:50552',
  role: 'leader',
  epoch: '79228162514264337593543950338',
  highWater: 1_700_000_000_000,
  decidedIdx: 17,
};

describe('status line', () => {
  test('a line as it is written, is read as it was meant', () => {
    expect(parseStatusLine(JSON.stringify(line))).toEqual(line);
    expect(parseStatusLine(JSON.stringify({ ...line, role: 'unknown', epoch: null }))).toMatchObject({
      epoch: null,
    });
  });

  test.each([
    ['no JSON', 'ready'],
    ['half a line', JSON.stringify(line).slice(0, 40)],
    ['another object', '{"level":30}'],
    ['a field too many', JSON.stringify({ ...line, more: 1 })],
    ['a field too few', JSON.stringify({ ...line, role: undefined })],
    ['an epoch that is no number', JSON.stringify({ ...line, epoch: '1.2.0.3' })],
    ['a negative index', JSON.stringify({ ...line, decidedIdx: -1 })],
  ])('%s, is none', (_, text) => {
    expect(parseStatusLine(text)).toBeUndefined();
  });
});
