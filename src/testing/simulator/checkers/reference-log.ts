import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import type { ClusterConfig, DecidedItem, LogRecord } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';
import type { Proposals } from './proposals.js';

/** The fold of a prefix of the decided log, by its definition and nothing else. */
export interface ReferenceFold {
  readonly highWater: number;
  readonly epoch: bigint;
}

/**
 * What was decided, over all nodes and all their lives: one value per index, for ever. It keeps everything, and folds it by itself, so
 * that also what only survives in a snapshot is judged. Invariants 1, 9 and 18.
 */
export class ReferenceLog {
  readonly #entries: string[] = [];
  readonly #folds: ReferenceFold[] = [{ highWater: 0, epoch: 0n }];
  readonly #proposals: Proposals;
  /** What was in force from each index on, ascending. */
  readonly #configs: { readonly fromIdx: number; readonly config: ClusterConfig }[];
  /** How far the advances of each epoch that took effect reach. */
  readonly #advanced = new Map<bigint, number>();

  constructor(first: ClusterConfig, proposals: Proposals) {
    this.#configs = [{ fromIdx: 0, config: first }];
    this.#proposals = proposals;
  }

  /** The configuration that the last decided stop sign has begun. */
  get config(): ClusterConfig {
    return this.configAt(this.length);
  }

  /** The configuration that decides at `idx`. */
  configAt(idx: number): ClusterConfig {
    const found = this.#configs.findLast(({ fromIdx }) => fromIdx <= idx);
    if (found === undefined) throw new RangeError(`no record has index ${idx}`);
    return found.config;
  }

  /** How many stop signs have been decided. */
  get reconfigurations(): number {
    return this.#configs.length - 1;
  }

  /** The highest advance of this epoch that took effect; 0 if none did. */
  advancedTo(epoch: bigint): number {
    return this.#advanced.get(epoch) ?? 0;
  }

  /** How many records have been seen decided. */
  get length(): number {
    return this.#entries.length;
  }

  /** The fold of the first `count` records. */
  foldAt(count: number): ReferenceFold {
    const fold = this.#folds[count];
    if (fold === undefined)
      throw new InvariantViolation('only decided records are folded', `${count} are not decided`);
    return fold;
  }

  /** A decided record as text; undefined if it was not seen decided yet. */
  entryAt(idx: number): string | undefined {
    return this.#entries[idx];
  }

  /**
   * Takes one decided item as a node shows it.
   * @throws {InvariantViolation} if it contradicts what was decided before.
   */
  see(nodeId: number, item: DecidedItem<HighWaterCommand, HighWaterSnapshot>): void {
    switch (item.kind) {
      case 'entry':
        this.#seeRecord(nodeId, item.idx, item);
        return;
      case 'stopSign':
        this.#seeRecord(nodeId, item.idx, item);
        return;
      case 'snapshot':
        this.#seeSnapshot(nodeId, item.snapshot.compactedIdx, item.snapshot.value);
    }
  }

  #seeRecord(nodeId: number, idx: number, record: LogRecord<HighWaterCommand>): void {
    const text = describeRecord(record);
    const known = this.#entries[idx];
    if (known === undefined && idx === this.#entries.length) this.#extend(nodeId, idx, record, text);
    else if (known !== text) {
      throw new InvariantViolation(
        'one value is decided per index, for ever',
        `node ${nodeId} has decided "${text}" at ${idx}, where "${known}" was decided before`,
      );
    }
  }

  #extend(nodeId: number, idx: number, record: LogRecord<HighWaterCommand>, text: string): void {
    if (record.kind === 'stopSign') this.#enter(nodeId, idx, record.stopSign.nextConfig);
    else this.#proposals.decided(idx, record.entry);
    const before = this.foldAt(idx);
    const after = record.kind === 'entry' ? nextFold(before, record.entry) : before;
    this.#entries.push(text);
    this.#folds.push(after);
    if (record.kind === 'entry' && record.entry.kind === 'advance' && record.entry.epoch >= before.epoch) {
      const { atLeast, epoch } = record.entry;
      this.#advanced.set(epoch, Math.max(this.advancedTo(epoch), atLeast));
    }
  }

  #enter(nodeId: number, idx: number, config: ClusterConfig): void {
    if (config.configId !== this.config.configId + 1) {
      throw new InvariantViolation(
        'each stop sign begins the configuration after the one that it ends',
        `node ${nodeId} has decided a stop sign of ${config.configId} in ${this.config.configId}`,
      );
    }
    this.#configs.push({ fromIdx: idx + 1, config });
  }

  #seeSnapshot(nodeId: number, compactedIdx: number, snapshot: HighWaterSnapshot): void {
    const fold = this.foldAt(compactedIdx);
    if (snapshot.value !== fold.highWater || snapshot.epoch !== fold.epoch) {
      throw new InvariantViolation(
        'a snapshot is the fold of the decided log',
        `node ${nodeId} holds high-water ${snapshot.value} and epoch ${snapshot.epoch} at ${compactedIdx}, the fold is ${fold.highWater} and ${fold.epoch}`,
      );
    }
  }
}

function nextFold(fold: ReferenceFold, command: HighWaterCommand): ReferenceFold {
  if (command.epoch < fold.epoch) return fold;
  const atLeast = command.kind === 'advance' ? command.atLeast : 0;
  return { epoch: command.epoch, highWater: Math.max(fold.highWater, atLeast) };
}

/** A record as text: two records are the same exactly if their texts are. */
export function describeRecord(record: LogRecord<HighWaterCommand>): string {
  if (record.kind === 'stopSign') return `stop sign ${JSON.stringify(record.stopSign.nextConfig)}`;
  const { entry } = record;
  const { directoryId, incarnation, seq } = entry.id;
  const what = entry.kind === 'advance' ? `advance ${entry.atLeast}` : 'barrier';
  return `${what} of epoch ${entry.epoch.toString(16)}, proposal ${directoryId}.${incarnation}.${seq}`;
}
