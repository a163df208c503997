import { join } from 'node:path';
import type { Codecs } from '../codec/index.js';
import { checkedCall, unlinkIfThere } from './checked-file.js';
import { isUnfinished, lockPath, segmentGeneration } from './directory-layout.js';
import type { FileSystem } from './file-system.js';
import { Journal } from './journal.js';
import { type OpenJournalOptions, parseOpenOptions } from './journal-options.js';
import { JournalWriter } from './journal-writer.js';
import { acquireLock, type HeldLock } from './lock-file.js';
import { encodeState } from './record-codec.js';
import { readIdentity, recoverDirectory } from './recover-directory.js';
import { refusedError } from './refusal.js';
import { SegmentWriter } from './segment-writer.js';

/**
 * Opens a data directory that `initDataDirectory` has made: takes its lock, reads what it holds, and durably raises its incarnation.
 *
 * Each opening begins a new segment with the whole state. What a crash has left behind the last whole batch is thereby gone for good: no later
 * opening can take it for part of the log.
 *
 * @throws {InvalidInputError} naming the option.
 * @throws {StorageError} see `StorageErrorCode`; nothing is left behind, and the lock is free, when it rejects.
 */
export async function openJournal<E, S>(options: OpenJournalOptions<E, S>): Promise<Journal<E, S>> {
  const parsed = parseOpenOptions(options);
  // Before the lock, so that no lock file is left in what is no data directory.
  await readIdentity(parsed.dataDir, parsed.fileSystem);
  const lock = await acquireLock(lockPath(parsed.dataDir), parsed);
  try {
    return await openLocked(parsed, lock);
  } catch (error) {
    await lock.release().catch((cause: unknown) => {
      parsed.logger.error({ error: cause }, 'the lock of the data directory could not be removed');
    });
    throw error;
  }
}

async function openLocked<E, S>(
  options: Required<OpenJournalOptions<E, S>>,
  lock: HeldLock,
): Promise<Journal<E, S>> {
  const { dataDir, fileSystem, segmentBytes, logger } = options;
  const codecs: Codecs<E, S> = { entry: options.entryCodec, snapshot: options.snapshotCodec };
  const identity = await readIdentity(dataDir, fileSystem);
  const { directoryId } = identity;
  const { image, generation, nextRecord, torn, segmentFile } = await recoverDirectory(
    dataDir,
    identity,
    fileSystem,
    codecs,
  );
  if (image.refusedReason !== undefined) throw refusedError(image.refusedReason);
  if (torn) logger.warn({ file: segmentFile, nextRecord }, 'a torn tail of unacknowledged writes was cut');
  await removeUnfinished(dataDir, fileSystem);

  image.apply({ kind: 'opening', bootId: options.random.nextId() });
  const newSegment = { dataDir, fileSystem, directoryId, segmentBytes };
  const segment = await SegmentWriter.create({
    ...newSegment,
    generation: generation + 1,
    firstRecord: nextRecord,
    state: encodeState(image, codecs),
    room: segmentBytes / 4,
  });
  await closeOnFailure(segment, () => removeSegmentsBelow(dataDir, segment.generation, fileSystem));
  const writer = new JournalWriter<E, S>({
    ...options,
    segment,
    image,
    nextSegment: async (current, previous, room) => {
      const next = await SegmentWriter.create({
        ...newSegment,
        generation: previous.generation + 1,
        firstRecord: previous.nextRecord,
        state: encodeState(current, codecs),
        room,
      });
      return closeOnFailure(next, async () => {
        await previous.close();
        await removeSegmentsBelow(dataDir, next.generation, fileSystem);
      });
    },
  });
  return new Journal<E, S>({
    identity: {
      clusterId: identity.clusterId,
      nodeId: identity.nodeId,
      directoryId,
      incarnation: image.bootIds.length,
      bootIds: image.bootIds,
    },
    peerAddresses: identity.peerAddresses,
    recovered: image.stable.copy(),
    peers: image.peers,
    bounds: image.stable.bounds,
    codecs,
    writer,
    lock,
    logger,
  });
}

/** Resolves with the segment when `step` is done; if it fails, nobody will write the segment, and its file is closed. */
async function closeOnFailure(segment: SegmentWriter, step: () => Promise<void>): Promise<SegmentWriter> {
  try {
    await step();
    return segment;
  } catch (error) {
    await segment.close().catch(() => {});
    throw error;
  }
}

async function removeUnfinished(dataDir: string, fileSystem: FileSystem): Promise<void> {
  await removeNames(dataDir, fileSystem, isUnfinished);
}

/** Removes the segments that a durable newer one has made superfluous. */
async function removeSegmentsBelow(
  dataDir: string,
  generation: number,
  fileSystem: FileSystem,
): Promise<void> {
  await removeNames(dataDir, fileSystem, (name) => (segmentGeneration(name) ?? generation) < generation);
}

async function removeNames(
  dataDir: string,
  fileSystem: FileSystem,
  isToGo: (name: string) => boolean,
): Promise<void> {
  const names = await checkedCall('readdir', dataDir, () => fileSystem.readdir(dataDir));
  // Another process that tries to take the lock removes its own file by itself.
  for (const name of names.filter(isToGo)) await unlinkIfThere(fileSystem, join(dataDir, name));
}
