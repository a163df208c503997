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
  DiskDamage,
  DiskFault,
  SimulatedDisk,
  SimulatedDiskOptions,
} from './simulated-disk.js';
import { timedFileSystem } from './timed-file-system.js';

const DATA_DIR = '/data';
/** Small, so that the journal often goes on in a new segment. */
const SEGMENT_BYTES = 16_384;
/** The largest block that is found elsewhere, or as it was. */
const BLOCK_BYTES = 512;
/** A journal ends with a seal, of fewer bytes than this, which states that all before it is durable. Damage keeps off it. */
const INTACT_TAIL_BYTES = 64;
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
  readonly #files: MemoryFileSystem;
  #made: Promise<void> | undefined;
  /** Counts the processes: each has a pid of its own. */
  #lives = 0;
  /** What files held when the disk was copied last, by path: what a stale block may be found to hold. */
  readonly #earlier = new Map<string, Uint8Array>();

  constructor(options: SimulatedDiskOptions, files = new MemoryFileSystem()) {
    this.#options = options;
    this.#random = options.random;
    this.#files = files;
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

  exit(): void {
    this.#files.kill();
  }

  copy(): SimulatedDisk {
    const files = this.#files.clone();
    files.crash();
    for (const path of pathsIn(files)) this.#earlier.set(path, files.contents(path));
    const copy = new JournalDisk({ ...this.#options, random: this.#random.fork() }, files);
    copy.#made = this.#made;
    copy.#lives = this.#lives;
    return copy;
  }

  damage(kind: DiskDamage): string | undefined {
    const paths = pathsIn(this.#files).filter((path) => !path.endsWith('/lock'));
    if (paths.length === 0) return undefined;
    const path = this.#random.pick(paths);
    const bytes = this.#files.contents(path);
    const endAt =
      bytes.findLastIndex((byte) => byte !== 0) + 1 - (path.endsWith('/identity') ? 0 : INTACT_TAIL_BYTES);
    if (endAt < 2) return undefined;
    const changed = this.#changed(kind, path, bytes, endAt);
    const from = changed.findIndex((byte, at) => byte !== bytes[at]);
    if (from === -1) return undefined;
    this.#files.put(path, changed);
    return `${kind} of byte ${from} of ${path}`;
  }

  /** The bytes of a file with some of those below `endAt` changed, or none. */
  #changed(kind: DiskDamage, path: string, bytes: Uint8Array, endAt: number): Uint8Array {
    const changed = bytes.slice();
    if (kind === 'rot') {
      const at = this.#random.below(endAt);
      changed[at] = (bytes[at] ?? 0) ^ (1 << this.#random.below(8));
      return changed;
    }
    const length = Math.min(endAt, 1 + this.#random.below(BLOCK_BYTES));
    const to = this.#random.below(endAt - length + 1);
    const source = kind === 'stale' ? this.#earlier.get(path) : bytes;
    const from = kind === 'stale' ? to : this.#random.below(endAt - length + 1);
    // Where a file was shorter, or was not there, a stale block is empty.
    changed.fill(0, to, to + length);
    changed.set(source?.subarray(from, from + length) ?? [], to);
    return changed;
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

function pathsIn(files: MemoryFileSystem): string[] {
  return files.names(DATA_DIR).map((name) => `${DATA_DIR}/${name}`);
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
