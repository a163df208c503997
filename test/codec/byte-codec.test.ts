import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readClusterConfig, writeClusterConfig } from '../../src/codec/cluster-config-codec.js';
import { ByteReader, ByteWriter, MalformedError } from '../../src/codec/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import type { ClusterConfig } from '../../src/omnipaxos/index.js';

/** One kind of value: how it is written, how it is read, and which values it takes. */
interface Primitive<T> {
  readonly write: (writer: ByteWriter, value: T) => void;
  readonly read: (reader: ByteReader) => T;
  readonly values: fc.Arbitrary<T>;
  readonly refused: readonly unknown[];
}

function primitive<T>(definition: Primitive<T>): Primitive<unknown> {
  // The table below mixes types of values; each row's own functions only ever see its own values.
  return definition as unknown as Primitive<unknown>;
}

const badNumbers = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', undefined, null, 1n];
const primitives: Readonly<Record<string, Primitive<unknown>>> = {
  u8: primitive({
    write: (w, v) => w.u8(v),
    read: (r) => r.u8(),
    values: fc.integer({ min: 0, max: 0xff }),
    refused: [...badNumbers, 0x100],
  }),
  u16: primitive({
    write: (w, v) => w.u16(v),
    read: (r) => r.u16(),
    values: fc.integer({ min: 0, max: 0xffff }),
    refused: [...badNumbers, 0x1_0000],
  }),
  u32: primitive({
    write: (w, v) => w.u32(v),
    read: (r) => r.u32(),
    values: fc.integer({ min: 0, max: 0xffff_ffff }),
    refused: [...badNumbers, 2 ** 32],
  }),
  u48: primitive({
    write: (w, v) => w.u48(v),
    read: (r) => r.u48(),
    values: fc.oneof(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.constant(2 ** 48 - 1)),
    refused: [...badNumbers, 2 ** 48],
  }),
  u64: primitive({
    write: (w, v) => w.u64(v),
    read: (r) => r.u64(),
    values: fc.oneof(fc.maxSafeNat(), fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1)),
    refused: [...badNumbers, 2 ** 53],
  }),
  bigU64: primitive({
    write: (w, v) => w.bigU64(v),
    read: (r) => r.bigU64(),
    values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    refused: [-1n, 2n ** 64n, 1],
  }),
  hex64: primitive({
    write: (w, v) => w.hex64(v),
    read: (r) => r.hex64(),
    values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((v) => v.toString(16).padStart(16, '0')),
    refused: ['', '0123456789ABCDEF', '0123456789abcde', '0123456789abcdef0', 'x123456789abcdef'],
  }),
  f64: primitive({
    write: (w, v) => w.f64(v),
    read: (r) => r.f64(),
    values: fc.double(),
    refused: ['1', undefined],
  }),
  boolean: primitive({
    write: (w, v) => w.boolean(v),
    read: (r) => r.boolean(),
    values: fc.boolean(),
    refused: [1, 'true', undefined],
  }),
  bytes: primitive({
    write: (w, v) => w.bytes(v),
    read: (r) => r.bytes(),
    values: fc.uint8Array().map((bytes): Uint8Array => bytes),
    refused: ['bytes', [1, 2], undefined],
  }),
  string: primitive({
    write: (w, v) => w.string(v),
    read: (r) => r.string(),
    values: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ufeffbom', '\u{10ffff}')),
    refused: ['\ud800', 'a\udc00b', 7, undefined],
  }),
};

