import { InvalidInputError } from '../errors/index.js';
import type {
  AcceptDecide,
  Accepted,
  AcceptSync,
  Decide,
  Prepare,
  PromiseMessage,
  ProposalForward,
  SequenceNumber,
  SyncToken,
} from '../omnipaxos/index.js';
import { readBallot, writeBallot } from './ballot-codec.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { readLogRecords, readLogSync, writeLogRecords, writeLogSync } from './log-codec.js';
import { MalformedError } from './malformed-error.js';
import { type Codecs, readValue, type ValueCodec, writeValue } from './value-codec.js';

/** The fewest bytes that a forwarded entry takes: the length of an empty one. */
const ENTRY_BYTES_MIN = 4;

export function writePrepare(writer: ByteWriter, body: Prepare): void {
  writeBallot(writer, body.n, 'n');
  writer.u64(body.decidedIdx, 'decidedIdx');
  writeBallot(writer, body.nAccepted, 'nAccepted');
  writer.u64(body.acceptedIdx, 'acceptedIdx');
}

export function readPrepare(reader: ByteReader): Prepare {
  return {
    kind: 'prepare',
    n: readBallot(reader),
    decidedIdx: reader.u64(),
    nAccepted: readBallot(reader),
    acceptedIdx: reader.u64(),
  };
}

export function writePromise<E, S>(
  writer: ByteWriter,
  body: PromiseMessage<E, S>,
  codecs: Codecs<E, S>,
): void {
  writeBallot(writer, body.n, 'n');
  writeSyncToken(writer, body.syncToken);
  writeBallot(writer, body.nAccepted, 'nAccepted');
  writer.u64(body.decidedIdx, 'decidedIdx');
  writer.u64(body.acceptedIdx, 'acceptedIdx');
  writer.u64(body.compactedIdx, 'compactedIdx');
  writer.boolean(body.logSync !== undefined);
  if (body.logSync !== undefined) writeLogSync(writer, body.logSync, codecs);
  writeBallot(writer, body.previousPromise, 'previousPromise');
  writeElapsedMs(writer, body.msSinceLowerBallotReply, 'msSinceLowerBallotReply');
}

export function readPromise<E, S>(reader: ByteReader, codecs: Codecs<E, S>): PromiseMessage<E, S> {
  return {
    kind: 'promise',
    n: readBallot(reader),
    syncToken: readSyncToken(reader),
    nAccepted: readBallot(reader),
    decidedIdx: reader.u64(),
    acceptedIdx: reader.u64(),
    compactedIdx: reader.u64(),
    ...(reader.boolean() ? { logSync: readLogSync(reader, codecs) } : {}),
    previousPromise: readBallot(reader),
    msSinceLowerBallotReply: readElapsedMs(reader, 'msSinceLowerBallotReply'),
  };
}

export function writeAcceptSync<E, S>(
  writer: ByteWriter,
  body: AcceptSync<E, S>,
  codecs: Codecs<E, S>,
): void {
  writeBallot(writer, body.n, 'n');
  writeSyncToken(writer, body.syncToken);
  writeSequenceNumber(writer, body.seqNum);
  writer.u64(body.decidedIdx, 'decidedIdx');
  writeLogSync(writer, body.logSync, codecs);
}

export function readAcceptSync<E, S>(reader: ByteReader, codecs: Codecs<E, S>): AcceptSync<E, S> {
  return {
    kind: 'acceptSync',
    n: readBallot(reader),
    syncToken: readSyncToken(reader),
    seqNum: readSequenceNumber(reader),
    decidedIdx: reader.u64(),
    logSync: readLogSync(reader, codecs),
  };
}

export function writeAcceptDecide<E>(
  writer: ByteWriter,
  body: AcceptDecide<E>,
  entryCodec: ValueCodec<E>,
): void {
  writeBallot(writer, body.n, 'n');
  writeSequenceNumber(writer, body.seqNum);
  writer.u64(body.decidedIdx, 'decidedIdx');
  writeLogRecords(writer, body.records, entryCodec);
}

export function readAcceptDecide<E>(reader: ByteReader, entryCodec: ValueCodec<E>): AcceptDecide<E> {
  return {
    kind: 'acceptDecide',
    n: readBallot(reader),
    seqNum: readSequenceNumber(reader),
    decidedIdx: reader.u64(),
    records: readLogRecords(reader, entryCodec),
  };
}

export function writeAccepted(writer: ByteWriter, body: Accepted): void {
  writeBallot(writer, body.n, 'n');
  writer.u64(body.acceptedIdx, 'acceptedIdx');
}

export function readAccepted(reader: ByteReader): Accepted {
  return { kind: 'accepted', n: readBallot(reader), acceptedIdx: reader.u64() };
}

export function writeDecide(writer: ByteWriter, body: Decide): void {
  writeBallot(writer, body.n, 'n');
  writeSequenceNumber(writer, body.seqNum);
  writer.u64(body.decidedIdx, 'decidedIdx');
}

export function readDecide(reader: ByteReader): Decide {
  return {
    kind: 'decide',
    n: readBallot(reader),
    seqNum: readSequenceNumber(reader),
    decidedIdx: reader.u64(),
  };
}

export function writeProposalForward<E>(
  writer: ByteWriter,
  body: ProposalForward<E>,
  entryCodec: ValueCodec<E>,
): void {
  writer.u32(body.entries.length, 'entries.length');
  body.entries.forEach((entry, i) => {
    writeValue(writer, entryCodec, entry, `entries.${i}`);
  });
}

export function readProposalForward<E>(reader: ByteReader, entryCodec: ValueCodec<E>): ProposalForward<E> {
  const count = reader.count(ENTRY_BYTES_MIN);
  const entries: E[] = [];
  for (let i = 0; i < count; i++) entries.push(readValue(reader, entryCodec, 'entry'));
  return { kind: 'proposalForward', entries };
}

function writeSyncToken(writer: ByteWriter, token: SyncToken): void {
  writer.u64(token.incarnation, 'syncToken.incarnation');
  writer.u64(token.counter, 'syncToken.counter');
}

function readSyncToken(reader: ByteReader): SyncToken {
  return { incarnation: reader.u64(), counter: reader.u64() };
}

function writeSequenceNumber(writer: ByteWriter, seqNum: SequenceNumber): void {
  writer.u64(seqNum.session, 'seqNum.session');
  writer.u64(seqNum.counter, 'seqNum.counter');
}

function readSequenceNumber(reader: ByteReader): SequenceNumber {
  return { session: reader.u64(), counter: reader.u64() };
}

/** ms that have passed: finite and not negative, possibly fractional. */
function writeElapsedMs(writer: ByteWriter, value: number, field: string): void {
  if (!isElapsedMs(value)) throw new InvalidInputError(field, value, 'must be finite and at least 0');
  writer.f64(value, field);
}

function readElapsedMs(reader: ByteReader, field: string): number {
  const value = reader.f64();
  if (!isElapsedMs(value)) throw new MalformedError(`${field}: ${value} is no span of time`);
  return value;
}

function isElapsedMs(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
