import { type ConsensusDriver, ConsensusError, isHighWater } from '../../../consensus/index.js';
import { InvariantViolation } from '../violation.js';

/** What drivers answer, over all nodes: loads reflect every advance acknowledged before they began. */
export class Advances {
  /** The highest high-water that any driver has acknowledged. */
  #acknowledged = 0;

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The same driver, watched; `report` is told of a violation. */
  watch(
    driver: ConsensusDriver,
    nodeId: number,
    report: (violation: InvariantViolation) => void,
  ): ConsensusDriver {
    return {
      leadershipEvents: () => driver.leadershipEvents(),
      close: () => driver.close(),
      [Symbol.asyncDispose]: () => driver.close(),
      loadHighWater: async (options) => {
        const before = this.#acknowledged;
        const value = await driver.loadHighWater(options);
        if (value < before) {
          report(
            new InvariantViolation(
              'a load reflects every advance acknowledged before it',
              `node ${nodeId} loaded ${value}, ${before} was acknowledged before`,
            ),
          );
        }
        return value;
      },
      persistHighWater: async (atLeast, epoch, options) => {
        const value = await driver.persistHighWater(atLeast, epoch, options).catch((error: unknown) => {
          const isKnown = ConsensusError.is(error) || options?.signal?.aborted === true;
          if (!isKnown)
            report(
              new InvariantViolation('a driver rejects with its closed family of errors', String(error)),
            );
          throw error;
        });
        if (value < atLeast || !isHighWater(value)) {
          report(
            new InvariantViolation(
              'an advance answers at least what it asked for',
              `${value} for ${atLeast}`,
            ),
          );
        }
        this.#acknowledged = Math.max(this.#acknowledged, value);
        return value;
      },
    };
  }
}
