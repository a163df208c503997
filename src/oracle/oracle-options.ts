import { z } from 'zod';
import { type ConsensusDriver, DEFAULT_CALL_TIMEOUT_MS } from '../consensus/index.js';
import type { Clock, Logger, Random } from '../runtime/index.js';

const ms = (min: number, max: number, defaultMs: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(defaultMs);

/** Guards the tuning of an oracle. */
export const oracleTuningSchema = z
  .strictObject({
    /** How far a window reaches ahead of the clock, in ms; it is extended when half of that is left. Default 3,000. */
    windowAheadMs: ms(10, 3_600_000, 3_000),
    /** How far the first window of a leadership reaches, in ms. Default 1,000. */
    failoverAdvanceMs: ms(1, 3_600_000, 1_000),
    /** How long a grant waits for the fence or for an extension, unless its call says otherwise, in ms. Default 5,000. */
    callTimeoutMs: ms(1, 3_600_000, DEFAULT_CALL_TIMEOUT_MS),
    /** How many grants may wait at a time. Default 10,000. */
    maxWaitingGrants: z.number().int('must be a whole number').min(0, 'must be at least 0').default(10_000),
    /** The pause before consensus is asked again after a transient error, in ms; doubled at each failure. Default 10. */
    retryMinMs: ms(1, 60_000, 10),
    /** The longest such pause, in ms. Default 500. */
    retryMaxMs: ms(1, 600_000, 500),
  })
  .refine((tuning) => tuning.failoverAdvanceMs <= tuning.windowAheadMs, {
    path: ['failoverAdvanceMs'],
    error: 'must be at most windowAheadMs',
  })
  .refine((tuning) => tuning.retryMinMs <= tuning.retryMaxMs, {
    path: ['retryMinMs'],
    error: 'must be at most retryMaxMs',
  });

/** An oracle's tuning; see {@link oracleTuningSchema} for ranges and defaults. */
export type OracleTuning = z.output<typeof oracleTuningSchema>;

/** What an oracle is made of, and its tuning. */
export interface OracleOptions extends z.input<typeof oracleTuningSchema> {
  /** Stays its owner's: closing the oracle releases the leadership stream, and does not close the driver. */
  readonly driver: ConsensusDriver;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}
