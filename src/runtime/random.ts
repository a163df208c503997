import { randomBytes } from 'node:crypto';

/** The seam to randomness. */
export interface Random {
  /** A number within [0, 1). */
  nextFloat(): number;
  /** A random unsigned 64-bit value, never 0, fit for identities. */
  nextUint64(): bigint;
}

/** The machine's own randomness; identities come from the cryptographic source. */
export const systemRandom: Random = {
  nextFloat: () => Math.random(),
  nextUint64() {
    const value = randomBytes(8).readBigUInt64BE();
    return value === 0n ? systemRandom.nextUint64() : value;
  },
};
