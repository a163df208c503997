import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesCodec, decodeMessage, encodeMessage, MalformedError } from '../../src/codec/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import type { Message, MessageBody } from '../../src/omnipaxos/index.js';
import { messageArbitrary, messageBodyArbitraries } from '../../src/testing/arbitraries/index.js';
import { testCodecs, testValues, withEntryCodec } from './test-codecs.js';

const ballot = { configId: 1, n: 2, priority: 3, pid: 4 };
const config = { configId: 1, nodes: [1, 2, 3], leaseMs: 250, maxClockDrift: 0.01 };

function message(body: MessageBody<string, number>): Message<string, number> {
  return { from: 1, to: 2, configId: 1, configHash: 0xabc, body };
}

/** Hands `bytes` to the decoder: what comes out is a message that encodes again, or a MalformedError; nothing else. */
function decodesOrIsMalformed(bytes: Uint8Array): void {
  let decoded: Message<string, number>;
  try {
    decoded = decodeMessage(bytes, testCodecs);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return;
  }
  expect(decodeMessage(encodeMessage(decoded, testCodecs), testCodecs)).toEqual(decoded);
}

describe.each(Object.entries(messageBodyArbitraries(testValues)))('message codec: %s', (_kind, body) => {
  const arbitrary = fc
    .tuple(messageArbitrary(testValues), body)
    .map(([envelope, body]): Message<string, number> => ({ ...envelope, body }));

  test('every message comes back as it was', () => {
    fc.assert(
      fc.property(arbitrary, (original) => {
        expect(decodeMessage(encodeMessage(original, testCodecs), testCodecs)).toEqual(original);
      }),
    );
  });

  test('cut short at any byte, malformed', () => {
    fc.assert(
      fc.property(arbitrary, (original) => {
        const bytes = encodeMessage(original, testCodecs);
        for (let length = 0; length < bytes.length; length++) {
          expect(() => decodeMessage(bytes.subarray(0, length), testCodecs)).toThrow(MalformedError);
        }
      }),
      { numRuns: 15 },
    );
  });

  test('any byte changed, malformed or another well-formed message', () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 255 }), (original, flip) => {
        const bytes = encodeMessage(original, testCodecs);
        for (let at = 0; at < bytes.length; at++) {
          const changed = bytes.slice();
          changed[at] = (changed[at] ?? 0) ^ flip;
          decodesOrIsMalformed(changed);
        }
      }),
      { numRuns: 15 },
    );
  });
});

test('message codec: arbitrary bytes, malformed or a well-formed message', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrIsMalformed), { numRuns: 2_000 });
});

test('message codec: bytes left over, malformed', () => {
  const bytes = encodeMessage(message({ kind: 'prepareReq', n: ballot }), testCodecs);
  expect(() => decodeMessage(Buffer.concat([bytes, Uint8Array.of(0)]), testCodecs)).toThrow(MalformedError);
});

test('message codec: another codec version, malformed and says which', () => {
  const bytes = encodeMessage(message({ kind: 'prepareReq', n: ballot }), testCodecs);
  bytes[0] = 2;
  expect(() => decodeMessage(bytes, testCodecs)).toThrow(/codec version is 2; this release reads 1/);
});

test('message codec: an unknown kind, malformed', () => {
  const bytes = encodeMessage(message({ kind: 'prepareReq', n: ballot }), testCodecs);
  for (const kind of [0, 16, 255]) {
    bytes[1] = kind;
    expect(() => decodeMessage(bytes, testCodecs)).toThrow(MalformedError);
  }
});

test('message codec: a count of 2^32 - 1 records, refused without allocating for them', () => {
  const bytes = encodeMessage(message({ kind: 'proposalForward', entries: [] }), testCodecs);
  bytes.fill(0xff, bytes.length - 4);
  const before = process.memoryUsage().arrayBuffers;
  expect(() => decodeMessage(bytes, testCodecs)).toThrow(/does not fit/);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
});

