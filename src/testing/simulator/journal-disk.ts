import {
  type HighWaterCommand,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../../high-water/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import { initDataDirectory, openJournal, type ProcessInfo, type Storage } from '../../storage/index.js';
import {
  type FileSystemCall,
  type FileSystemFault,
  MemoryFileSystem,
  type Survival,
  type UnsyncedChange,
} from '../memory-file-system.js';
import type {
  CrashLoss,
  DiskBehaviour,
  DiskFault,
  SimulatedDisk,
  SimulatedDiskOptions,
} from './simulated-disk.js';
import { timedFileSystem } from './timed-file-system.js';

const DATA_DIR = '/data';
/** Small, so that the journal often goes on in a new segment. */
const SEGMENT_BYTES = 16_384;
/** Fault kinds by call; what is not here reads. */
const SYNC_CALLS = new Set<FileSystemCall['name']>(['fdatasync', 'fsync', 'syncDirectory']);
const WRITE_CALLS = new Set<FileSystemCall['name']>(['write', 'link', 'rename', 'unlink', 'mkdir']);

/**
 * A data directory with the journal that ships, on a file system that loses any subset of what was not synced in a power cut,
 * and of a write any part but its beginning.
 */
export class JournalDisk implements SimulatedDisk {
  readonly #options: SimulatedDiskOptions;
  readonly #random: SeededRandom;
  readonly #files = new MemoryFileSystem();
  #made: Promise<void> | undefined;
  /** Counts the processes: each has a pid of its own. */
  #lives = 0;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
    this.#random = options.random;
  }

  async open(behaviour: DiskBehaviour): Promise<Storage<HighWaterCommand, HighWaterSnapshot>> {
    this.#lives += 1;
    const life = this.#lives;
    this.#files.onCall = undefined;
    this.#made ??= this.#make();
    await this.#made;
    this.#files.onCall = (call) => this.#fault(call, behaviour);
    const fileSystem = timedFileSystem(this.#files, (kind) =>
      kind === 'read' ? Promise.resolve() : new Promise((resolve) => behaviour.take(kind, resolve)),
    );
    return openJournal({
      dataDir: DATA_DIR,
      entryCodec: highWaterCommandCodec,
      snapshotCodec: highWaterSnapshotCodec,
      segmentBytes: SEGMENT_BYTES,
      random: this.#random,
      fileSystem,
      processInfo: processOf(life),
    });
  }

  crash(): CrashLoss {
    const loss = { torn: 0, lost: 0 };
    const survives = this.#random.pick([
      () => 0,
      () => this.#random.nextFloat(),
      () => this.#random.nextFloat(),
      () => 1,
    ]);
    this.#files.crash((change) => this.#survival(change, survives(), loss));
    return loss;
  }

  /** Each change is decided by itself, so any subset may be left, and of some writes a part. */
  #survival(change: UnsyncedChange, dice: number, loss: { torn: number; lost: number }): Survival {
    if (dice > 0.6) return true;
    if (change.kind === 'names' || dice < 0.3 || change.bytes.length < 2) {
      loss.lost += 1;
      return false;
    }
    loss.torn += 1;
    return 1 + this.#random.below(change.bytes.length - 1);
  }

  #make(): Promise<void> {
    const { clusterId, nodeId, config } = this.#options;
    const peers = config.nodes.filter((peer) => peer !== nodeId);
    return initDataDirectory({
      dataDir: DATA_DIR,
      clusterId,
      nodeId,
      config,
      joins: !config.nodes.includes(nodeId),
      peerAddresses: new Map(peers.map((peer) => [peer, `node-${peer}:50552`])),
      random: this.#random,
      fileSystem: this.#files,
      processInfo: processOf(0),
    });
  }

  #fault(call: FileSystemCall, behaviour: DiskBehaviour): FileSystemFault | undefined {
    const fault = behaviour.fault(kindOf(call));
    return fault === undefined ? undefined : this.#faultOf(fault, call);
  }

  #faultOf(fault: DiskFault, { name, bytes = 0 }: FileSystemCall): FileSystemFault | undefined {
    switch (fault) {
      case 'fails':
        return { kind: 'error', code: 'EIO' };
      case 'full':
        return { kind: 'error', code: 'ENOSPC' };
      case 'short':
        return name === 'write' && bytes > 1
          ? { kind: 'short', bytes: 1 + this.#random.below(bytes - 1) }
          : undefined;
    }
  }
}

function kindOf({ name }: FileSystemCall): 'sync' | 'write' | 'read' {
  if (SYNC_CALLS.has(name)) return 'sync';
  return WRITE_CALLS.has(name) ? 'write' : 'read';
}

/** Only the newest process of a machine runs. */
function processOf(pid: number): ProcessInfo {
  return {
    self: () => Promise.resolve({ pid: pid + 1, startTime: String(pid), machineBootId: 'simulated' }),
    isGone: (holder) => Promise.resolve(holder.pid !== pid + 1),
  };
}
