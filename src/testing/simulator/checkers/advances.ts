import { type Epoch, isHighWater } from '../../../consensus/index.js';
import { InvariantViolation } from '../violation.js';
import type { ReferenceLog } from './reference-log.js';

/** An advance that a driver has said to be durable. */
interface Acknowledged {
  readonly nodeId: number;
  readonly atLeast: number;
  readonly epoch: Epoch;
}

/** What drivers answer, over all nodes. Invariants 10 and 11. */
export class Advances {
  readonly #reference: ReferenceLog;
  /** The highest high-water that any driver has acknowledged. */
  #highest = 0;
  /** Not looked up in the decided log yet. */
  #acknowledged: Acknowledged[] = [];

  constructor(reference: ReferenceLog) {
    this.#reference = reference;
  }

  /** What a load that begins now must reflect at least. */
  get floor(): number {
    return this.#highest;
  }

  /** @throws {InvariantViolation} if a load that began at `floor` has answered less. */
  loaded(nodeId: number, floor: number, value: number): void {
    if (value >= floor) return;
    throw new InvariantViolation(
      'a load reflects every advance acknowledged before it',
      `node ${nodeId} loaded ${value}, ${floor} was acknowledged before`,
    );
  }

  /** @throws {InvariantViolation} if a call for `atLeast` must not answer `value`. */
  advanced(nodeId: number, atLeast: number, epoch: Epoch, value: number): void {
    if (value < atLeast || !isHighWater(value)) {
      throw new InvariantViolation(
        'an advance answers at least what it asked for',
        `node ${nodeId} answered ${value} for ${atLeast}`,
      );
    }
    this.#highest = Math.max(this.#highest, value);
    this.#acknowledged.push({ nodeId, atLeast, epoch });
  }

  /** Looks up what was acknowledged in the decided log. @throws {InvariantViolation} if it took no effect at its epoch. */
  check(): void {
    for (const { nodeId, atLeast, epoch } of this.#acknowledged) {
      const reached = this.#reference.advancedTo(epoch);
      if (reached >= atLeast) continue;
      throw new InvariantViolation(
        'an acknowledged advance took effect in the log while its epoch led',
        `node ${nodeId} acknowledged ${atLeast} at epoch ${epoch.toString(16)}, whose advances reach ${reached}`,
      );
    }
    this.#acknowledged = [];
  }
}