describe.each(Object.entries(primitives))('byte codec: %s', (_name, { write, read, values, refused }) => {
  test('every value in range comes back', () => {
    fc.assert(
      fc.property(values, (value) => {
        const writer = new ByteWriter();
        write(writer, value);
        const reader = new ByteReader(writer.finish());
        expect(read(reader)).toEqual(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  test('a value out of range is refused by name', () => {
    for (const value of refused) {
      expect(() => write(new ByteWriter(), value)).toThrow(InvalidInputError);
    }
  });

  test('cut short at any byte, it is malformed', () => {
    fc.assert(
      fc.property(values, (value) => {
        const writer = new ByteWriter();
        write(writer, value);
        const bytes = writer.finish();
        for (let length = 0; length < bytes.length; length++) {
          expect(() => read(new ByteReader(bytes.subarray(0, length)))).toThrow(MalformedError);
        }
      }),
      { numRuns: 30 },
    );
  });
});

test('byte reader: a 64-bit number above 2^53 - 1, malformed', () => {
  expect(() => new ByteReader(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0)).u64()).toThrow(MalformedError);
  expect(() => new ByteReader(new Uint8Array(8).fill(0xff)).u64()).toThrow(MalformedError);
});

test('byte reader: bytes that are no UTF-8, malformed', () => {
  expect(() => new ByteReader(Uint8Array.of(0, 0, 0, 1, 0xff)).string()).toThrow(MalformedError);
  expect(() => new ByteReader(Uint8Array.of(0, 0, 0, 3, 0xed, 0xa0, 0x80)).string()).toThrow(MalformedError);
});

test('byte reader: a giant count or length, refused before anything is allocated', () => {
  const giant = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3);
  expect(() => new ByteReader(giant).count(1)).toThrow(MalformedError);
  expect(() => new ByteReader(giant).bytes()).toThrow(MalformedError);
  expect(() => new ByteReader(giant).string()).toThrow(MalformedError);
  expect(() => new ByteReader(giant).nested((inner) => inner.u8())).toThrow(MalformedError);
});

test('byte reader: a nested value, cannot be read past its end and must be read to it', () => {
  const writer = new ByteWriter();
  writer.nested((inner) => {
    inner.u8(1);
    inner.nested((innermost) => innermost.u16(2));
  });
  writer.u8(3);
  const bytes = writer.finish();

  const reader = new ByteReader(bytes);
  const value = reader.nested((inner) => [inner.u8(), inner.nested((innermost) => innermost.u16())]);
  expect(value).toEqual([1, 2]);
  expect(reader.u8()).toBe(3);
  expect(() => new ByteReader(bytes).nested((inner) => inner.raw(8))).toThrow(MalformedError);
  expect(() => new ByteReader(bytes).nested((inner) => inner.u8())).toThrow(MalformedError);
});

test('byte reader: a nested value longer than the value around it, malformed', () => {
  // The outer value has 5 bytes; the inner one claims 2 of which only 1 is inside.
  const bytes = Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 2, 7, 7);
  const decode = (reader: ByteReader): number => reader.nested((inner) => inner.u16());
  expect(() => new ByteReader(bytes).nested(decode)).toThrow(MalformedError);
});

test('byte writer: grows past its initial size and keeps what was written', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (chunks) => {
      const writer = new ByteWriter(16);
      for (const chunk of chunks) writer.raw(chunk);
      expect(Buffer.from(writer.finish())).toEqual(Buffer.concat(chunks));
      expect(writer.length).toBe(Buffer.concat(chunks).length);
    }),
  );
});

test('byte writer: growing in the middle of any kind of value, loses nothing', () => {
  const value = { u8: 1, u16: 2, u32: 3, u48: 4, u64: 5, bigU64: 6n, hex64: '0000000000000007', f64: 8 };
  for (const [kind, expected] of Object.entries(value)) {
    const row = primitives[kind];
    for (let offset = 0; offset <= 16; offset++) {
      const writer = new ByteWriter(16);
      writer.raw(new Uint8Array(offset));
      row?.write(writer, expected);
      const reader = new ByteReader(writer.finish());
      reader.raw(offset);
      expect(row?.read(reader)).toBe(expected);
    }
  }
});

test('byte writer: a place that was not written, cannot be patched', () => {
  const writer = new ByteWriter();
  writer.u32(0);
  writer.patchU32(0, 7);
  expect(new ByteReader(writer.finish()).u32()).toBe(7);
  for (const at of [-1, 1, 0.5]) expect(() => writer.patchU32(at, 1)).toThrow(InvalidInputError);
});

test('byte writer: reset, begins anew', () => {
  const writer = new ByteWriter();
  writer.u32(1);
  const copy = writer.finish();
  writer.reset();
  writer.u8(2);
  expect(writer.written()).toEqual(Uint8Array.of(2));
  expect(copy).toEqual(Uint8Array.of(0, 0, 0, 1));
});

describe('cluster config', () => {
  const config = { configId: 1, nodes: [1], leaseMs: 250, maxClockDrift: 0.01 };
  const bytesOf = (value: ClusterConfig): Uint8Array => {
    const writer = new ByteWriter();
    writeClusterConfig(writer, value);
    return writer.finish();
  };

  test('its optional parts: each by its own flag, in this order', () => {
    const quorum = { nodes: [1, 2, 3], flexibleQuorum: { readQuorumSize: 2, writeQuorumSize: 2 } };
    const previousLease = { leaseMs: 1_000, maxClockDrift: 0.5 };
    const flagAt = (value: ClusterConfig): number | undefined => bytesOf(value)[8 + 6 * value.nodes.length];
    expect(flagAt(config)).toBe(0);
    expect(flagAt({ ...config, ...quorum })).toBe(1);
    expect(flagAt({ ...config, previousLease })).toBe(2);
    expect(flagAt({ ...config, ...quorum, previousLease })).toBe(3);
    expect(readClusterConfig(new ByteReader(bytesOf({ ...config, previousLease })))).toEqual({
      ...config,
      previousLease,
    });
  });

  test('a flag that nobody knows: malformed', () => {
    const bytes = bytesOf(config);
    bytes[14] = 4;
    expect(() => readClusterConfig(new ByteReader(bytes))).toThrow(/has the flags 4/);
  });
});
