import { expect, test } from 'vitest';
import { bytesCodec } from '../../src/codec/index.js';
import { encodeState } from '../../src/storage/record-codec.js';
import { StorageImage } from '../../src/storage/storage-operation.js';
import { config } from './storage-fixtures.js';

const codecs = { entry: bytesCodec, snapshot: bytesCodec };

test('state of a segment: a record holds few large entries, however many there are', () => {
  const image = StorageImage.initial<Uint8Array, Uint8Array>(config);
  const entry = new Uint8Array(300 * 1024);
  const records = Array.from({ length: 20 }, () => ({ kind: 'entry', entry }) as const);
  image.apply({ kind: 'writes', writes: [{ kind: 'append', fromIdx: 0, records }] });
  const sizes = [...encodeState(image, codecs)].slice(1).map(({ payload }) => payload.length);
  expect(sizes).toHaveLength(5);
  expect(Math.max(...sizes)).toBeLessThan(1024 * 1024 + entry.length + 100);
});
