import { InvariantViolation } from '../violation.js';

/** What may grow, and how far it may. */
export type Amounts = Readonly<Record<string, readonly [amount: number, limit: number]>>;

/**
 * Queues, ledgers and logs stay within their bounds. Invariant 20.
 * @throws {InvariantViolation} naming the first that does not.
 */
export function requireWithinBounds(nodeId: number, amounts: Amounts): void {
  for (const [name, [amount, limit]] of Object.entries(amounts)) {
    if (amount <= limit) continue;
    throw new InvariantViolation(
      'queues, ledgers and logs are bounded',
      `${name} of node ${nodeId}: ${amount}, the bound is ${limit}`,
    );
  }
}
