import { randomBytes } from 'node:crypto';

/** The seam to randomness. */
export interface Random {
  /** A number within [0, 1). */
  nextFloat(): number;
  /** 64 random bits as 16 lower-case hexadecimal digits, fit for identities. */
  nextId(): string;
}

/** The machine's own randomness; identities come from the cryptographic source. */
export const systemRandom: Random = {
  nextFloat: () => Math.random(),
  nextId: () => randomBytes(8).toString('hex'),
};
