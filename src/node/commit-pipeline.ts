import { isDurableWrite, type Message, type OutputBatch, type StableWrite } from '../omnipaxos/index.js';
import type { Storage } from '../storage/index.js';

/** What goes to the storage in one persist, and what waits for it. */
interface Group<E, S> {
  readonly writes: StableWrite<E, S>[];
  /** Messages that claim what this group, or an earlier one, makes durable; in order. */
  readonly held: Message<E, S>[];
  /** Whether it holds a durable write. */
  needsSync: boolean;
  /** Log records in it, every other write counted as one. */
  size: number;
  /** The writeToken of the last batch with a durable write. */
  writeToken: number;
}

/** What a pipeline is made of. */
export interface CommitPipelineOptions<E, S> {
  readonly storage: Storage<E, S>;
  /** How many messages may wait for an fsync; further ones are dropped, as a network may drop them. */
  readonly heldMessageLimit: number;
  /** These messages may leave: what they claim is durable already. */
  readonly release: (messages: readonly Message<E, S>[]) => void;
  /** All batches up to this token are durable, and these messages, held until then, may leave. Told from a turn of its own. */
  readonly durable: (writeToken: number, messages: readonly Message<E, S>[]) => void;
  /** A write or an fsync has failed. Nothing is told after it, and no held message will ever leave. */
  readonly failed: (error: unknown) => void;
}

/**
 * Group commit. One persist is under way at a time; the writes of all batches that are added meanwhile go together with the next one. Batches
 * become durable, and what they hold is released, strictly in the order in which they were added.
 */
export class CommitPipeline<E, S> {
  readonly #options: CommitPipelineOptions<E, S>;
  #gathered: Group<E, S> = emptyGroup();
  #underWay: Group<E, S> | undefined;
  #persisting: Promise<void> = Promise.resolve();
  #ended = false;
  #droppedMessages = 0;

  constructor(options: CommitPipelineOptions<E, S>) {
    this.#options = options;
  }

  /** How many log records (every other write counted as one) wait for the next persist. */
  get gatheredWrites(): number {
    return this.#gathered.size;
  }

  /** How many messages wait for an fsync. */
  get heldMessages(): number {
    return this.#gathered.held.length + (this.#underWay?.held.length ?? 0);
  }

  /** How many messages were dropped since too many waited. */
  get droppedMessages(): number {
    return this.#droppedMessages;
  }

  /** Takes over the writes and the messagesAfterWrites of the next batch. Messages that wait for nothing are released at once. */
  add(batch: OutputBatch<E, S>): void {
    if (this.#ended) return;
    const group = this.#gathered;
    for (const write of batch.writes) {
      group.writes.push(write);
      group.size += sizeOf(write);
      if (!isDurableWrite(write)) continue;
      group.needsSync = true;
      group.writeToken = batch.writeToken;
    }
    this.#holdOrRelease(batch.messagesAfterWrites);
    this.#persistNext();
  }

  /** Nothing further is begun or told. Resolves, and never rejects, once the persist under way has ended, in whichever way. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#gathered = emptyGroup();
    await this.#persisting;
  }

  /** Messages wait for the last durable write before them; lazy writes hold nothing back. */
  #holdOrRelease(messages: readonly Message<E, S>[]): void {
    if (messages.length === 0) return;
    const awaited = this.#gathered.needsSync ? this.#gathered : this.#underWay;
    if (awaited?.needsSync !== true) {
      this.#options.release(messages);
      return;
    }
    const room = Math.max(0, this.#options.heldMessageLimit - this.heldMessages);
    for (const message of messages.slice(0, room)) awaited.held.push(message);
    this.#droppedMessages += Math.max(0, messages.length - room);
  }

  #persistNext(): void {
    if (this.#ended || this.#underWay !== undefined || this.#gathered.writes.length === 0) return;
    const group = this.#gathered;
    this.#gathered = emptyGroup();
    this.#underWay = group;
    this.#persisting = this.#persist(group);
  }

  async #persist(group: Group<E, S>): Promise<void> {
    try {
      await this.#options.storage.persist(group.writes, group.needsSync);
    } catch (error) {
      if (this.#ended) return;
      this.#ended = true;
      this.#options.failed(error);
      return;
    }
    if (this.#ended) return;
    this.#underWay = undefined;
    if (group.needsSync) this.#options.durable(group.writeToken, group.held);
    this.#persistNext();
  }
}

function emptyGroup<E, S>(): Group<E, S> {
  return { writes: [], held: [], needsSync: false, size: 0, writeToken: 0 };
}

function sizeOf(write: StableWrite<unknown, unknown>): number {
  switch (write.kind) {
    case 'append':
      return write.records.length;
    case 'sync':
    case 'enterConfig':
      return 1 + write.logSync.suffix.length;
    case 'promise':
    case 'decided':
    case 'snapshot':
      return 1;
  }
}
