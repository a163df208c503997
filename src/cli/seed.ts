import { ByteReader, ByteWriter, bytesCodec, MalformedError, type ValueCodec } from '../codec/index.js';
import { EPOCH_ZERO, isHighWater, PHYSICAL_MS_MAX } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import { highWaterCommandCodec, highWaterSnapshotCodec } from '../high-water/index.js';
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
 * Reads, and changes nothing. An advance that was accepted here counts, whether it was decided or not: it may
 * have been. One that was decided by others alone cannot be known.
 * @throws {StorageError} if the directory cannot be read.
 * @throws {InvalidInputError} if somebody has it open, or may have, or its entries are those of another host.
 */
export async function readSurvivor(dataDir: string): Promise<Survivor> {
  const refuse = (expectation: string): never => {
    throw new InvalidInputError('--recover-from', dataDir, expectation);
  };
  const { report, state } = await readDataDirectory(dataDir, { entry: bytesCodec, snapshot: bytesCodec });
  const { lock } = report;
  if (lock.kind === 'held') return refuse(`must be stopped first: process ${lock.holder.pid} runs from it`);
  if (lock.kind === 'unreadable') {
    return refuse(
      'must have a lock that can be read, or none: if you know that no process uses it, remove the file lock',
    );
  }
  const found = highWaterIn(state);
  if (found === undefined) {
    return refuse(
      'must be of a node that replicates nothing but the high-water; leave it out, and choose --seed-physical-ms by the clocks alone',
    );
  }
  return { clusterId: report.identity.clusterId, highWaterMs: found.highestAdvance };
}

/** What a directory knows of the high-water. */
export interface KnownHighWater {
  /** The value of its snapshot; undefined if it has none. */
  readonly snapshotHighWater: number | undefined;
  /** The highest value that the snapshot holds, or any advance of the log asks for, decided or not. */
  readonly highestAdvance: number;
}

/**
 * What the values of a log say, taken for those of a host that replicates nothing but the high-water;
 * undefined if they are another host's.
 */
export function highWaterIn({
  records,
  snapshot,
}: Pick<StableState<Uint8Array, Uint8Array>, 'records' | 'snapshot'>): KnownHighWater | undefined {
  try {
    const snapshotHighWater =
      snapshot === undefined ? undefined : decoded(highWaterSnapshotCodec, snapshot.value).value;
    let highestAdvance = snapshotHighWater ?? 0;
    for (const record of records) {
      if (record.kind !== 'entry') continue;
      const command = decoded(highWaterCommandCodec, record.entry);
      if (command.kind === 'advance') highestAdvance = Math.max(highestAdvance, command.atLeast);
    }
    return { snapshotHighWater, highestAdvance };
  } catch (error) {
    // Each record is whole, by its checksum: what does not decode was never a high-water's.
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function decoded<T>(codec: ValueCodec<T>, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes);
  const value = codec.decode(reader);
  reader.end();
  return value;
}

/** The state that every node of a cluster begins with whose timestamps must all lie above `seedMs`. */
export function seedSnapshot(seedMs: number): Uint8Array {
  if (!isHighWater(seedMs)) throw new InvalidInputError('seed', seedMs, 'must be a high-water');
  const writer = new ByteWriter();
  highWaterSnapshotCodec.encode({ value: seedMs, epoch: EPOCH_ZERO, ledger: [] }, writer);
  return writer.finish();
}

/**
 * The identity of a cluster that begins above `seedMs`. The seed is a part of it, so that nodes that were
 * made with different ones refuse each other: their logs begin differently.
 */
export function seededClusterId(clusterId: string, seedMs: number): string {
  return `${clusterId}+${seedMs}`;
}
