import { ByteWriter } from '../codec/index.js';
import { CheckedFile, checkedCall } from './checked-file.js';
import { segmentPath, UNFINISHED_SUFFIX } from './directory-layout.js';
import type { FileSystem } from './file-system.js';
import { type RecordContents, recordBytes, type SegmentPlace, writeRecords } from './record-format.js';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.js';
import { StorageIoError } from './storage-error.js';

/** The largest segment: what Node can hold in one buffer when it is read again, on every release that is supported. */
export const SEGMENT_FILE_BYTES_MAX = 2 ** 32;
/** A buffer that has grown beyond this for one large batch is given back. */
const BUFFER_BYTES_KEPT_MAX = 4 * 1024 * 1024;
const ZEROES = new Uint8Array(256 * 1024);

/** What a new segment is made of. */
export interface NewSegment extends SegmentPlace {
  readonly dataDir: string;
  readonly fileSystem: FileSystem;
  /** The number of its first record. */
  readonly firstRecord: number;
  /** The records that it begins with: at least one. */
  readonly state: Iterable<RecordContents>;
  /** The size of the file is a multiple of this, and twice what the state and `room` take, at least, as far as that can be read again. */
  readonly segmentBytes: number;
  /** For how many bytes of records, beyond the state, there must be room at the least. */
  readonly room: number;
}

/**
 * The one segment that is being written. Calls must not overlap. After one has failed, the file is in an
 * unknown state and must not be written again.
 */
export class SegmentWriter {
  readonly path: string;
  readonly generation: number;
  readonly capacityBytes: number;
  readonly #place: SegmentPlace;
  readonly #file: CheckedFile;
  #buffer = new ByteWriter();
  #position: number;
  #nextRecord: number;
  /** The highest record that is durable, and the highest that a later record has stated as such. */
  #durableThrough: number;
  #statedThrough: number;
  /** The highest record that is no seal, and the highest of them that is durable: a seal's own loss costs nothing. */
  #lastContent: number;
  #durableContent: number;

  private constructor(
    segment: NewSegment,
    file: CheckedFile,
    written: { readonly position: number; readonly nextRecord: number; readonly capacityBytes: number },
  ) {
    this.path = segmentPath(segment.dataDir, segment.generation);
    this.generation = segment.generation;
    this.capacityBytes = written.capacityBytes;
    this.#place = { directoryId: segment.directoryId, generation: segment.generation };
    this.#file = file;
    this.#position = written.position;
    this.#nextRecord = written.nextRecord;
    this.#durableThrough = written.nextRecord - 1;
    // A segment whose first batch is not whole never had its name: nothing need state it.
    this.#statedThrough = this.#durableThrough;
    this.#lastContent = this.#durableThrough;
    this.#durableContent = this.#durableThrough;
  }

  /**
   * Makes a segment that begins with a whole state: written under another name, zero-filled to its full size
   * (a write into allocated zeroes syncs faster than one that makes the file grow), synced, renamed, and the
   * directory synced. When this resolves the segment is durable, under its name.
   */
  static async create(segment: NewSegment): Promise<SegmentWriter> {
    const { dataDir, fileSystem, generation } = segment;
    const path = segmentPath(dataDir, generation);
    const unfinished = `${path}${UNFINISHED_SUFFIX}`;
    const file = await CheckedFile.open(fileSystem, unfinished, 'create');
    try {
      const written = await writeState(file, segment);
      await zeroFill(file, written.position, written.capacityBytes);
      await file.writeFully(encodeSegmentHeader({ ...segment, capacityBytes: written.capacityBytes }), 0);
      await file.sync();
      await file.rename(fileSystem, path);
      await checkedCall('fsync', dataDir, () => fileSystem.syncDirectory(dataDir));
      return new SegmentWriter(segment, file, written);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  }

  /** How much of the file is used. */
  get usedBytes(): number {
    return this.#position;
  }

  get nextRecord(): number {
    return this.#nextRecord;
  }

  /** Whether records were written that are not durable. */
  get hasUnsynced(): boolean {
    return this.#durableThrough < this.#nextRecord - 1;
  }

  /** Whether records are durable that no later record states as such, so that their loss would look like a torn tail. */
  get needsSeal(): boolean {
    return this.#statedThrough < this.#durableContent;
  }

  /** Whether these records fit, and a seal behind them. */
  fits(records: readonly RecordContents[]): boolean {
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0);
    return this.#position + bytes + recordBytes(SEAL) <= this.capacityBytes;
  }

