import { ByteReader, ByteWriter, MalformedError, readNodeId, writeNodeId } from '../codec/index.js';
import type { Hello, HelloMember } from './peer-transport.js';

/** "tsop": the first bytes of every handshake. */
const MAGIC = 0x74736f70;

/** Raised when frames, handshake or messages change so that older nodes cannot read them. */
export const PROTOCOL_VERSION = 1;

/** nodeId u48, directoryId u64, incarnation u64, bootId u64. */
const MEMBER_BYTES = 30;

/** A peer that speaks another version of this protocol. */
export class ProtocolVersionError extends MalformedError {
  readonly theirs: number;

  constructor(theirs: number) {
    super(`it speaks protocol version ${theirs}, this node speaks ${PROTOCOL_VERSION}`);
    this.theirs = theirs;
  }
}

/** A Hello as bytes: magic u32, version u16, then its fields. */
export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(MAGIC);
  writer.u16(PROTOCOL_VERSION);
  writer.string(hello.clusterId);
  writer.u32(hello.configId);
  writer.u48(hello.configHash);
  writer.string(hello.clientEndpoint ?? '');
  writeMember(writer, hello);
  writer.u32(hello.members.length);
  for (const member of hello.members) writeMember(writer, member);
  return writer.finish();
}

/**
 * @throws {ProtocolVersionError} for another version, whatever follows.
 * @throws {MalformedError} for anything that is no Hello.
 */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== MAGIC)
    throw new MalformedError('a handshake does not begin as one of this protocol does');
  const version = reader.u16();
  if (version !== PROTOCOL_VERSION) throw new ProtocolVersionError(version);
  const clusterId = reader.string();
  const configId = reader.u32();
  const configHash = reader.u48();
  const clientEndpoint = reader.string();
  const self = readMember(reader);
  const members = Array.from({ length: reader.count(MEMBER_BYTES) }, () => readMember(reader));
  reader.end();
  return {
    clusterId,
    configId,
    configHash,
    ...self,
    ...(clientEndpoint === '' ? {} : { clientEndpoint }),
    members,
  };
}

function writeMember(writer: ByteWriter, member: HelloMember): void {
  writeNodeId(writer, member.nodeId, 'nodeId');
  writer.hex64(member.directoryId);
  writer.u64(member.incarnation);
  writer.hex64(member.bootId);
}

function readMember(reader: ByteReader): HelloMember {
  return {
    nodeId: readNodeId(reader, 'nodeId'),
    directoryId: reader.hex64(),
    incarnation: reader.u64(),
    bootId: reader.hex64(),
  };
}
