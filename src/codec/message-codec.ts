import { unreachable } from '../errors/index.js';
import type { Message, MessageBody, MessageKind } from '../omnipaxos/index.js';
import { readBallot, readNodeId, writeBallot, writeNodeId } from './ballot-codec.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { CODEC_VERSION, readCodecVersion } from './codec-version.js';
import * as configuration from './configuration-bodies.js';
import * as election from './election-bodies.js';
import { MalformedError } from './malformed-error.js';
import * as replication from './replication-bodies.js';
import type { Codecs } from './value-codec.js';

/** The byte that stands for each kind of message. A number is never used again for another kind. */
const KIND_BYTES: Readonly<Record<MessageKind, number>> = {
  heartbeatRequest: 1,
  heartbeatReply: 2,
  prepare: 3,
  promise: 4,
  acceptSync: 5,
  acceptDecide: 6,
  accepted: 7,
  decide: 8,
  prepareReq: 9,
  notAccepted: 10,
  proposalForward: 11,
  takeLeadership: 12,
  configAhead: 13,
  fetchDecided: 14,
  decidedSync: 15,
};

const KINDS_BY_BYTE = new Map(
  // Object.entries forgets that the keys are MessageKinds; the constant above has no others.
  Object.entries(KIND_BYTES).map(([kind, byte]) => [byte, kind as MessageKind]),
);

/**
 * A message as bytes: codec version, kind, from, to, configId, configHash, body.
 * @throws {InvalidInputError} naming the field that has no byte form.
 */
export function encodeMessage<E, S>(message: Message<E, S>, codecs: Codecs<E, S>): Uint8Array {
  const writer = new ByteWriter();
  writeMessage(writer, message, codecs);
  return writer.finish();
}

/**
 * The message that `bytes` are, all of them.
 * @throws {MalformedError} if they are no message; never another kind of error.
 */
export function decodeMessage<E, S>(bytes: Uint8Array, codecs: Codecs<E, S>): Message<E, S> {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader, codecs);
  reader.end();
  return message;
}

/** As {@link encodeMessage}, behind what `writer` holds already. */
export function writeMessage<E, S>(writer: ByteWriter, message: Message<E, S>, codecs: Codecs<E, S>): void {
  writer.u8(CODEC_VERSION);
  writer.u8(KIND_BYTES[message.body.kind], 'body.kind');
  writeNodeId(writer, message.from, 'from');
  writeNodeId(writer, message.to, 'to');
  writer.u32(message.configId, 'configId');
  writer.u48(message.configHash, 'configHash');
  writeBody(writer, message.body, codecs);
}

/** As {@link decodeMessage}, leaving what follows the message. */
export function readMessage<E, S>(reader: ByteReader, codecs: Codecs<E, S>): Message<E, S> {
  readCodecVersion(reader);
  const kindByte = reader.u8();
  const kind = KINDS_BY_BYTE.get(kindByte);
  if (kind === undefined) throw new MalformedError(`a message is of the unknown kind ${kindByte}`);
  return {
    from: readNodeId(reader, 'from'),
    to: readNodeId(reader, 'to'),
    configId: reader.u32(),
    configHash: reader.u48(),
    body: readBody(reader, kind, codecs),
  };
}

function writeBody<E, S>(writer: ByteWriter, body: MessageBody<E, S>, codecs: Codecs<E, S>): void {
  switch (body.kind) {
    case 'heartbeatRequest':
      election.writeHeartbeatRequest(writer, body);
      return;
    case 'heartbeatReply':
      election.writeHeartbeatReply(writer, body);
      return;
    case 'prepare':
      replication.writePrepare(writer, body);
      return;
    case 'promise':
      replication.writePromise(writer, body, codecs);
      return;
    case 'acceptSync':
      replication.writeAcceptSync(writer, body, codecs);
      return;
    case 'acceptDecide':
      replication.writeAcceptDecide(writer, body, codecs.entry);
      return;
    case 'accepted':
      replication.writeAccepted(writer, body);
      return;
    case 'decide':
      replication.writeDecide(writer, body);
      return;
    case 'prepareReq':
    case 'notAccepted':
    case 'takeLeadership':
      writeBallot(writer, body.n, 'n');
      return;
    case 'proposalForward':
      replication.writeProposalForward(writer, body, codecs.entry);
      return;
    case 'configAhead':
      configuration.writeConfigAhead(writer, body);
      return;
    case 'fetchDecided':
      configuration.writeFetchDecided(writer, body);
      return;
    case 'decidedSync':
      configuration.writeDecidedSync(writer, body, codecs);
      return;
    default:
      unreachable(body);
  }
}

function readBody<E, S>(reader: ByteReader, kind: MessageKind, codecs: Codecs<E, S>): MessageBody<E, S> {
  switch (kind) {
    case 'heartbeatRequest':
      return election.readHeartbeatRequest(reader);
    case 'heartbeatReply':
      return election.readHeartbeatReply(reader);
    case 'prepare':
      return replication.readPrepare(reader);
    case 'promise':
      return replication.readPromise(reader, codecs);
    case 'acceptSync':
      return replication.readAcceptSync(reader, codecs);
    case 'acceptDecide':
      return replication.readAcceptDecide(reader, codecs.entry);
    case 'accepted':
      return replication.readAccepted(reader);
    case 'decide':
      return replication.readDecide(reader);
    case 'prepareReq':
    case 'notAccepted':
    case 'takeLeadership':
      return { kind, n: readBallot(reader) };
    case 'proposalForward':
      return replication.readProposalForward(reader, codecs.entry);
    case 'configAhead':
      return configuration.readConfigAhead(reader);
    case 'fetchDecided':
      return configuration.readFetchDecided(reader);
    case 'decidedSync':
      return configuration.readDecidedSync(reader, codecs);
    default:
      return unreachable(kind);
  }
}
