import type { Epoch } from '../../../consensus/index.js';
import { InvariantViolation } from '../violation.js';

/** One leader per ballot, and no ballot led in two lives: so no epoch stands for two ballots either. Invariants 6 and 16. */
export class Leaderships {
  readonly #leaders = new Map<Epoch, string>();

  /** How many leaderships were seen. */
  get count(): number {
    return this.#leaders.size;
  }

  /** @throws {InvariantViolation} if another node, or another life of this one, has led at this epoch. */
  see(epoch: Epoch, nodeId: number, life: number): void {
    const leader = `life ${life} of node ${nodeId}`;
    const known = this.#leaders.get(epoch);
    if (known === undefined) this.#leaders.set(epoch, leader);
    else if (known !== leader) {
      throw new InvariantViolation(
        'a ballot is led by one node, in one of its lives',
        `${leader} leads at epoch ${epoch.toString(16)}, where ${known} has led`,
      );
    }
  }
}
