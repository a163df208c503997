import { type Logger, withResolvers } from '../runtime/index.js';
import type { JournalOperation } from './record-codec.js';
import { type RecordContents, recordBytes } from './record-format.js';
import type { SegmentWriter } from './segment-writer.js';
import { StorageError } from './storage-error.js';
import type { StorageImage } from './storage-operation.js';

/** What a {@link JournalWriter} begins with, and its bounds. */
export interface JournalWriterOptions<E, S> {
  readonly segment: SegmentWriter;
  /** What the segment adds up to. The writer owns it from now on, and changes it after each write. */
  readonly image: StorageImage<E, S>;
  /** Makes the segment after `previous`, of the whole image, durable; then removes the older ones. */
  readonly nextSegment: (
    image: StorageImage<E, S>,
    previous: SegmentWriter,
    room: number,
  ) => Promise<SegmentWriter>;
  readonly segmentBytes: number;
  readonly maxBatchBytes: number;
  readonly maxPendingBytes: number;
  readonly logger: Logger;
}

/** One call that waits for the disk. */
interface Pending<E, S> {
  readonly operation: JournalOperation<E, S>;
  readonly record: RecordContents;
  readonly needsSync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Carries operations to the disk in the order of the calls, one batch at a time: what comes in during a write or sync shares the next one (group commit).
 * When nothing is left to do, and the last batch was synced, it writes one seal (see `SegmentWriter.needsSeal`).
 *
 * The image follows the segment: it is changed when the batch has been written, or, for a batch that goes into a new segment, becomes that
 * segment's state. After a failure neither is used again.
 */
export class JournalWriter<E, S> {
  readonly #options: JournalWriterOptions<E, S>;
  readonly #image: StorageImage<E, S>;
  #segment: SegmentWriter;
  #waiting: Pending<E, S>[] = [];
  #waitingBytes = 0;
  /** The batch that is being carried out, less the calls that are done. */
  #batch: Pending<E, S>[] = [];
  #run: Promise<void> | undefined;
  /** The first failure: nothing is written after it. */
  #failure: Error | undefined;
  /** Why no more calls are taken; those taken before are still carried out. */
  #refusal: Error | undefined;

  constructor(options: JournalWriterOptions<E, S>) {
    this.#options = options;
    this.#image = options.image;
    this.#segment = options.segment;
  }

  /** Why calls are no longer taken; undefined while they are. */
  get refusal(): Error | undefined {
    return this.#failure ?? this.#refusal;
  }

  /** From now on every call is refused with the first reason given, which is returned. Calls taken before are still carried out. */
  refuse(reason: Error): Error {
    this.#refusal ??= reason;
    return this.#refusal;
  }

  /** Resolves once the operation is durable (`needsSync`), or written. */
  submit(operation: JournalOperation<E, S>, record: RecordContents, needsSync: boolean): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    const { maxPendingBytes } = this.#options;
    if (this.#waitingBytes + recordBytes(record) > maxPendingBytes) {
      const detail = `more than ${maxPendingBytes} bytes (maxPendingBytes) wait for the disk`;
      return Promise.reject(this.refuse(new StorageError('storage_overloaded', detail)));
    }
    const { promise, resolve, reject } = withResolvers<void>();
    this.#waiting.push({ operation, record, needsSync, resolve: () => resolve(), reject });
    this.#waitingBytes += recordBytes(record);
    // A turn later, so that all calls of this turn share the first batch.
    this.#run ??= Promise.resolve().then(() => this.#carryOut());
    return promise;
  }

  /**
   * Carries out what was taken, makes it durable, seals it, and closes the file. After a failure it only closes the file. Rejects if one of these fails.
   */
  async close(): Promise<void> {
    this.refuse(new StorageError('storage_closed', 'the journal has been closed'));
    while (this.#run !== undefined) await this.#run;
    try {
      if (this.#failure === undefined) await this.#sealDurably();
    } finally {
      await this.#segment.close();
    }
  }

  async #sealDurably(): Promise<void> {
    if (this.#segment.hasUnsynced) await this.#segment.sync();
    if (!this.#segment.needsSeal) return;
    await this.#segment.seal();
    await this.#segment.sync();
  }

  async #carryOut(): Promise<void> {
    try {
      for (;;) {
        this.#batch = this.#takeBatch();
        if (this.#batch.length > 0) await this.#commit(this.#batch);
        else if (this.#segment.needsSeal) await this.#segment.seal();
        else break;
      }
    } catch (error) {
      // What is thrown here are StorageErrors, or a codec's InvalidInputError; anything else is wrapped.
      this.#fail(error instanceof Error ? error : new StorageError('storage_io', String(error)));
    } finally {
      this.#run = undefined;
    }
  }

  /** As many waiting calls, in order, as one batch may hold; at least one, if there is one. */
  #takeBatch(): Pending<E, S>[] {
    let bytes = 0;
    let count = 0;
    for (const { record } of this.#waiting) {
      bytes += recordBytes(record);
      if (count > 0 && bytes > this.#options.maxBatchBytes) {
        bytes -= recordBytes(record);
        break;
      }
      count++;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #commit(batch: readonly Pending<E, S>[]): Promise<void> {
    const records = batch.map(({ record }) => record);
    if (this.#wantsNewSegment(batch, records)) {
      for (const { operation } of batch) this.#image.apply(operation);
      const room = this.#options.segmentBytes / 4;
      this.#segment = await this.#options.nextSegment(this.#image, this.#segment, room);
    } else {
      await this.#segment.append(records);
      for (const { operation } of batch) this.#image.apply(operation);
      this.#settle((pending) => !pending.needsSync);
      if (this.#batch.length > 0) await this.#segment.sync();
    }
    this.#settle(() => true);
  }

  #wantsNewSegment(batch: readonly Pending<E, S>[], records: readonly RecordContents[]): boolean {
    if (!this.#segment.fits(records)) return true;
    return (
      batch.some(({ operation }) => compacts(operation)) &&
      this.#segment.usedBytes * 2 >= this.#segment.capacityBytes
    );
  }

  /** Resolves the calls of the batch that are done, in order. */
  #settle(isDone: (pending: Pending<E, S>) => boolean): void {
    const done = this.#batch.filter(isDone);
    this.#batch = this.#batch.filter((pending) => !isDone(pending));
    for (const { resolve } of done) resolve();
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#options.logger.error({ error, segment: this.#segment.path }, 'the journal has failed and stops');
    const affected = [...this.#batch, ...this.#waiting];
    this.#batch = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { reject } of affected) reject(error);
  }
}

function compacts(operation: JournalOperation<unknown, unknown>): boolean {
  if (operation.kind !== 'writes') return false;
  return operation.writes.some(
    (write) =>
      write.kind === 'snapshot' ||
      ((write.kind === 'sync' || write.kind === 'enterConfig') && write.logSync.snapshot !== undefined),
  );
}
