import { bytesCodec } from '../codec/index.js';
import { type FileDriverReport, inspectFileDriver } from '../driver/index.js';
import { formatBallot } from '../omnipaxos/index.js';
import { type LockStatus, readDataDirectory, StorageError } from '../storage/index.js';
import type { CommandOutput } from './command.js';
import type { InspectOptions } from './commands/inspect.js';
import { highWaterIn } from './seed.js';

/** `tsoracle inspect`. */
export async function inspectDirectory(
  { dataDir, json }: InspectOptions,
  output: CommandOutput,
): Promise<number> {
  const oneProcess = await oneProcessIn(dataDir);
  const found = oneProcess === undefined ? await nodeIn(dataDir) : shownOneProcess(dataDir, oneProcess);
  if (json) output.out(JSON.stringify(found));
  else for (const [name, value] of Object.entries(found)) output.out(`${name.padEnd(18)} ${shown(value)}`);
  return 0;
}

/** Undefined if it is no directory of an oracle of one process. */
async function oneProcessIn(dataDir: string): Promise<FileDriverReport | undefined> {
  try {
    return await inspectFileDriver({ dataDir });
  } catch (error) {
    if (error instanceof StorageError && error.code === 'storage_not_initialized') return undefined;
    throw error;
  }
}

function shownOneProcess(dataDir: string, { bytes, epoch, highWaterMs, lock }: FileDriverReport) {
  return {
    dataDir,
    kind: 'file',
    highWater: highWaterMs,
    /** How often it was opened: each opening is a leadership of its own. */
    epoch: epoch.toString(),
    bytes,
    ...shownLock(lock),
  };
}

async function nodeIn(dataDir: string) {
  // As bytes: whose host wrote them is not known yet.
  const { report, state } = await readDataDirectory(dataDir, { entry: bytesCodec, snapshot: bytesCodec });
  const { acceptedIdx, acceptedRound, compactedIdx, config, decidedIdx, identity, promise, segment } = report;
  const known = highWaterIn(state);
  return {
    dataDir,
    kind: 'node',
    clusterId: identity.clusterId,
    nodeId: identity.nodeId,
    directoryId: identity.directoryId,
    /** How often it was opened. */
    incarnation: identity.incarnation,
    config,
    peerAddresses: Object.fromEntries(report.peerAddresses),
    promise: formatBallot(promise),
    acceptedRound: formatBallot(acceptedRound),
    compactedIdx,
    decidedIdx,
    acceptedIdx,
    snapshotBytes: report.snapshotBytes ?? null,
    snapshotHighWater: known?.snapshotHighWater ?? null,
    highestAdvance: known?.highestAdvance ?? null,
    /** Whose entries these are: the high-water's alone, or those of a host that carries it among its own. */
    entries: known === undefined ? 'of another host' : 'high-water',
    rememberedPeers: report.peers,
    segment,
    refused: report.refusedReason ?? null,
    ...shownLock(report.lock),
  };
}

function shownLock(lock: LockStatus): { readonly lock: string; readonly openedByPid: number | null } {
  return { lock: lock.kind, openedByPid: lock.kind === 'held' ? lock.holder.pid : null };
}

function shown(value: unknown): string {
  if (value === null) return '-';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
