import { z } from 'zod';
import { DEFAULT_CHUNK_ITEMS, SnapshotPolicy } from '../apply/index.js';
import { type PaxosDriverOptions, paxosDriverLimitsSchema } from '../driver/index.js';
import { parseInput } from '../errors/index.js';
import type { HighWaterCommand, HighWaterSnapshot } from '../high-water/index.js';
import { type NodeTuning, nodeTuningSchema, type PaxosNodeOptions } from '../node/index.js';
import type { Clock, Logger, NextTurn } from '../runtime/index.js';

/** After how many folded records the standalone host compacts its log, unless its options say otherwise. */
export const DEFAULT_SNAPSHOT_EVERY = 1024;

/** Guards the tuning of a standalone host: the node's, the driver's, and its own. Its entries are all small. */
const tuningSchema = nodeTuningSchema.omit({ maxEntryBytes: true }).extend({
  ...paxosDriverLimitsSchema.shape,
  snapshotPolicy: z
    .custom<SnapshotPolicy>((value) => value instanceof SnapshotPolicy, 'must be a SnapshotPolicy')
    .default(() => SnapshotPolicy.every(DEFAULT_SNAPSHOT_EVERY)),
  applyChunkItems: z
    .number()
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(1_000_000, 'must be at most 1000000')
    .default(DEFAULT_CHUNK_ITEMS),
});

type NodeOptions = PaxosNodeOptions<HighWaterCommand, HighWaterSnapshot>;

/** How a standalone host works; all of it has defaults. */
export interface StandaloneHostTuning
  extends Omit<NodeTuning, 'maxEntryBytes'>,
    Pick<PaxosDriverOptions, 'callTimeoutMs' | 'maxPendingCalls'> {
  /**
   * When the log is compacted. A policy has memory: each host needs one of its own. Default: every 1,024
   * records. With `disabled()` the log grows for as long as the cluster lives, in memory too.
   */
  readonly snapshotPolicy?: SnapshotPolicy;
  /**
   * How many decided records are folded at most before the event loop turns: within [1, 1,000,000]. Default
   * 256.
   */
  readonly applyChunkItems?: number;
}

/** The seams of a standalone host to the world; production leaves them out. */
export interface StandaloneHostSeams {
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  readonly nextTurn?: NextTurn;
}

/** A standalone host with its storage and its transport handed in. */
export interface StandaloneHostStartOptions extends StandaloneHostTuning, StandaloneHostSeams {
  /** Open already; the host owns it from this call on, and closes it. */
  readonly storage: NodeOptions['storage'];
  /** Not started yet; the host owns it from this call on, and closes it. */
  readonly transport: NodeOptions['transport'];
}

/** What a standalone host works by, checked and with its defaults. */
export type HostTuning = z.output<typeof tuningSchema>;

/**
 * Checks the tuning among a host's options.
 * @throws {InvalidInputError} naming the field, also for an option that does not exist.
 */
export function parseHostTuning(tuning: StandaloneHostTuning): HostTuning {
  return parseInput(tuningSchema, tuning, 'host options');
}
