import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeStableWrite, encodeStableWrite, MalformedError } from '../../src/codec/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import type { StableWrite } from '../../src/omnipaxos/index.js';
import { stableWriteArbitrary } from '../../src/testing/arbitraries/index.js';
import { testCodecs, testValues } from './test-codecs.js';

const writes = stableWriteArbitrary(testValues);

function decodesOrIsMalformed(bytes: Uint8Array): void {
  let decoded: StableWrite<string, number>;
  try {
    decoded = decodeStableWrite(bytes, testCodecs);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return;
  }
  expect(decodeStableWrite(encodeStableWrite(decoded, testCodecs), testCodecs)).toEqual(decoded);
}

test('stable write codec: every write comes back as it was', () => {
  fc.assert(
    fc.property(writes, (write) => {
      expect(decodeStableWrite(encodeStableWrite(write, testCodecs), testCodecs)).toEqual(write);
    }),
    { numRuns: 500 },
  );
});

test('stable write codec: cut short at any byte, malformed', () => {
  fc.assert(
    fc.property(writes, (write) => {
      const bytes = encodeStableWrite(write, testCodecs);
      for (let length = 0; length < bytes.length; length++) {
        expect(() => decodeStableWrite(bytes.subarray(0, length), testCodecs)).toThrow(MalformedError);
      }
    }),
  );
});

test('stable write codec: any byte changed, malformed or another well-formed write', () => {
  fc.assert(
    fc.property(writes, fc.integer({ min: 1, max: 255 }), (write, flip) => {
      const bytes = encodeStableWrite(write, testCodecs);
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        decodesOrIsMalformed(changed);
      }
    }),
  );
});

test('stable write codec: arbitrary bytes, malformed or a well-formed write', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), decodesOrIsMalformed), { numRuns: 2_000 });
});

test('stable write codec: an index past 2^53 - 1 after the last record, refused both ways', () => {
  const write: StableWrite<string, number> = {
    kind: 'append',
    fromIdx: Number.MAX_SAFE_INTEGER,
    records: [{ kind: 'entry', entry: '' }],
  };
  expect(() => encodeStableWrite(write, testCodecs)).toThrow(InvalidInputError);
  const bytes = encodeStableWrite({ ...write, fromIdx: Number.MAX_SAFE_INTEGER - 1 }, testCodecs);
  bytes[8] = 0xff;
  expect(() => decodeStableWrite(bytes, testCodecs)).toThrow(MalformedError);
});

test('stable write codec: bytes left over, malformed', () => {
  const bytes = encodeStableWrite({ kind: 'decided', decidedIdx: 1 }, testCodecs);
  expect(() => decodeStableWrite(Buffer.concat([bytes, bytes]), testCodecs)).toThrow(MalformedError);
});
