import { ByteReader, ByteWriter, MalformedError, readNodeId, writeNodeId } from '../codec/index.js';
import type { Hello, HelloMember } from './peer-transport.js';

/** "tsop": the first bytes of every Hello. */
const MAGIC = 0x74736f70;

/**
 * Raised when frames, handshake or messages change so that older nodes cannot read them. The frame format, the kinds `hello` and
 * `refused`, and the first six bytes of a Hello stay as they are for ever, so that any two versions can tell each other.
 */
export const PROTOCOL_VERSION = 1;

/** nodeId u48, directoryId u64, incarnation u64, bootId u64. */
const MEMBER_BYTES = 6 + 8 + 8 + 8;

/** A peer that speaks another version of this protocol. */
export class ProtocolVersionError extends MalformedError {
  /** The version that it speaks. */
  readonly theirs: number;

  constructor(theirs: number) {
    super(
      `protocol version ${theirs} is not ${PROTOCOL_VERSION}, the one spoken here: upgrade the older node`,
    );
    this.theirs = theirs;
  }
}

/** A Hello as bytes: magic u32, version u16, then its fields. */
export function encodeHello(hello: Hello, version = PROTOCOL_VERSION): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(MAGIC);
  writer.u16(version);
  writer.string(hello.clusterId, 'clusterId');
  writer.u32(hello.configId, 'configId');
  writer.u48(hello.configHash, 'configHash');
  writer.boolean(hello.clientEndpoint !== undefined);
  if (hello.clientEndpoint !== undefined) writer.string(hello.clientEndpoint, 'clientEndpoint');
  writeMember(writer, hello, 'hello');
  writer.u32(hello.members.length, 'members.length');
  hello.members.forEach((member, i) => {
    writeMember(writer, member, `members.${i}`);
  });
  return writer.finish();
}

/**
 * @throws {ProtocolVersionError} for another version, whatever follows.
 * @throws {MalformedError} for anything that is no Hello.
 */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== MAGIC) throw new MalformedError('it does not begin as a Hello of this protocol does');
  const version = reader.u16();
  if (version !== PROTOCOL_VERSION) throw new ProtocolVersionError(version);
  const clusterId = reader.string();
  const configId = reader.u32();
  const configHash = reader.u48();
  const endpoint = reader.boolean() ? { clientEndpoint: reader.string() } : {};
  const self = readMember(reader, 'hello');
  const members: HelloMember[] = [];
  for (let left = reader.count(MEMBER_BYTES); left > 0; left--) members.push(readMember(reader, 'members'));
  reader.end();
  return { clusterId, configId, configHash, ...self, ...endpoint, members };
}

function writeMember(writer: ByteWriter, member: HelloMember, field: string): void {
  writeNodeId(writer, member.nodeId, `${field}.nodeId`);
  writer.hex64(member.directoryId, `${field}.directoryId`);
  writer.u64(member.incarnation, `${field}.incarnation`);
  writer.hex64(member.bootId, `${field}.bootId`);
}

function readMember(reader: ByteReader, field: string): HelloMember {
  return {
    nodeId: readNodeId(reader, `${field}.nodeId`),
    directoryId: reader.hex64(),
    incarnation: reader.u64(),
    bootId: reader.hex64(),
  };
}
