import { z } from 'zod';
import { type ConsensusDriver, DEFAULT_CALL_TIMEOUT_MS } from '../consensus/index.js';
import type { Clock, Logger, Random } from '../runtime/index.js';

/** What an oracle is made of, and its tuning. */
export interface OracleOptions {
  /**
   * How the oracle reaches consensus. It stays its owner's: the oracle takes its one leadership stream, releases
   * that when it is closed, and never closes the driver.
   */
  readonly driver: ConsensusDriver;
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Spreads retries. Default: the machine's randomness. */
  readonly random?: Random | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
  /**
   * How far a window reaches ahead of the clock when it is extended, in ms. It is extended when half of it is used
   * up, so consensus has `windowAheadMs / 2` for that until a grant has to wait. Within [10, 3,600,000], default
   * 3,000.
   */
  readonly windowAheadMs?: number | undefined;
  /**
   * How far the first window of a leadership reaches beyond its floor, in ms: at each failover timestamps run that
   * much further ahead of the clock, if failovers follow each other at once. Within [1, `windowAheadMs`], default
   * 1,000, or `windowAheadMs` if that is less.
   */
  readonly failoverAdvanceMs?: number | undefined;
  /**
   * How long a grant waits for the fence or for an extension, unless its call says otherwise, in ms. Within
   * [1, 3,600,000], default 5,000.
   */
  readonly callTimeoutMs?: number | undefined;
  /** How many grants may wait at a time; one beyond is refused. Within [0, 2^20], default 10,000. */
  readonly maxWaitingGrants?: number | undefined;
  /**
   * The pause before consensus is asked again after a transient error, in ms; doubled at each failure in a row, up
   * to `retryMaxMs`, and shortened at random by up to a half. Within [1, 60,000], default 10.
   */
  readonly retryMinMs?: number | undefined;
  /** The longest such pause, in ms. Within [`retryMinMs`, 600,000], default 500. */
  readonly retryMaxMs?: number | undefined;
}

/** The longest wait of a grant, in ms. */
export const GRANT_TIMEOUT_MS_MAX = 3_600_000;

const DEFAULT_FAILOVER_ADVANCE_MS = 1_000;

const integer = (min: number, max: number) =>
  z
    .number()
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

/** Guards the numbers of {@link OracleOptions}, with their defaults. */
export const oracleTuningSchema = z
  .strictObject({
    windowAheadMs: integer(10, 3_600_000).default(3_000),
    failoverAdvanceMs: integer(1, 3_600_000).optional(),
    callTimeoutMs: integer(1, GRANT_TIMEOUT_MS_MAX).default(DEFAULT_CALL_TIMEOUT_MS),
    maxWaitingGrants: integer(0, 2 ** 20).default(10_000),
    retryMinMs: integer(1, 60_000).default(10),
    retryMaxMs: integer(1, 600_000).default(500),
  })
  .refine(({ failoverAdvanceMs = 0, windowAheadMs }) => failoverAdvanceMs <= windowAheadMs, {
    path: ['failoverAdvanceMs'],
    error: 'must be at most windowAheadMs',
  })
  .refine(({ retryMinMs, retryMaxMs }) => retryMinMs <= retryMaxMs, {
    path: ['retryMinMs'],
    error: 'must be at most retryMaxMs',
  })
  .transform((tuning) => ({
    ...tuning,
    failoverAdvanceMs:
      tuning.failoverAdvanceMs ?? Math.min(DEFAULT_FAILOVER_ADVANCE_MS, tuning.windowAheadMs),
  }));

/** An oracle's tuning with defaults filled in. */
export type OracleTuning = z.output<typeof oracleTuningSchema>;
