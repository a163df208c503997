import { isDeepStrictEqual } from 'node:util';
import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import type { LogSync, StableState, StableWrite } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';

type Disk = StableState<HighWaterCommand, HighWaterSnapshot>;
type Write = StableWrite<HighWaterCommand, HighWaterSnapshot>;

/**
 * What one data directory must hold, by the contract of `Storage` and nothing else: it is told what was written and what was
 * acknowledged, and judges what a recovery finds. Invariants 5 and 21.
 */
export class DiskModel {
  readonly #nodeId: number;
  #durable: Disk;
  /** Each is there after a crash as a whole or not at all, and never without those before it. */
  #unsynced: (readonly Write[])[] = [];
  /** How many operations have become durable. */
  #synced = 0;

  constructor(nodeId: number, initial: Disk) {
    this.#nodeId = nodeId;
    this.#durable = initial;
  }

  /** What every crash leaves: all that was acknowledged. */
  get durable(): Disk {
    return this.#durable;
  }

  /** What would be there if no power cut came: all that was handed to the storage. */
  written(): Disk {
    let disk = this.#durable;
    for (const writes of this.#unsynced) for (const write of writes) disk = applied(disk, write);
    return disk;
  }

  /** An operation has been handed to the storage. Returns its number. */
  handedOver(writes: readonly Write[]): number {
    this.#unsynced.push([...writes]);
    return this.#synced + this.#unsynced.length;
  }

  /** The operation of that number, and all before it, have been acknowledged as durable. */
  acknowledged(number: number): void {
    while (this.#synced < number && this.#syncOldest());
  }

  /**
   * A new process has found this.
   * @throws {InvariantViolation} unless it is what was acknowledged, with the oldest few of the operations after it, whole.
   */
  recovered(found: Disk): void {
    const atLeast = describe(this.#durable);
    while (!isDeepStrictEqual(plain(found), plain(this.#durable))) {
      if (this.#syncOldest()) continue;
      throw new InvariantViolation(
        'recovery finds all that was acknowledged, and of the rest whole operations, oldest first',
        `node ${this.#nodeId} has found ${describe(found)}; acknowledged was ${atLeast}, written ${describe(this.#durable)}`,
      );
    }
    this.#unsynced = [];
  }

  #syncOldest(): boolean {
    const writes = this.#unsynced.shift();
    if (writes === undefined) return false;
    for (const write of writes) this.#durable = applied(this.#durable, write);
    this.#synced += 1;
    return true;
  }
}

/** The definition of the writes, written out anew: a checker shares no code with what it watches. */
function applied(disk: Disk, write: Write): Disk {
  switch (write.kind) {
    case 'promise':
      return { ...disk, promise: write.promise };
    case 'append':
      return { ...disk, records: [...disk.records, ...write.records] };
    case 'sync':
      return {
        ...synced(disk, write.logSync),
        acceptedRound: write.acceptedRound,
        decidedIdx: write.decidedIdx,
      };
    case 'decided':
      return { ...disk, decidedIdx: write.decidedIdx };
    case 'snapshot': {
      const dropped = write.snapshot.compactedIdx - compactedIdxOf(disk);
      return { ...disk, snapshot: write.snapshot, records: disk.records.slice(Math.max(0, dropped)) };
    }
    case 'enterConfig': {
      const { configId } = write.config;
      const nobody = { configId, n: 0, priority: 0, pid: 0 };
      const { config, decidedIdx } = write;
      return { ...synced(disk, write.logSync), config, decidedIdx, promise: nobody, acceptedRound: nobody };
    }
  }
}

function synced(disk: Disk, sync: LogSync<HighWaterCommand, HighWaterSnapshot>): Disk {
  if (sync.snapshot !== undefined) return { ...disk, snapshot: sync.snapshot, records: sync.suffix };
  const kept = disk.records.slice(0, sync.syncIdx - compactedIdxOf(disk));
  return { ...disk, records: [...kept, ...sync.suffix] };
}

function compactedIdxOf(disk: Disk): number {
  return disk.snapshot?.compactedIdx ?? 0;
}

/** Without properties that are there but undefined, and without the classes of bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Map) return [...value].map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([name, part]) => [name, plain(part)]),
  );
}

function describe(disk: Disk): string {
  const { promise, acceptedRound, decidedIdx, config, records } = disk;
  const ballot = ({ configId, n, pid }: Disk['promise']): string => `${configId}.${n}.${pid}`;
  const compactedIdx = compactedIdxOf(disk);
  return `[configuration ${config.configId}, promise ${ballot(promise)}, accepted ${compactedIdx + records.length} in ${ballot(acceptedRound)}, decided ${decidedIdx}, compacted ${compactedIdx}]`;
}
