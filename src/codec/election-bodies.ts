import type { HeartbeatReply, HeartbeatRequest } from '../omnipaxos/index.js';
import { readBallot, writeBallot } from './ballot-codec.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';

export function writeHeartbeatRequest(writer: ByteWriter, body: HeartbeatRequest): void {
  writer.u64(body.round, 'round');
  writer.u64(body.incarnation, 'incarnation');
  writer.u64(body.peerIncarnation, 'peerIncarnation');
}

export function readHeartbeatRequest(reader: ByteReader): HeartbeatRequest {
  return {
    kind: 'heartbeatRequest',
    round: reader.u64(),
    incarnation: reader.u64(),
    peerIncarnation: reader.u64(),
  };
}

export function writeHeartbeatReply(writer: ByteWriter, body: HeartbeatReply): void {
  writer.u64(body.round, 'round');
  writer.u64(body.incarnation, 'incarnation');
  writer.u64(body.peerIncarnation, 'peerIncarnation');
  writeBallot(writer, body.ballot, 'ballot');
  writeBallot(writer, body.leader, 'leader');
  writer.boolean(body.happy, 'happy');
  writeBallot(writer, body.promise, 'promise');
  writer.u64(body.acceptedIdx, 'acceptedIdx');
  writer.u64(body.decidedIdx, 'decidedIdx');
}

export function readHeartbeatReply(reader: ByteReader): HeartbeatReply {
  return {
    kind: 'heartbeatReply',
    round: reader.u64(),
    incarnation: reader.u64(),
    peerIncarnation: reader.u64(),
    ballot: readBallot(reader),
    leader: readBallot(reader),
    happy: reader.boolean(),
    promise: readBallot(reader),
    acceptedIdx: reader.u64(),
    decidedIdx: reader.u64(),
  };
}
