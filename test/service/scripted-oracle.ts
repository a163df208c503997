import { toEpoch } from '../../src/consensus/index.js';
import type { Grant } from '../../src/oracle/index.js';
import { withResolvers } from '../../src/runtime/index.js';
import type { TimestampGranter } from '../../src/service/index.js';

export const EPOCH = toEpoch((5n << 64n) | 9n);

export function grantOf(count: number, physicalMs = 1_700_000_000_000, logicalStart = 0): Grant {
  return { physicalMs, logicalStart, count, epoch: EPOCH };
}

/** One call of an oracle, answered by the test. */
export interface ScriptedGrant {
  readonly count: number;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  resolve(grant: Grant): void;
  reject(error: unknown): void;
}

/**
 * An oracle that answers as it is told: by `answer` at once, or, without one, when the test settles the call
 * in `calls`.
 */
export class ScriptedOracle implements TimestampGranter {
  readonly calls: ScriptedGrant[] = [];
  answer: ((count: number) => Grant) | undefined;

  constructor(answer?: (count: number) => Grant) {
    this.answer = answer;
  }

  async grant(
    count: number,
    { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
  ): Promise<Grant> {
    const { promise, resolve, reject } = withResolvers<Grant>();
    this.calls.push({ count, signal, timeoutMs, resolve, reject });
    return this.answer === undefined ? await promise : this.answer(count);
  }
}
