import { InvalidInputError, unreachable } from '../errors/index.js';
import type { LogRecord, StableWrite } from '../omnipaxos/index.js';
import { readBallot, writeBallot } from './ballot-codec.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { readClusterConfig, writeClusterConfig } from './cluster-config-codec.js';
import {
  readLogRecords,
  readLogSync,
  readSnapshot,
  writeLogRecord,
  writeLogRecords,
  writeLogSync,
  writeSnapshot,
} from './log-codec.js';
import { MalformedError } from './malformed-error.js';
import type { Codecs, ValueCodec } from './value-codec.js';

/** The byte that stands for each kind of write. A number is never used again for another kind. */
const PROMISE = 1;
const APPEND = 2;
const SYNC = 3;
const DECIDED = 4;
const SNAPSHOT = 5;
const ENTER_CONFIG = 6;

/**
 * One stable write as bytes.
 * @throws {InvalidInputError} naming the field that has no byte form.
 */
export function encodeStableWrite<E, S>(write: StableWrite<E, S>, codecs: Codecs<E, S>): Uint8Array {
  const writer = new ByteWriter();
  writeStableWrite(writer, write, codecs);
  return writer.finish();
}

/**
 * The stable write that `bytes` are, all of them.
 * @throws {MalformedError} if they are none; never another kind of error.
 */
export function decodeStableWrite<E, S>(bytes: Uint8Array, codecs: Codecs<E, S>): StableWrite<E, S> {
  const reader = new ByteReader(bytes);
  const write = readStableWrite(reader, codecs);
  reader.end();
  return write;
}

/** As {@link encodeStableWrite}, behind what `writer` holds already. */
export function writeStableWrite<E, S>(
  writer: ByteWriter,
  write: StableWrite<E, S>,
  codecs: Codecs<E, S>,
): void {
  switch (write.kind) {
    case 'promise':
      writer.u8(PROMISE);
      writeBallot(writer, write.promise, 'promise');
      return;
    case 'append':
      if (!Number.isSafeInteger(write.fromIdx + write.records.length)) {
        throw new InvalidInputError(
          'fromIdx',
          write.fromIdx,
          'must leave the next index within [0, 2^53 - 1]',
        );
      }
      writer.u8(APPEND);
      writer.u64(write.fromIdx, 'fromIdx');
      writeLogRecords(writer, write.records, codecs.entry);
      return;
    case 'sync':
      writer.u8(SYNC);
      writeBallot(writer, write.acceptedRound, 'acceptedRound');
      writeLogSync(writer, write.logSync, codecs);
      writer.u64(write.decidedIdx, 'decidedIdx');
      return;
    case 'decided':
      writer.u8(DECIDED);
      writer.u64(write.decidedIdx, 'decidedIdx');
      return;
    case 'snapshot':
      writer.u8(SNAPSHOT);
      writeSnapshot(writer, write.snapshot, codecs.snapshot);
      return;
    case 'enterConfig':
      writer.u8(ENTER_CONFIG);
      writeClusterConfig(writer, write.config);
      writeLogSync(writer, write.logSync, codecs);
      writer.u64(write.decidedIdx, 'decidedIdx');
      return;
    default:
      unreachable(write);
  }
}

/**
 * The `append` of the first of these records (there must be one), and of as many more as begin within the next `bytesMax` bytes.
 * @returns how many they are.
 */
export function writeAppendWithin<E>(
  writer: ByteWriter,
  fromIdx: number,
  records: readonly LogRecord<E>[],
  entryCodec: ValueCodec<E>,
  bytesMax: number,
): number {
  writer.u8(APPEND);
  writer.u64(fromIdx, 'fromIdx');
  const countAt = writer.length;
  writer.u32(0);
  let count = 0;
  for (const record of records) {
    if (count > 0 && writer.length - countAt > bytesMax) break;
    writeLogRecord(writer, record, entryCodec);
    count++;
  }
  writer.patchU32(countAt, count);
  return count;
}

/** As {@link decodeStableWrite}, leaving what follows the write. */
export function readStableWrite<E, S>(reader: ByteReader, codecs: Codecs<E, S>): StableWrite<E, S> {
  const kind = reader.u8();
  switch (kind) {
    case PROMISE:
      return { kind: 'promise', promise: readBallot(reader) };
    case APPEND: {
      const fromIdx = reader.u64();
      const records = readLogRecords(reader, codecs.entry);
      if (!Number.isSafeInteger(fromIdx + records.length)) {
        throw new MalformedError(`${records.length} records from index ${fromIdx} on pass 2^53 - 1`);
      }
      return { kind: 'append', fromIdx, records };
    }
    case SYNC:
      return {
        kind: 'sync',
        acceptedRound: readBallot(reader),
        logSync: readLogSync(reader, codecs),
        decidedIdx: reader.u64(),
      };
    case DECIDED:
      return { kind: 'decided', decidedIdx: reader.u64() };
    case SNAPSHOT:
      return { kind: 'snapshot', snapshot: readSnapshot(reader, codecs.snapshot) };
    case ENTER_CONFIG:
      return {
        kind: 'enterConfig',
        config: readClusterConfig(reader),
        logSync: readLogSync(reader, codecs),
        decidedIdx: reader.u64(),
      };
    default:
      throw new MalformedError(`a stable write is of the unknown kind ${kind}`);
  }
}
