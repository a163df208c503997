import { z } from 'zod';
import type { Logger } from '../runtime/index.js';
import type { DecidedLog } from './decided-log.js';
import type { Fold } from './drain-decided.js';
import type { SnapshotOptions } from './maybe-snapshot.js';

/** How many items one step folds at most, unless the options say otherwise. */
export const DEFAULT_CHUNK_ITEMS = 256;

/** What an apply engine is made of. */
export interface ApplyEngineOptions<E, S> {
  readonly log: DecidedLog<E, S>;
  readonly fold: Fold<E, S>;
  /** Default: no snapshots are made, and the log is never compacted. */
  readonly snapshots?: SnapshotOptions<S>;
  /** How many items one step folds at most: within [1, 1,000,000]. Default 256. */
  readonly chunkItems?: number;
  readonly logger?: Logger;
}

/** Guards the options that are numbers. */
export const applyEngineOptionsSchema = z.object({
  chunkItems: z
    .number()
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(1_000_000, 'must be at most 1000000')
    .default(DEFAULT_CHUNK_ITEMS),
});