  /** Writes one atomic batch, with one write; not synced. */
  async append(records: readonly RecordContents[]): Promise<void> {
    await this.#write(records);
    this.#lastContent = this.#nextRecord - 1;
  }

  /** Writes an empty batch that states what is durable; not synced. */
  seal(): Promise<void> {
    return this.#write([SEAL]);
  }

  /** Makes all that was written durable. */
  async sync(): Promise<void> {
    const through = this.#nextRecord - 1;
    const content = this.#lastContent;
    await this.#file.datasync();
    this.#durableThrough = through;
    this.#durableContent = content;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #write(records: readonly RecordContents[]): Promise<void> {
    this.#buffer.reset();
    const durableThrough = this.#durableThrough;
    writeRecords(
      this.#buffer,
      records,
      { ...this.#place, position: this.#position, firstNumber: this.#nextRecord, durableThrough },
      true,
    );
    await this.#file.writeFully(this.#buffer.written(), this.#position);
    this.#position += this.#buffer.length;
    this.#nextRecord += records.length;
    this.#statedThrough = durableThrough;
    if (this.#buffer.length > BUFFER_BYTES_KEPT_MAX) this.#buffer = new ByteWriter();
  }
}

const SEAL: RecordContents = { type: 'seal', payload: new Uint8Array() };

async function writeState(
  file: CheckedFile,
  segment: NewSegment,
): Promise<{ readonly position: number; readonly nextRecord: number; readonly capacityBytes: number }> {
  const buffer = new ByteWriter();
  let position = SEGMENT_HEADER_BYTES;
  let nextRecord = segment.firstRecord;
  const write = async (record: RecordContents, closes: boolean): Promise<void> => {
    buffer.reset();
    const durableThrough = segment.firstRecord - 1;
    writeRecords(buffer, [record], { ...segment, position, firstNumber: nextRecord, durableThrough }, closes);
    await file.writeFully(buffer.written(), position);
    position += buffer.length;
    nextRecord++;
  };
  // One record behind: only the last one closes the batch.
  let pending: RecordContents | undefined;
  for (const record of segment.state) {
    if (pending !== undefined) await write(pending, false);
    pending = record;
  }
  if (pending !== undefined) await write(pending, true);
  const path = segmentPath(segment.dataDir, segment.generation);
  const used = position + segment.room + recordBytes(SEAL);
  return { position, nextRecord, capacityBytes: segmentCapacity(path, used, segment.segmentBytes) };
}

/**
 * The size of a segment file that begins with `used` bytes: a multiple of `segmentBytes`, and twice as much
 * at least, or as much as can be read again.
 * @throws {StorageIoError} if no opening could read it: better while the segment before it is still there.
 */
export function segmentCapacity(path: string, used: number, segmentBytes: number): number {
  const segments = Math.min(
    Math.ceil((2 * used) / segmentBytes),
    Math.floor(SEGMENT_FILE_BYTES_MAX / segmentBytes),
  );
  const capacityBytes = segments * segmentBytes;
  if (capacityBytes >= used) return capacityBytes;
  const detail = `its state takes ${used} bytes, more than the ${capacityBytes} that could be read again`;
  throw new StorageIoError('write', path, undefined, detail);
}

async function zeroFill(file: CheckedFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += ZEROES.length) {
    await file.writeFully(ZEROES.subarray(0, Math.min(ZEROES.length, to - at)), at);
  }
}
