import { parseInput } from '../errors/index.js';
import { type ClusterConfig, clusterConfigSchema } from '../omnipaxos/index.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { MalformedError } from './malformed-error.js';

/** The flags that say which of the optional parts follow. */
const HAS_QUORUM = 1;
const HAS_PREVIOUS_LEASE = 2;

/** The fewest bytes that a config takes: configId, count, one node, flags, leaseMs, drift. */
export const CLUSTER_CONFIG_BYTES_MIN = 4 + 4 + 6 + 1 + 4 + 8;

/**
 * A config that keeps its own rules: one that does not would stand on disk and never be readable again.
 * @throws {InvalidInputError} naming the field that breaks a rule.
 */
export function writeClusterConfig(writer: ByteWriter, config: ClusterConfig, field = 'config'): void {
  parseInput(clusterConfigSchema, config, field);
  writer.u32(config.configId);
  writer.u32(config.nodes.length);
  for (const nodeId of config.nodes) writer.u48(nodeId);
  const quorum = config.flexibleQuorum;
  const { previousLease } = config;
  writer.u8((quorum === undefined ? 0 : HAS_QUORUM) + (previousLease === undefined ? 0 : HAS_PREVIOUS_LEASE));
  if (quorum !== undefined) {
    writer.u16(quorum.readQuorumSize);
    writer.u16(quorum.writeQuorumSize);
  }
  writer.u32(config.leaseMs);
  writer.f64(config.maxClockDrift);
  if (previousLease !== undefined) {
    writer.u32(previousLease.leaseMs);
    writer.f64(previousLease.maxClockDrift);
  }
}

export function readClusterConfig(reader: ByteReader): ClusterConfig {
  const configId = reader.u32();
  const count = reader.count(6);
  const nodes: number[] = [];
  for (let i = 0; i < count; i++) nodes.push(reader.u48());
  const flags = reader.u8();
  if (flags > HAS_QUORUM + HAS_PREVIOUS_LEASE) {
    throw new MalformedError(`a cluster config has the flags ${flags}`);
  }
  const hasPreviousLease = flags >= HAS_PREVIOUS_LEASE;
  const quorum =
    flags % HAS_PREVIOUS_LEASE === HAS_QUORUM
      ? { flexibleQuorum: { readQuorumSize: reader.u16(), writeQuorumSize: reader.u16() } }
      : {};
  const config: ClusterConfig = {
    configId,
    nodes,
    ...quorum,
    leaseMs: reader.u32(),
    maxClockDrift: reader.f64(),
    ...(hasPreviousLease ? { previousLease: { leaseMs: reader.u32(), maxClockDrift: reader.f64() } } : {}),
  };
  const checked = clusterConfigSchema.safeParse(config);
  if (!checked.success) {
    throw new MalformedError('a cluster config breaks its rules', { cause: checked.error });
  }
  return config;
}
