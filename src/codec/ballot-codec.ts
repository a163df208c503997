import { InvalidInputError } from '../errors/index.js';
import { BALLOT_ZERO, type Ballot, ballotsEqual, type NodeId } from '../omnipaxos/index.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { MalformedError } from './malformed-error.js';

/** configId u32, n u32, priority u16, pid u48. */
export const BALLOT_BYTES = 16;

/** @throws {InvalidInputError} naming the part that is out of range. */
export function writeBallot(writer: ByteWriter, ballot: Ballot, field: string): void {
  writer.u32(ballot.configId, `${field}.configId`);
  writer.u32(ballot.n, `${field}.n`);
  writer.u16(ballot.priority, `${field}.priority`);
  writer.u48(ballot.pid, `${field}.pid`);
}

export function readBallot(reader: ByteReader): Ballot {
  const configId = reader.u32();
  const n = reader.u32();
  const priority = reader.u16();
  const pid = reader.u48();
  const ballot = { configId, n, priority, pid };
  return ballotsEqual(ballot, BALLOT_ZERO) ? BALLOT_ZERO : ballot;
}

/** A node's number in 6 bytes; 0, which stands for no node, is refused. */
export function writeNodeId(writer: ByteWriter, nodeId: NodeId, field: string): void {
  if (nodeId === 0) throw new InvalidInputError(field, nodeId, 'must be at least 1');
  writer.u48(nodeId, field);
}

export function readNodeId(reader: ByteReader, field: string): NodeId {
  const nodeId = reader.u48();
  if (nodeId === 0) throw new MalformedError(`${field}: a node's number is 0`);
  return nodeId;
}
