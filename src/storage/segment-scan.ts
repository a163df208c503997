import { type JournalRecord, RecordParser, type SegmentPlace } from './record-format.js';
import { SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.js';
import { StorageCorruptError } from './storage-error.js';

/** What a segment holds. */
export interface SegmentContents {
  /** The records of all whole batches, in order. */
  readonly records: readonly JournalRecord[];
  /** The number of the record that would come next. */
  readonly nextRecord: number;
  /** Where the whole batches end. */
  readonly end: number;
  /** Whether something that is no whole batch stood behind them, and was cut. */
  readonly torn: boolean;
}

/**
 * Reads the whole batches of a segment. What follows the last of them is either a tail of writes that were never acknowledged, which is cut, or
 * damage to acknowledged ones, which is refused. They are told apart by what later records say: each states up to which number records were
 * durable when it was written, so that one that claims the first bad record, found anywhere behind it, proves damage.
 *
 * A tail that is bad at its beginning and good further on is no proof by itself: a disk may keep the later of two pages that were never
 * synced and lose the earlier.
 *
 * @param bytes the whole file, whose header has been checked.
 * @throws {StorageCorruptError} naming the first record that is damaged.
 */
export function scanSegment(bytes: Uint8Array, file: string, header: SegmentHeader): SegmentContents {
  const parser = new RecordParser(bytes, header);
  const records: JournalRecord[] = [];
  let whole = 0;
  let position = SEGMENT_HEADER_BYTES;
  let expected = header.firstRecord;
  for (;;) {
    const record = parser.parse(position);
    if (record === undefined || record.number !== expected) break;
    records.push(record);
    if (record.closesBatch) whole = records.length;
    position = record.end;
    expected++;
  }
  const bad = { record: expected, position };
  const nextRecord = header.firstRecord + whole;
  if (whole === 0) {
    // The first batch was durable before the file had its name.
    throw new StorageCorruptError(file, 'the state that it begins with is damaged', bad);
  }
  const claimed = Math.max(claimedDurable(records), claimedBehind(bytes, header, parser, position));
  if (claimed >= nextRecord) {
    throw new StorageCorruptError(
      file,
      `it is damaged, and a later record states that everything through record ${claimed} was durable`,
      bad,
    );
  }
  const end = records[whole - 1]?.end ?? SEGMENT_HEADER_BYTES;
  return {
    records: records.slice(0, whole),
    nextRecord,
    end,
    torn: !isZero(bytes, end),
  };
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

function claimedDurable(records: readonly JournalRecord[]): number {
  return records.reduce((highest, record) => Math.max(highest, record.durableThrough), 0);
}

/** The highest number that any valid record from `from` on, at whatever byte it begins, states as durable; 0 if there is none. */
function claimedBehind(bytes: Uint8Array, place: SegmentPlace, parser: RecordParser, from: number): number {
  const pattern = Buffer.alloc(8);
  pattern.writeBigUInt64BE(BigInt(place.generation));
  const offset = 8;
  let highest = 0;
  for (const at of placesOf(pattern, bytes, from + offset)) {
    const record = parser.parse(at - offset);
    if (record !== undefined) highest = Math.max(highest, record.durableThrough);
  }
  return highest;
}

/** How much is searched at a time: Node searches no buffer beyond 2^31 - 1, and begins again at that byte when it is asked to. */
const WINDOW_BYTES = 2 ** 30;

/** Where in `bytes` the pattern begins, from `from` on, ascending. */
export function* placesOf(
  pattern: Uint8Array,
  bytes: Uint8Array,
  from: number,
  windowBytes = WINDOW_BYTES,
): Generator<number, void> {
  for (let start = from; start < bytes.length; start += windowBytes) {
    // Those that begin in this window, the last of which may end in the next.
    const length = Math.min(bytes.length - start, windowBytes + pattern.length - 1);
    const window = Buffer.from(bytes.buffer, bytes.byteOffset + start, length);
    for (let at = window.indexOf(pattern); at >= 0; at = window.indexOf(pattern, at + 1)) yield start + at;
  }
}