describe('message codec: what breaks a rule is refused when written', () => {
  const sync = { suffix: [], syncIdx: 5 };
  const acceptSync = {
    kind: 'acceptSync',
    n: ballot,
    syncToken: { incarnation: 1, counter: 1 },
    seqNum: { session: 1, counter: 0 },
    decidedIdx: 0,
  } as const;
  const cases: [string, Message<string, number>][] = [
    ['from 0', { ...message({ kind: 'prepareReq', n: ballot }), from: 0 }],
    ['to 0', { ...message({ kind: 'prepareReq', n: ballot }), to: 0 }],
    ['a configHash of 49 bits', { ...message({ kind: 'prepareReq', n: ballot }), configHash: 2 ** 48 }],
    ['a negative index', message({ kind: 'fetchDecided', fromIdx: -1 })],
    ['a ballot number past u32', message({ kind: 'prepareReq', n: { ...ballot, n: 2 ** 32 } })],
    [
      'a sync apart from its snapshot',
      message({ ...acceptSync, logSync: { ...sync, snapshot: { value: 1, compactedIdx: 4, config } } }),
    ],
    [
      'a sync past the last index',
      message({
        ...acceptSync,
        logSync: { suffix: [{ kind: 'entry', entry: 'a' }], syncIdx: Number.MAX_SAFE_INTEGER },
      }),
    ],
    [
      'a config with a node named twice',
      message({
        kind: 'configAhead',
        configs: [{ ...config, nodes: [1, 1] }],
        decidedIdx: 0,
        compactedIdx: 0,
      }),
    ],
    [
      'configs out of order',
      message({ kind: 'configAhead', configs: [config, config], decidedIdx: 0, compactedIdx: 0 }),
    ],
  ];
  test.each(cases)('%s', (_name, refused) => {
    expect(() => encodeMessage(refused, testCodecs)).toThrow(InvalidInputError);
  });

  test('an elapsed time that is none', () => {
    const promise = {
      kind: 'promise',
      n: ballot,
      syncToken: { incarnation: 1, counter: 1 },
      nAccepted: ballot,
      decidedIdx: 0,
      acceptedIdx: 0,
      compactedIdx: 0,
      previousPromise: ballot,
    } as const;
    for (const msSinceLowerBallotReply of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => encodeMessage(message({ ...promise, msSinceLowerBallotReply }), testCodecs)).toThrow(
        /msSinceLowerBallotReply/,
      );
    }
    const bytes = encodeMessage(message({ ...promise, msSinceLowerBallotReply: 0 }), testCodecs);
    bytes.set(Uint8Array.of(0x7f, 0xf8), bytes.length - 8);
    expect(() => decodeMessage(bytes, testCodecs)).toThrow(MalformedError);
  });
});

describe('message codec: a host codec that misbehaves', () => {
  const forward = message({ kind: 'proposalForward', entries: ['one', 'two'] });
  const bytes = encodeMessage(forward, testCodecs);

  test('throws when decoding: malformed, with the cause', () => {
    const cause = new RangeError('no such entry');
    const codecs = withEntryCodec({
      decode: () => {
        throw cause;
      },
    });
    expect(() => decodeMessage(bytes, codecs)).toThrow(expect.objectContaining({ code: 'malformed', cause }));
  });

  test('reads less than its value: malformed', () => {
    const codecs = withEntryCodec({ decode: (reader) => String(reader.u8()) });
    expect(() => decodeMessage(bytes, codecs)).toThrow(MalformedError);
  });

  test('reads more than its value: malformed, the next value is out of reach', () => {
    const codecs = withEntryCodec({ decode: (reader) => Buffer.from(reader.raw(14)).toString() });
    expect(() => decodeMessage(bytes, codecs)).toThrow(MalformedError);
  });

  test('throws when encoding: the entry is named', () => {
    const cause = new Error('cannot');
    const codecs = withEntryCodec({
      encode: (value) => {
        if (value === 'two') throw cause;
      },
    });
    expect(() => encodeMessage(forward, codecs)).toThrow(
      expect.objectContaining({ code: 'invalid_input', field: 'entries.1', cause }),
    );
  });
});

test('message codec: stop-sign metadata, a copy that outlives the frame', () => {
  const metadata = Uint8Array.of(1, 2, 3);
  const original = message({
    kind: 'acceptDecide',
    n: ballot,
    seqNum: { session: 1, counter: 1 },
    decidedIdx: 0,
    records: [{ kind: 'stopSign', stopSign: { nextConfig: config, metadata } }],
  });
  const bytes = encodeMessage(original, testCodecs);
  const decoded = decodeMessage(bytes, testCodecs);
  bytes.fill(0);
  expect(decoded).toEqual(original);
});

test('message codec: bytes as values, come back as copies', () => {
  const codecs = { entry: bytesCodec, snapshot: bytesCodec };
  const bytes = encodeMessage(
    {
      ...message({ kind: 'proposalForward', entries: [] }),
      body: { kind: 'proposalForward', entries: [Uint8Array.of(1), new Uint8Array()] },
    },
    codecs,
  );
  const decoded = decodeMessage(bytes, codecs);
  bytes.fill(0xff);
  expect(decoded.body).toEqual({
    kind: 'proposalForward',
    entries: [Uint8Array.of(1), new Uint8Array()],
  });
});
