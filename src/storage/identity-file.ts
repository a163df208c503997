import { crc32 } from 'node:zlib';
import {
  ByteReader,
  ByteWriter,
  MalformedError,
  readClusterConfig,
  readNodeId,
  writeClusterConfig,
  writeNodeId,
} from '../codec/index.js';
import type { ClusterConfig, NodeId } from '../omnipaxos/index.js';
import { checkFormatVersion, FORMAT_VERSION } from './format-version.js';
import type { DirectoryId } from './storage.js';
import { StorageCorruptError } from './storage-error.js';

/** Who a data directory belongs to: written once by `init`, never changed. */
export interface DirectoryIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly directoryId: DirectoryId;
  /** The configuration that the cluster began with; the journal knows the one in force. */
  readonly initialConfig: ClusterConfig;
  /** Where the other members of the initial configuration listen for their peers: `host:port`. */
  readonly peerAddresses: ReadonlyMap<NodeId, string>;
}

const MAGIC = new TextEncoder().encode('TSOIDENT');
const CRC_AT = MAGIC.length;
const BODY_AT = CRC_AT + 4;

/** Larger than any identity of 64 nodes with the longest addresses. */
export const IDENTITY_BYTES_MAX = 64 * 1024;

/** magic, CRC-32 of what follows, format version, and the identity. */
export function encodeIdentity(identity: DirectoryIdentity): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(MAGIC);
  writer.u32(0);
  writer.u16(FORMAT_VERSION);
  writer.string(identity.clusterId, 'clusterId');
  writeNodeId(writer, identity.nodeId, 'nodeId');
  writer.hex64(identity.directoryId, 'directoryId');
  writeClusterConfig(writer, identity.initialConfig);
  writer.u32(identity.peerAddresses.size);
  for (const [nodeId, address] of [...identity.peerAddresses].sort(([a], [b]) => a - b)) {
    writeNodeId(writer, nodeId, 'peerAddresses');
    writer.string(address, `peerAddresses.${nodeId}`);
  }
  writer.patchU32(CRC_AT, crc32(writer.written(BODY_AT)));
  return writer.finish();
}

/**
 * @throws {StorageCorruptError} if the bytes are not what {@link encodeIdentity} wrote.
 * @throws {StorageError} `storage_format` if they are, in another format.
 */
export function decodeIdentity(bytes: Uint8Array, file: string): DirectoryIdentity {
  try {
    const reader = new ByteReader(bytes);
    if (Buffer.compare(reader.raw(MAGIC.length), MAGIC) !== 0) throw new MalformedError('it has no identity');
    if (reader.u32() !== crc32(bytes.subarray(BODY_AT))) throw new MalformedError('its checksum is wrong');
    checkFormatVersion(file, reader.u16());
    const identity = readIdentity(reader);
    reader.end();
    return identity;
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause;
    throw new StorageCorruptError(file, cause.message, { cause });
  }
}

function readIdentity(reader: ByteReader): DirectoryIdentity {
  const clusterId = reader.string();
  const nodeId = readNodeId(reader, 'nodeId');
  const directoryId = reader.hex64();
  const initialConfig = readClusterConfig(reader);
  const count = reader.count(6 + 4);
  const peerAddresses = new Map<NodeId, string>();
  for (let i = 0; i < count; i++) peerAddresses.set(readNodeId(reader, 'peerAddresses'), reader.string());
  return { clusterId, nodeId, directoryId, initialConfig, peerAddresses };
}
