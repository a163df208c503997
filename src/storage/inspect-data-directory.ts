import { bytesCodec, type Codecs } from '../codec/index.js';
import type { Ballot, ClusterConfig, NodeId, StableState } from '../omnipaxos/index.js';
import { lockPath } from './directory-layout.js';
import { type DirectorySeams, directorySeams } from './journal-options.js';
import { type LockStatus, lockStatus } from './lock-file.js';
import { readIdentity, recoverDirectory } from './recover-directory.js';
import type { PeerIdentity, StorageIdentity } from './storage.js';
import { StorageCorruptError, StorageIoError } from './storage-error.js';

/** What a data directory holds, for people. */
export interface DataDirectoryReport {
  /** `incarnation` is that of the last opening; 0 if there was none. */
  readonly identity: StorageIdentity;
  readonly initialConfig: ClusterConfig;
  readonly peerAddresses: ReadonlyMap<NodeId, string>;
  /** The configuration in force. */
  readonly config: ClusterConfig;
  readonly promise: Ballot;
  readonly acceptedRound: Ballot;
  readonly decidedIdx: number;
  readonly compactedIdx: number;
  readonly acceptedIdx: number;
  /** The size of the snapshot's value in bytes; absent if nothing was compacted, or the value was decoded. */
  readonly snapshotBytes?: number;
  readonly peers: readonly PeerIdentity[];
  /** Why this directory must never take part again; absent if it may. */
  readonly refusedReason?: string;
  readonly segment: {
    readonly file: string;
    readonly bytes: number;
    readonly usedBytes: number;
    /** The number of the record that comes next. */
    readonly nextRecord: number;
    /** Whether unacknowledged writes stand at its end, which the next opening will leave out. */
    readonly torn: boolean;
  };
  /** Who has it open. */
  readonly lock: LockStatus;
}

/** How often a directory that somebody is writing is read, at most: what is read in the middle of a write looks damaged. */
const ATTEMPTS_MAX = 5;

/**
 * Reads a data directory and changes nothing in it; a node may be running from it. It does not need the host's codecs.
 * @throws {StorageError} as `openJournal` does, except `storage_locked` and `storage_refused`.
 */
export async function inspectDataDirectory(
  dataDir: string,
  seams: DirectorySeams = {},
): Promise<DataDirectoryReport> {
  return (await readDataDirectory(dataDir, { entry: bytesCodec, snapshot: bytesCodec }, seams)).report;
}

/**
 * As {@link inspectDataDirectory}, with everything that the log holds: also what was accepted and may never be decided.
 */
export async function readDataDirectory<E, S>(
  dataDir: string,
  codecs: Codecs<E, S>,
  seams: DirectorySeams = {},
): Promise<{ readonly report: DataDirectoryReport; readonly state: StableState<E, S> }> {
  const { fileSystem, processInfo } = directorySeams(seams);
  const identity = await readIdentity(dataDir, fileSystem);
  for (let attempt = 1; ; attempt++) {
    const lock = await lockStatus(lockPath(dataDir), fileSystem, processInfo);
    try {
      const recovered = await recoverDirectory(dataDir, identity, fileSystem, codecs);
      return { report: report(identity, recovered, lock), state: recovered.image.stable.copy() };
    } catch (error) {
      const isPassing = error instanceof StorageCorruptError || isGone(error);
      if (lock.kind === 'free' || !isPassing || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** A segment that was listed may be removed before it is read, when the journal has gone on in a new one. */
function isGone(error: unknown): boolean {
  return error instanceof StorageIoError && error.errno === 'ENOENT';
}

function report(
  identity: Awaited<ReturnType<typeof readIdentity>>,
  recovered: Awaited<ReturnType<typeof recoverDirectory<unknown, unknown>>>,
  lock: LockStatus,
): DataDirectoryReport {
  const { image, segmentFile, segmentBytes, usedBytes, nextRecord, torn } = recovered;
  const { config, promise, acceptedRound, decidedIdx, snapshot } = image.stable.live;
  const { clusterId, nodeId, directoryId, initialConfig, peerAddresses } = identity;
  const { bootIds, peers, refusedReason } = image;
  return {
    identity: { clusterId, nodeId, directoryId, incarnation: bootIds.length, bootIds },
    initialConfig,
    peerAddresses,
    config,
    promise,
    acceptedRound,
    decidedIdx,
    ...image.stable.bounds,
    ...(snapshot?.value instanceof Uint8Array ? { snapshotBytes: snapshot.value.length } : {}),
    peers,
    ...(refusedReason === undefined ? {} : { refusedReason }),
    segment: { file: segmentFile, bytes: segmentBytes, usedBytes, nextRecord, torn },
    lock,
  };
}
