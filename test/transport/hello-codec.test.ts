import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedError } from '../../src/codec/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import { nodeIdArbitrary } from '../../src/testing/arbitraries/ballot-arbitrary.js';
import {
  decodeHello,
  encodeHello,
  PROTOCOL_VERSION,
  ProtocolVersionError,
} from '../../src/transport/hello-codec.js';
import type { Hello } from '../../src/transport/index.js';
import { testHello } from './test-hello.js';

const id64 = fc.stringMatching(/^[0-9a-f]{16}$/);
const member = { nodeId: nodeIdArbitrary(), directoryId: id64, incarnation: fc.maxSafeNat(), bootId: id64 };
const hellos: fc.Arbitrary<Hello> = fc.record(
  {
    ...member,
    clusterId: fc.string({ unit: 'grapheme' }),
    configId: fc.integer({ min: 0, max: 0xffff_ffff }),
    configHash: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    clientEndpoint: fc.string({ unit: 'grapheme' }),
    members: fc.array(fc.record(member), { maxLength: 4 }),
  },
  {
    requiredKeys: [
      'nodeId',
      'directoryId',
      'incarnation',
      'bootId',
      'clusterId',
      'configId',
      'configHash',
      'members',
    ],
  },
);

describe('hello codec', () => {
  test('any Hello, comes back as it was', () => {
    fc.assert(
      fc.property(hellos, (hello) => {
        expect(decodeHello(encodeHello(hello))).toEqual(hello);
      }),
    );
  });

  // T05
  test('a Hello cut short, longer, or changed in any byte, is refused as malformed or is another well-formed one', () => {
    const bytes = encodeHello(testHello(3, { clientEndpoint: 'a:1', members: [testHello(4)] }));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeHello(bytes.subarray(0, length))).toThrow(MalformedError);
    }
    expect(() => decodeHello(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(MalformedError);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ change : byte));
        try {
          expect(encodeHello(decodeHello(changed))).toEqual(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
    );
  });

  // T06
  test('another protocol version, is told apart from anything malformed, whatever follows', () => {
    const next = encodeHello(testHello(1), PROTOCOL_VERSION + 1).subarray(0, 6);
    expect(() => decodeHello(next)).toThrow(ProtocolVersionError);
    expect(() => decodeHello(next)).toThrow(/protocol version 2 is not 1/);
    expect(() => decodeHello(Buffer.from('GET / HTTP/1.1'))).not.toThrow(ProtocolVersionError);
  });

  test('a Hello that has no byte form, is refused with the field', () => {
    expect(() => encodeHello(testHello(0))).toThrow(InvalidInputError);
    expect(() => encodeHello(testHello(1, { bootId: '' }))).toThrow(/bootId/);
  });
});
