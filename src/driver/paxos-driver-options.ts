import { z } from 'zod';
import { DEFAULT_CALL_TIMEOUT_MS } from '../consensus/index.js';
import type { Clock, Logger } from '../runtime/index.js';
import { CALL_TIMEOUT_MS_MAX } from './call-timeout.js';
import type { PaxosHighWaterHost } from './paxos-high-water-host.js';

/** How many calls of one driver may wait at a time, unless its options say otherwise. */
export const DEFAULT_MAX_PENDING_CALLS = 4096;

/** Options of a `PaxosDriver`. */
export interface PaxosDriverOptions {
  /** What replicates the commands. One driver at a time. */
  readonly host: PaxosHighWaterHost;
  /** Default: the machine's clock. Only deadlines depend on it. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  /** The deadline of calls that do not name their own, in ms, within [1, 2^31 - 1]. Default 5,000. */
  readonly callTimeoutMs?: number;
  /**
   * How many calls may wait at a time; one beyond rejects with `transient`. Within [1, 2^20], default 4,096.
   */
  readonly maxPendingCalls?: number;
}

/** Guards the numbers of {@link PaxosDriverOptions}, with their defaults. */
export const paxosDriverLimitsSchema = z.object({
  callTimeoutMs: z
    .number()
    .min(1, 'must be at least 1')
    .max(CALL_TIMEOUT_MS_MAX, `must be at most ${CALL_TIMEOUT_MS_MAX}`)
    .default(DEFAULT_CALL_TIMEOUT_MS),
  maxPendingCalls: z
    .number()
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(2 ** 20, 'must be at most 1048576')
    .default(DEFAULT_MAX_PENDING_CALLS),
});
