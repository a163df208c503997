import {
  ByteReader,
  ByteWriter,
  type Codecs,
  MalformedError,
  readBallot,
  readClusterConfig,
  readNodeId,
  readOptionalSnapshot,
  readStableWrite,
  writeAppendWithin,
  writeBallot,
  writeClusterConfig,
  writeNodeId,
  writeOptionalSnapshot,
  writeStableWrite,
} from '../codec/index.js';
import { InvalidInputError, TsoracleError } from '../errors/index.js';
import type { LogRecord, StableWrite } from '../omnipaxos/index.js';
import { type JournalRecord, RECORD_PAYLOAD_BYTES_MAX, type RecordContents } from './record-format.js';
import { StableImage } from './stable-image.js';
import type { PeerIdentity } from './storage.js';
import { StorageImage, type StorageOperation } from './storage-operation.js';

/**
 * How many log records, at most, one record of a segment's opening state holds, and within how many bytes they begin: it bounds what is encoded in one turn, and
 * keeps the record far below {@link RECORD_PAYLOAD_BYTES_MAX}, however large the log.
 */
const STATE_RECORDS_PER_CHUNK = 1_024;
const STATE_BYTES_PER_CHUNK = 1024 * 1024;

/** The fewest bytes that a stable write takes: its kind and, at the least, a u64. */
const STABLE_WRITE_BYTES_MIN = 9;
const PEER_BYTES = 6 + 8 + 8 + 8;

/** An operation that the journal records; openings are part of the state that a segment begins with. */
export type JournalOperation<E, S> = Exclude<StorageOperation<E, S>, { readonly kind: 'opening' }>;

/**
 * The record of one operation.
 * @throws {InvalidInputError} naming the field that has no byte form.
 */
export function encodeOperation<E, S>(
  operation: JournalOperation<E, S>,
  codecs: Codecs<E, S>,
): RecordContents {
  const writer = new ByteWriter();
  switch (operation.kind) {
    case 'writes':
      writer.u32(operation.writes.length);
      for (const write of operation.writes) writeStableWrite(writer, write, codecs);
      break;
    case 'peers':
      writePeers(writer, operation.peers);
      break;
    case 'refused':
      writer.string(operation.reason, 'reason');
      break;
  }
  if (writer.length > RECORD_PAYLOAD_BYTES_MAX) {
    throw new InvalidInputError(
      'writes',
      writer.length,
      `must take at most ${RECORD_PAYLOAD_BYTES_MAX} bytes`,
    );
  }
  return { type: operation.kind, payload: writer.finish() };
}

/**
 * The records that a segment begins with: the head of the state, then its log in chunks. Lazy: each is made when it is asked for, of the image as it
 * then stands.
 */
export function* encodeState<E, S>(
  image: StorageImage<E, S>,
  codecs: Codecs<E, S>,
): Generator<RecordContents, void> {
  const { records, ...head } = image.stable.live;
  const { compactedIdx } = image.stable.bounds;
  const writer = new ByteWriter();
  writeClusterConfig(writer, head.config);
  writeBallot(writer, head.promise, 'promise');
  writeBallot(writer, head.acceptedRound, 'acceptedRound');
  writer.u64(head.decidedIdx, 'decidedIdx');
  writeOptionalSnapshot(writer, head.snapshot, codecs.snapshot);
  writer.u32(image.bootIds.length);
  for (const bootId of image.bootIds) writer.hex64(bootId, 'bootId');
  writePeers(writer, image.peers);
  writer.boolean(image.refusedReason !== undefined);
  if (image.refusedReason !== undefined) writer.string(image.refusedReason);
  yield { type: 'state', payload: writer.finish() };
  for (let at = 0; at < records.length; ) {
    const next: LogRecord<E>[] = records.slice(at, at + STATE_RECORDS_PER_CHUNK);
    const chunk = new ByteWriter();
    chunk.u32(1);
    at += writeAppendWithin(chunk, compactedIdx + at, next, codecs.entry, STATE_BYTES_PER_CHUNK);
    yield { type: 'writes', payload: chunk.finish() };
  }
}

/**
 * What the records of a segment add up to.
 * @param fail makes the error for a record that is whole but makes no sense.
 */
export function replay<E, S>(
  records: readonly JournalRecord[],
  codecs: Codecs<E, S>,
  fail: (record: JournalRecord, detail: string, cause: unknown) => Error,
): StorageImage<E, S> {
  let image: StorageImage<E, S> | undefined;
  for (const record of records) {
    try {
      if (image === undefined) image = decodeState(record, codecs);
      else replayOne(image, record, codecs);
    } catch (cause) {
      // Anything else is a mistake in this program, not in the bytes.
      if (!(cause instanceof TsoracleError)) throw cause;
      throw fail(record, `its contents cannot be replayed: ${cause.message}`, cause);
    }
  }
  if (image === undefined) throw new MalformedError('a segment without records');
  return image;
}

function replayOne<E, S>(image: StorageImage<E, S>, record: JournalRecord, codecs: Codecs<E, S>): void {
  const reader = new ByteReader(record.payload);
  switch (record.type) {
    case 'writes': {
      const count = reader.count(STABLE_WRITE_BYTES_MIN);
      const writes: StableWrite<E, S>[] = [];
      for (let i = 0; i < count; i++) writes.push(readStableWrite(reader, codecs));
      image.apply({ kind: 'writes', writes });
      break;
    }
    case 'peers':
      image.apply({ kind: 'peers', peers: readPeers(reader) });
      break;
    case 'refused':
      image.apply({ kind: 'refused', reason: reader.string() });
      break;
    case 'seal':
      break;
    case 'state':
      throw new MalformedError('a state within a segment');
  }
  reader.end();
}

function decodeState<E, S>(record: JournalRecord, codecs: Codecs<E, S>): StorageImage<E, S> {
  if (record.type !== 'state') throw new MalformedError('a segment that does not begin with a state');
  const reader = new ByteReader(record.payload);
  const stable = new StableImage<E, S>({
    config: readClusterConfig(reader),
    promise: readBallot(reader),
    acceptedRound: readBallot(reader),
    decidedIdx: reader.u64(),
    ...readOptionalSnapshot(reader, codecs.snapshot),
    records: [],
  });
  const count = reader.count(8);
  const bootIds: string[] = [];
  for (let i = 0; i < count; i++) bootIds.push(reader.hex64());
  const peers = readPeers(reader);
  const refusedReason = reader.boolean() ? reader.string() : undefined;
  reader.end();
  return new StorageImage(stable, { bootIds, peers, refusedReason });
}

function writePeers(writer: ByteWriter, peers: readonly PeerIdentity[]): void {
  writer.u32(peers.length);
  for (const peer of peers) {
    writeNodeId(writer, peer.nodeId, 'peers.nodeId');
    writer.hex64(peer.directoryId, 'peers.directoryId');
    writer.u64(peer.incarnation, 'peers.incarnation');
    writer.hex64(peer.bootId, 'peers.bootId');
  }
}

function readPeers(reader: ByteReader): PeerIdentity[] {
  const count = reader.count(PEER_BYTES);
  const peers: PeerIdentity[] = [];
  for (let i = 0; i < count; i++) {
    peers.push({
      nodeId: readNodeId(reader, 'peers.nodeId'),
      directoryId: reader.hex64(),
      incarnation: reader.u64(),
      bootId: reader.hex64(),
    });
  }
  return peers;
}
