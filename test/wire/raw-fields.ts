import fc from 'fast-check';

/**
 * The slow, obvious varint: `padding` adds empty groups at the top, which proto3 allows up to 10 bytes in
 * all.
 */
export function varint(value: bigint, padding = 0): number[] {
  const groups: number[] = [];
  let rest = value;
  do {
    groups.push(Number(rest % 128n));
    rest /= 128n;
  } while (rest > 0n);
  for (let index = 0; index < padding && groups.length < 10; index++) groups.push(0);
  return groups.map((group, index) => (index === groups.length - 1 ? group : group + 128));
}

export function varintField(field: number, value: bigint, padding = 0): number[] {
  return [...varint(BigInt(field) * 8n), ...varint(value, padding)];
}

export function delimitedField(field: number, bytes: readonly number[]): number[] {
  return [...varint(BigInt(field) * 8n + 2n), ...varint(BigInt(bytes.length)), ...bytes];
}

export function fixedField(field: number, wireType: 1 | 5, filler: number): number[] {
  const length = wireType === 1 ? 8 : 4;
  return [...varint(BigInt(field) * 8n + BigInt(wireType)), ...Array.from({ length }, () => filler)];
}

/** Any uint64, with the edges of 32, 53 and 64 bits often. */
export function uint64Arbitrary(): fc.Arbitrary<bigint> {
  const edges = [0n, 1n, 127n, 128n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n];
  return fc.oneof(
    fc.constantFrom(...edges, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  );
}

/**
 * A whole, well-formed field that none of this service's messages knows; its varints are padded by up to
 * `paddingMax` groups.
 */
export function unknownFieldArbitrary(paddingMax = 9): fc.Arbitrary<number[]> {
  const field = fc.oneof(fc.integer({ min: 6, max: 40 }), fc.integer({ min: 6, max: 2 ** 29 - 1 }));
  return fc.oneof(
    fc
      .tuple(field, uint64Arbitrary(), fc.nat(paddingMax))
      .map(([number, value, padding]) => varintField(number, value, padding)),
    fc
      .tuple(field, fc.array(fc.nat(255), { maxLength: 300 }))
      .map(([number, bytes]) => delimitedField(number, bytes)),
    fc
      .tuple(field, fc.constantFrom(1 as const, 5 as const), fc.nat(255))
      .map(([number, wireType, filler]) => fixedField(number, wireType, filler)),
  );
}
