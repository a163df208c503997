import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import type { ClusterConfig, DecidedItem } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';

/** The fold of a prefix of the decided log, by its definition and nothing else. */
export interface ReferenceFold {
  readonly highWater: number;
  readonly epoch: bigint;
}

/**
 * What was decided, over all nodes and all their lives: one value per index, for ever. It keeps everything, and folds it by itself, so
 * that also what only survives in a snapshot is judged.
 */
export class ReferenceLog {
  readonly #entries: string[] = [];
  readonly #folds: ReferenceFold[] = [{ highWater: 0, epoch: 0n }];
  #config: ClusterConfig;
  #reconfigurations = 0;

  constructor(first: ClusterConfig) {
    this.#config = first;
  }

  /** The configuration that the last decided stop sign has begun. */
  get config(): ClusterConfig {
    return this.#config;
  }

  /** How many stop signs have been decided. */
  get reconfigurations(): number {
    return this.#reconfigurations;
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
        this.#seeRecord(nodeId, item.idx, describeCommand(item.entry), item.entry);
        return;
      case 'stopSign':
        this.#seeStopSign(nodeId, item.idx, item.stopSign.nextConfig);
        return;
      case 'snapshot':
        this.#seeSnapshot(nodeId, item.snapshot.compactedIdx, item.snapshot.value);
    }
  }

  #seeStopSign(nodeId: number, idx: number, next: ClusterConfig): void {
    const isNew = this.#entries[idx] === undefined;
    this.#seeRecord(nodeId, idx, `stop sign ${JSON.stringify(next)}`, undefined);
    if (!isNew) return;
    if (next.configId !== this.config.configId + 1) {
      throw new InvariantViolation(
        'each stop sign begins the configuration after the one that it ends',
        `node ${nodeId} has decided a stop sign of ${next.configId} in ${this.config.configId}`,
      );
    }
    this.#config = next;
    this.#reconfigurations += 1;
  }

  #seeRecord(nodeId: number, idx: number, text: string, command: HighWaterCommand | undefined): void {
    const known = this.#entries[idx];
    if (known === undefined && idx === this.#entries.length) {
      this.#entries.push(text);
      this.#folds.push(nextFold(this.foldAt(idx), command));
    } else if (known !== text) {
      throw new InvariantViolation(
        'one value is decided per index, for ever',
        `node ${nodeId} has decided "${text}" at ${idx}, where "${known}" was decided before`,
      );
    }
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

function nextFold(fold: ReferenceFold, command: HighWaterCommand | undefined): ReferenceFold {
  if (command === undefined || command.epoch < fold.epoch) return fold;
  const atLeast = command.kind === 'advance' ? command.atLeast : 0;
  return { epoch: command.epoch, highWater: Math.max(fold.highWater, atLeast) };
}

/** A command as text: two commands are the same exactly if their texts are. */
export function describeCommand(command: HighWaterCommand): string {
  const { directoryId, incarnation, seq } = command.id;
  const what = command.kind === 'advance' ? `advance ${command.atLeast}` : 'barrier';
  return `${what} of epoch ${command.epoch.toString(16)}, proposal ${directoryId}.${incarnation}.${seq}`;
}
