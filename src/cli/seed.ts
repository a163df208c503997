import { ByteWriter } from '../codec/index.js';
import { EPOCH_ZERO, isHighWater, PHYSICAL_MS_MAX } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import {
  type HighWaterCommand,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../high-water/index.js';
import type { StableState } from '../omnipaxos/index.js';
import { readDataDirectory } from '../storage/index.js';

/** A seed must leave room for timestamps above it: ten years, in ms. */
const HEADROOM_MS = 10 * 366 * 24 * 3600 * 1000;

/** The highest time that an oracle can be made to begin above. */
export const SEED_MS_MAX = PHYSICAL_MS_MAX - HEADROOM_MS;

/** What a directory that has survived says of the oracle that it belonged to. */
export interface Survivor {
  readonly clusterId: string;
  /** The highest high-water that is known to have been asked for, decided or not. */
  readonly highWaterMs: number;
}

/**
 * Reads, and changes nothing. An advance that was accepted here counts, whether it was decided or not: it may have been. One that was decided by others alone cannot be known.
 * @throws {StorageError} if the directory cannot be read.
 */
export async function readSurvivor(dataDir: string): Promise<Survivor> {
  const codecs = { entry: highWaterCommandCodec, snapshot: highWaterSnapshotCodec };
  const { report, state } = await readDataDirectory(dataDir, codecs);
  if (report.openedBy !== undefined) {
    throw new InvalidInputError(
      '--recover-from',
      dataDir,
      `must be stopped first: process ${report.openedBy.pid} runs from it`,
    );
  }
  return { clusterId: report.identity.clusterId, highWaterMs: highestAdvance(state) };
}

/** The highest value that any advance of the log, or the state below it, has asked for. */
export function highestAdvance({
  records,
  snapshot,
}: Pick<StableState<HighWaterCommand, HighWaterSnapshot>, 'records' | 'snapshot'>): number {
  let highest = snapshot?.value.value ?? 0;
  for (const record of records) {
    if (record.kind === 'entry' && record.entry.kind === 'advance')
      highest = Math.max(highest, record.entry.atLeast);
  }
  return highest;
}

/** The state that every node of a cluster begins with whose timestamps must all lie above `seedMs`. */
export function seedSnapshot(seedMs: number): Uint8Array {
  if (!isHighWater(seedMs)) throw new InvalidInputError('seed', seedMs, 'must be a high-water');
  const writer = new ByteWriter();
  highWaterSnapshotCodec.encode({ value: seedMs, epoch: EPOCH_ZERO, ledger: [] }, writer);
  return writer.finish();
}

/**
 * The identity of a cluster that begins above `seedMs`. The seed is a part of it, so that nodes that were made with different ones refuse each other: their logs begin differently.
 */
export function seededClusterId(clusterId: string, seedMs: number): string {
  return `${clusterId}+${seedMs}`;
}
