import { InvalidInputError } from '../errors/index.js';
import type { Random } from './random.js';

/** A small seeded generator (mulberry32): the same seed gives the same numbers for ever. Not for secrets. */
export class SeededRandom implements Random {
  #state: number;

  /** @param seed any number; only its low 32 bits count. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  nextFloat(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  nextId(): string {
    const half = (): string =>
      Math.floor(this.nextFloat() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return half() + half();
  }

  /** A whole number within [0, limit). */
  below(limit: number): number {
    return Math.floor(this.nextFloat() * limit);
  }

  /** A number within [min, max). */
  between(min: number, max: number): number {
    return min + this.nextFloat() * (max - min);
  }

  /** Whether something of this probability, within [0, 1], happens. */
  chance(probability: number): boolean {
    return this.nextFloat() < probability;
  }

  /** One of `values`. @throws {InvalidInputError} if there are none. */
  pick<T>(values: readonly T[]): T {
    const index = this.below(values.length);
    if (index >= values.length) throw new InvalidInputError('values', values, 'must not be empty');
    // Within the array, as just checked; T itself may include undefined.
    return values[index] as T;
  }

  /** A generator of its own whose numbers do not depend on how many are drawn here later. */
  fork(): SeededRandom {
    return new SeededRandom(Math.floor(this.nextFloat() * 2 ** 32));
  }
}
