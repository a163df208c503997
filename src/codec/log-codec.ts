import { InvalidInputError, unreachable } from '../errors/index.js';
import type { LogRecord, LogSync, Snapshot, StopSign } from '../omnipaxos/index.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { readClusterConfig, writeClusterConfig } from './cluster-config-codec.js';
import { MalformedError } from './malformed-error.js';
import { type Codecs, readValue, type ValueCodec, writeValue } from './value-codec.js';

const RECORD_ENTRY = 1;
const RECORD_STOP_SIGN = 2;

/** The fewest bytes that a log record takes: its kind and the length of an empty entry. */
export const LOG_RECORD_BYTES_MIN = 1 + 4;

export function writeLogRecord<E>(
  writer: ByteWriter,
  record: LogRecord<E>,
  entryCodec: ValueCodec<E>,
  field = 'record',
): void {
  switch (record.kind) {
    case 'entry':
      writer.u8(RECORD_ENTRY);
      writeValue(writer, entryCodec, record.entry, `${field}.entry`);
      return;
    case 'stopSign':
      writer.u8(RECORD_STOP_SIGN);
      writeStopSign(writer, record.stopSign, `${field}.stopSign`);
      return;
    default:
      unreachable(record);
  }
}

export function readLogRecord<E>(reader: ByteReader, entryCodec: ValueCodec<E>): LogRecord<E> {
  const kind = reader.u8();
  switch (kind) {
    case RECORD_ENTRY:
      return { kind: 'entry', entry: readValue(reader, entryCodec, 'entry') };
    case RECORD_STOP_SIGN:
      return { kind: 'stopSign', stopSign: readStopSign(reader) };
    default:
      throw new MalformedError(`a log record is of the unknown kind ${kind}`);
  }
}

export function writeLogRecords<E>(
  writer: ByteWriter,
  records: readonly LogRecord<E>[],
  entryCodec: ValueCodec<E>,
  field = 'records',
): void {
  writer.u32(records.length, `${field}.length`);
  records.forEach((record, i) => {
    writeLogRecord(writer, record, entryCodec, `${field}.${i}`);
  });
}

export function readLogRecords<E>(reader: ByteReader, entryCodec: ValueCodec<E>): LogRecord<E>[] {
  const count = reader.count(LOG_RECORD_BYTES_MIN);
  const records: LogRecord<E>[] = [];
  for (let i = 0; i < count; i++) records.push(readLogRecord(reader, entryCodec));
  return records;
}

export function writeSnapshot<S>(
  writer: ByteWriter,
  snapshot: Snapshot<S>,
  snapshotCodec: ValueCodec<S>,
  field = 'snapshot',
): void {
  writer.u64(snapshot.compactedIdx, `${field}.compactedIdx`);
  writeClusterConfig(writer, snapshot.config, `${field}.config`);
  writeValue(writer, snapshotCodec, snapshot.value, `${field}.value`);
}

export function readSnapshot<S>(reader: ByteReader, snapshotCodec: ValueCodec<S>): Snapshot<S> {
  const compactedIdx = reader.u64();
  const config = readClusterConfig(reader);
  return { value: readValue(reader, snapshotCodec, 'snapshot'), compactedIdx, config };
}

/** A snapshot that may be absent, behind a flag. */
export function writeOptionalSnapshot<S>(
  writer: ByteWriter,
  snapshot: Snapshot<S> | undefined,
  snapshotCodec: ValueCodec<S>,
  field = 'snapshot',
): void {
  writer.boolean(snapshot !== undefined);
  if (snapshot !== undefined) writeSnapshot(writer, snapshot, snapshotCodec, field);
}

export function readOptionalSnapshot<S>(
  reader: ByteReader,
  snapshotCodec: ValueCodec<S>,
): { snapshot?: Snapshot<S> } {
  return reader.boolean() ? { snapshot: readSnapshot(reader, snapshotCodec) } : {};
}

/**
 * A sync that keeps its two rules (1: with a snapshot, `syncIdx` is its `compactedIdx`; 2: the index after its last record is a safe
 * integer).
 */
export function writeLogSync<E, S>(
  writer: ByteWriter,
  sync: LogSync<E, S>,
  codecs: Codecs<E, S>,
  field = 'logSync',
): void {
  const broken = brokenRule(sync);
  if (broken !== undefined) throw new InvalidInputError(`${field}.syncIdx`, sync.syncIdx, broken);
  writeOptionalSnapshot(writer, sync.snapshot, codecs.snapshot, `${field}.snapshot`);
  writer.u64(sync.syncIdx, `${field}.syncIdx`);
  writeLogRecords(writer, sync.suffix, codecs.entry, `${field}.suffix`);
}

export function readLogSync<E, S>(reader: ByteReader, codecs: Codecs<E, S>): LogSync<E, S> {
  const snapshot = readOptionalSnapshot(reader, codecs.snapshot);
  const syncIdx = reader.u64();
  const sync = { ...snapshot, suffix: readLogRecords(reader, codecs.entry), syncIdx };
  const broken = brokenRule(sync);
  if (broken !== undefined) throw new MalformedError(`a sync's syncIdx is ${syncIdx}: ${broken}`);
  return sync;
}

function brokenRule(sync: LogSync<unknown, unknown>): string | undefined {
  if (sync.snapshot !== undefined && sync.snapshot.compactedIdx !== sync.syncIdx) {
    return `must be the compactedIdx of the snapshot, ${sync.snapshot.compactedIdx}`;
  }
  if (!Number.isSafeInteger(sync.syncIdx + sync.suffix.length)) {
    return 'must leave the index after the last record within [0, 2^53 - 1]';
  }
  return undefined;
}

function writeStopSign(writer: ByteWriter, stopSign: StopSign, field: string): void {
  writeClusterConfig(writer, stopSign.nextConfig, `${field}.nextConfig`);
  writer.boolean(stopSign.metadata !== undefined);
  if (stopSign.metadata !== undefined) writer.bytes(stopSign.metadata, `${field}.metadata`);
}

function readStopSign(reader: ByteReader): StopSign {
  const nextConfig = readClusterConfig(reader);
  // A copy: a stop sign lives in the log for long, and must not keep the frame that it came in.
  return reader.boolean() ? { nextConfig, metadata: reader.bytes().slice() } : { nextConfig };
}
