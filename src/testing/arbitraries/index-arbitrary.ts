import fc from 'fast-check';

/** Any index, count or round: small ones often, and the ends of the range. */
export function indexArbitrary(): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: 0, max: 20 }),
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
  );
}

/** An index that leaves room for a log above it. */
export function logIndexArbitrary(): fc.Arbitrary<number> {
  return fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2 ** 52 }));
}
