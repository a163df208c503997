import { parseInput } from '../errors/index.js';
import { type ClusterConfig, clusterConfigSchema } from '../omnipaxos/index.js';
import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { MalformedError } from './malformed-error.js';

/** The fewest bytes that a config takes: configId, count, one node, flag, leaseMs, drift. */
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
  writer.boolean(quorum !== undefined);
  if (quorum !== undefined) {
    writer.u16(quorum.readQuorumSize);
    writer.u16(quorum.writeQuorumSize);
  }
  writer.u32(config.leaseMs);
  writer.f64(config.maxClockDrift);
}

export function readClusterConfig(reader: ByteReader): ClusterConfig {
  const configId = reader.u32();
  const count = reader.count(6);
  const nodes: number[] = [];
  for (let i = 0; i < count; i++) nodes.push(reader.u48());
  const quorum = reader.boolean()
    ? { flexibleQuorum: { readQuorumSize: reader.u16(), writeQuorumSize: reader.u16() } }
    : {};
  const config: ClusterConfig = {
    configId,
    nodes,
    ...quorum,
    leaseMs: reader.u32(),
    maxClockDrift: reader.f64(),
  };
  const checked = clusterConfigSchema.safeParse(config);
  if (!checked.success) {
    throw new MalformedError('a cluster config breaks its rules', { cause: checked.error });
  }
  return config;
}
