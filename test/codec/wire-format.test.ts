import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeMessage } from '../../src/codec/index.js';
import type { MessageKind } from '../../src/omnipaxos/index.js';
import { messageArbitrary } from '../../src/testing/arbitraries/index.js';
import { encodeFrame, type FrameKind } from '../../src/transport/frame-codec.js';
import { encodeHello } from '../../src/transport/hello-codec.js';
import { testHello } from '../transport/test-hello.js';
import { testCodecs, testValues } from './test-codecs.js';

const PAGE = new URL('../../docs/wire-format.md', import.meta.url);

/** The rows of the page's table with this header, a list of cells each. */
async function rowsOf(header: string): Promise<string[][]> {
  const page = await readFile(PAGE, 'utf8');
  const [, table = ''] = page.split(`${header}\n`, 2);
  const lines = table.split('\n').slice(1);
  return lines
    .slice(
      0,
      lines.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

test('wire format: the frame that the page shows, and the byte of each kind of frame', async () => {
  const page = await readFile(PAGE, 'utf8');
  const [, shown = ''] =
    /`([0-9a-f ]+)` is a frame of kind `whole` with the payload 1, 2, 3/.exec(page) ?? [];
  expect(encodeFrame('whole', Uint8Array.of(1, 2, 3)).toString('hex')).toBe(shown.replaceAll(' ', ''));
  const rows = await rowsOf('| byte | kind | payload | when |');
  expect(rows).toHaveLength(9);
  // The page names the kinds of frames; one that it does not know would have no byte.
  for (const [byte, kind] of rows) expect(encodeFrame(kind as FrameKind)[4]).toBe(Number(byte));
});

test('wire format: the byte of each kind of message, and what stands before the body', async () => {
  const bytes = new Map<MessageKind, number>();
  for (const message of fc.sample(messageArbitrary(testValues), { numRuns: 500, seed: 1 })) {
    const encoded = Buffer.from(encodeMessage(message, testCodecs));
    bytes.set(message.body.kind, encoded[1] ?? 0);
    expect([encoded[0], encoded.readUIntBE(2, 6), encoded.readUIntBE(8, 6)]).toEqual([
      1,
      message.from,
      message.to,
    ]);
    expect([encoded.readUInt32BE(14), encoded.readUIntBE(18, 6)]).toEqual([
      message.configId,
      message.configHash,
    ]);
  }
  const told = new Map<string, number>();
  for (const [numbers = '', kinds = ''] of await rowsOf('| byte | kind | body |')) {
    const names = kinds.split(', ');
    for (const [i, number] of numbers.split(', ').entries()) told.set(names[i] ?? '', Number(number));
  }
  expect(Object.fromEntries([...told].sort())).toEqual(Object.fromEntries([...bytes].sort()));
});

test('wire format: a Hello begins as the page says', () => {
  const hello = Buffer.from(encodeHello(testHello(2)));
  expect(hello.subarray(0, 4).toString()).toBe('tsop');
  expect(hello.readUInt16BE(4)).toBe(1);
  expect(hello.subarray(10, 10 + hello.readUInt32BE(6)).toString()).toBe(testHello(2).clusterId);
});
