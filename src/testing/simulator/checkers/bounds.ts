import { InvariantViolation } from '../violation.js';

/**
 * Queues, ledgers and logs stay within their bounds. Invariant 20.
 * @throws {InvariantViolation} naming the one that does not.
 */
export function requireWithinBounds(nodeId: number, name: string, amount: number, limit: number): void {
  if (amount <= limit) return;
  throw new InvariantViolation(
    'queues, ledgers and logs are bounded',
    `${name} of node ${nodeId}: ${amount}, the bound is ${limit}`,
  );
}
