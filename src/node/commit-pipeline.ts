import { isDurableWrite, type Message, type OutputBatch, type StableWrite } from '../omnipaxos/index.js';
import type { Storage } from '../storage/index.js';

/** A batch whose writes, or whose predecessors' writes, are not durable yet. */
interface HeldBatch<E, S> {
  readonly writeToken: number;
  readonly writes: readonly StableWrite<E, S>[];
  readonly messages: readonly Message<E, S>[];
  readonly isDurable: boolean;
}

/** What the pipeline tells. */
export interface CommitPipelineHandlers<E, S> {
  /** These messages may leave: what they claim is durable. */
  readonly release: (messages: readonly Message<E, S>[]) => void;
  /** All batches up to this token are durable. */
  readonly persisted: (writeToken: number) => void;
  /** A write or an fsync has failed. Nothing is told after it. */
  readonly failed: (error: Error) => void;
}

/**
 * Group commit: one persist is under way at a time; what is added meanwhile goes with the next one, all together. Batches are
 * persisted, and what they hold is released, strictly in order.
 */
export class CommitPipeline<E, S> {
  readonly #storage: Storage<E, S>;
  readonly #handlers: CommitPipelineHandlers<E, S>;
  #waiting: HeldBatch<E, S>[] = [];
  /** How many batches with durable writes wait or are under way. */
  #durableHeld = 0;
  #underWay: Promise<void> | undefined;
  #kickQueued = false;
  #ended = false;

  constructor(storage: Storage<E, S>, handlers: CommitPipelineHandlers<E, S>) {
    this.#storage = storage;
    this.#handlers = handlers;
  }

  /** How many batches wait for the next persist. */
  get held(): number {
    return this.#waiting.length;
  }

  /** Takes a batch over; its messages that need no fsync leave at once. */
  add(batch: OutputBatch<E, S>): void {
    if (this.#ended) return;
    const isDurable = batch.writes.some(isDurableWrite);
    const mustWait = isDurable || this.#durableHeld > 0;
    if (isDurable) this.#durableHeld += 1;
    if (!mustWait) this.#handlers.release(batch.messagesAfterWrites);
    if (!mustWait && batch.writes.length === 0) return;
    this.#waiting.push({
      writeToken: batch.writeToken,
      writes: batch.writes,
      messages: mustWait ? batch.messagesAfterWrites : [],
      isDurable,
    });
    this.#kickSoon();
  }

  /** Nothing further is begun or told. Resolves when what is under way has ended. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#waiting = [];
    await this.#underWay;
  }

  /** Begins at the end of this turn's promise reactions, so that all inputs of one turn share one fsync. */
  #kickSoon(): void {
    if (this.#kickQueued || this.#underWay !== undefined) return;
    this.#kickQueued = true;
    queueMicrotask(() => {
      this.#kickQueued = false;
      if (!this.#ended && this.#underWay === undefined && this.#waiting.length > 0)
        this.#underWay = this.#persistWaiting();
    });
  }

  async #persistWaiting(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    const needsSync = group.some((batch) => batch.isDurable);
    const writes = group.flatMap((batch) => batch.writes);
    try {
      if (writes.length > 0) await this.#storage.persist(writes, needsSync);
    } catch (error) {
      this.#underWay = undefined;
      if (this.#ended) return;
      this.#ended = true;
      this.#waiting = [];
      this.#handlers.failed(error instanceof Error ? error : new Error(String(error), { cause: error }));
      return;
    }
    this.#underWay = undefined;
    if (this.#ended) return;
    this.#complete(group, needsSync);
  }

  #complete(group: readonly HeldBatch<E, S>[], wasSynced: boolean): void {
    this.#durableHeld -= group.filter((batch) => batch.isDurable).length;
    for (const batch of group) this.#handlers.release(batch.messages);
    this.#releaseUpToNextDurable();
    if (this.#waiting.length > 0) this.#kickSoon();
    // Last, since it is an input of the core, whose output comes back here.
    const last = group.at(-1);
    if (wasSynced && last !== undefined) this.#handlers.persisted(last.writeToken);
  }

  /** What waits before the next durable write claims only what is durable now. */
  #releaseUpToNextDurable(): void {
    const firstDurable = this.#waiting.findIndex((batch) => batch.isDurable);
    const end = firstDurable === -1 ? this.#waiting.length : firstDurable;
    const free = this.#waiting.slice(0, end);
    for (const batch of free) this.#handlers.release(batch.messages);
    this.#waiting = [
      ...free.filter((batch) => batch.writes.length > 0).map((batch) => ({ ...batch, messages: [] })),
      ...this.#waiting.slice(end),
    ];
  }
}
