import {
  assertAdvanceInRange,
  type CallOptions,
  type ConsensusDriver,
  ConsensusError,
  EPOCH_ZERO,
  type Epoch,
  type LeaderState,
  type LeadershipStream,
  mergeHighWater,
  toEpoch,
} from '../consensus/index.js';
import { parseInput } from '../errors/index.js';
import { type Clock, deferWithDeadline, type Logger, silentLogger, systemClock } from '../runtime/index.js';
import { openRecordDirectory, type RecordDirectory } from '../storage/index.js';
import { AdvanceWaits } from './advance-waits.js';
import { closed, lossOfLeadership } from './call-errors.js';
import { checkCallTimeout } from './call-timeout.js';
import type { FileDriverOptions } from './file-driver-options.js';
import {
  encodeHighWaterRecord,
  HIGH_WATER_RECORD,
  type HighWaterRecord,
  readHighWaterRecord,
} from './high-water-record.js';
import { LeadershipChannel } from './leadership-channel.js';
import { paxosDriverLimitsSchema } from './paxos-driver-options.js';

interface Parts {
  readonly directory: RecordDirectory;
  readonly record: HighWaterRecord;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly callTimeoutMs: number;
  readonly maxPendingCalls: number;
}

/**
 * The consensus driver of one process: the high-water in one small file of a local disk. It leads from its opening on, at an
 * epoch above every earlier opening's. It has no standby: as long as the process is down, no timestamps are granted.
 *
 * - The file is replaced whole: a crash leaves the high-water before or after an advance, and never one below what was answered.
 * - Advances that are asked for while one is being written are written together by the next.
 * - A write that fails is the last: it is not known what the disk holds. Every call rejects with `permanent` then, the leadership
 *   is `unknown`, its lease is void. Close the driver, and open another one: what it reads is what counts.
 * - The directory is locked: one process of one machine at a time. What two machines do to one network file system it cannot
 *   judge, nor a directory that was copied or restored: both make timestamps repeat.
 */
export class FileDriver implements ConsensusDriver {
  readonly #parts: Parts;
  readonly #epoch: Epoch;
  readonly #channel: LeadershipChannel;
  readonly #waits = new AdvanceWaits();
  #state: LeaderState;
  #durableMs: number;
  /** The highest value that was asked for. */
  #wantedMs: number;
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;

  private constructor(parts: Parts) {
    const { epoch, highWaterMs } = parts.record;
    this.#parts = parts;
    this.#epoch = epoch;
    this.#durableMs = highWaterMs;
    this.#wantedMs = highWaterMs;
    const leading: LeaderState = { role: 'leader', epoch, lease: { isValid: () => this.#state === leading } };
    this.#state = leading;
    this.#channel = new LeadershipChannel({ read: () => this.#state, logger: parts.logger });
  }

  /**
   * Opens what `initFileDriver` has made: takes its lock and durably raises its epoch.
   *
   * @throws {InvalidInputError} naming the option.
   * @throws {StorageError} `storage_not_initialized`, `storage_locked`, `storage_corrupt`, `storage_format` or `storage_io`; the lock
   * is free then.
   */
  static async open(options: FileDriverOptions): Promise<FileDriver> {
    const { clock = systemClock, logger = silentLogger } = options;
    const limits = parseInput(paxosDriverLimitsSchema, options, 'FileDriver options');
    const directory = await openRecordDirectory({ ...options, kind: HIGH_WATER_RECORD });
    try {
      const found = readHighWaterRecord(directory.found, options.dataDir);
      const record = { ...found, epoch: toEpoch(found.epoch + 1n) };
      await directory.replace(encodeHighWaterRecord(record));
      return new FileDriver({ directory, record, clock, logger, ...limits });
    } catch (error) {
      await release(directory, logger);
      throw error;
    }
  }

  /** How many calls wait for the disk. */
  get pendingCalls(): number {
    return this.#waits.size;
  }

  /** How many leadership streams were refused because another one was live. */
  get streamsRefused(): number {
    return this.#channel.refused;
  }

  leadershipEvents(): LeadershipStream {
    return this.#channel.open();
  }

  /** What was answered to any advance is durable here before: no call to the disk is needed. */
  async loadHighWater(options: CallOptions = {}): Promise<number> {
    this.#beginCall(options);
    return this.#durableMs;
  }

  async persistHighWater(atLeast: number, epoch: Epoch, options: CallOptions = {}): Promise<number> {
    assertAdvanceInRange(atLeast);
    toEpoch(epoch);
    const timeoutMs = this.#beginCall(options);
    const loss = lossOfLeadership(this.#state, EPOCH_ZERO, epoch);
    if (loss !== undefined) throw loss;
    if (atLeast <= this.#durableMs) return this.#durableMs;
    const { clock, maxPendingCalls } = this.#parts;
    if (this.#waits.size >= maxPendingCalls) {
      throw new ConsensusError('transient', `${maxPendingCalls} calls wait already; try again later`);
    }
    const result = deferWithDeadline<number>({
      clock,
      timeoutMs,
      signal: options.signal,
      onTimeout: () => new ConsensusError('transient', `the disk has not answered within ${timeoutMs} ms`),
    });
    const answer = this.#waits.wait(atLeast, result);
    this.#wantedMs = mergeHighWater(this.#wantedMs, atLeast);
    this.#writing ??= this.#write();
    return await answer;
  }

  /**
   * Ends the stream and all calls that wait, in this turn. Then it waits for the write under way, however long the disk takes for
   * it, and gives up the lock: earlier, that write could undo the next holder's. Idempotent; it never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Returns the call's deadline, in ms. */
  #beginCall({ signal, timeoutMs = this.#parts.callTimeoutMs }: CallOptions): number {
    checkCallTimeout(timeoutMs);
    signal?.throwIfAborted();
    if (this.#closing !== undefined) throw closed();
    if (this.#failure !== undefined) throw writeFailed(this.#failure);
    return timeoutMs;
  }

  /** Writes what is wanted, until no more is. Never rejects. */
  async #write(): Promise<void> {
    try {
      while (this.#wantedMs > this.#durableMs && this.#closing === undefined) {
        const highWaterMs = this.#wantedMs;
        await this.#parts.directory.replace(encodeHighWaterRecord({ highWaterMs, epoch: this.#epoch }));
        this.#durableMs = highWaterMs;
        this.#waits.durable(highWaterMs);
      }
      this.#writing = undefined;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error), { cause: error }));
    }
  }

  #fail(failure: Error): void {
    this.#failure = failure;
    this.#parts.logger.error(
      { error: failure },
      'the high-water could not be written; nothing is served any more',
    );
    this.#waits.endAll(() => writeFailed(failure));
    this.#state = { role: 'unknown' };
    this.#channel.changed();
  }

  async #close(): Promise<void> {
    this.#state = { role: 'unknown' };
    this.#channel.close();
    this.#waits.endAll(closed);
    await this.#writing;
    await release(this.#parts.directory, this.#parts.logger);
  }
}

function writeFailed(cause: Error): ConsensusError {
  return new ConsensusError('permanent', `the high-water could not be written: ${cause.message}`, { cause });
}

async function release(directory: RecordDirectory, logger: Logger): Promise<void> {
  try {
    await directory.close();
  } catch (error) {
    logger.error({ error }, 'the lock of the data directory could not be removed');
  }
}
