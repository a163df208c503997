import { z } from 'zod';
import { BALLOT_NUMBER_MAX, NODE_ID_MAX, type NodeId } from './ballot.js';

/** Sizes of the quorums, where majorities are not wanted (Flexible Paxos). */
export interface FlexibleQuorum {
  /** How many promises make a leader: within [2, nodes], and at least `writeQuorumSize`. */
  readonly readQuorumSize: number;
  /** How many acceptances decide: within [2, nodes]. Read + write must exceed the number of nodes. */
  readonly writeQuorumSize: number;
}

/** How long a lease of one configuration can last, for the one that follows it. */
export interface PreviousLease {
  readonly leaseMs: number;
  readonly maxClockDrift: number;
}

/**
 * Who takes part, and the rules that all must share. Every node of a configuration holds the same one: messages carry its
 * hash, and a peer with another hash is refused.
 */
export interface ClusterConfig {
  /** 1 for the first configuration of a cluster; each reconfiguration adds exactly 1: u32. */
  readonly configId: number;
  /** The members, distinct: 1 to 64. */
  readonly nodes: readonly NodeId[];
  /** Majority quorums if absent. */
  readonly flexibleQuorum?: FlexibleQuorum;
  /**
   * How long a leader's lease lasts, in whole ms, at most 3,600,000; 0 switches leases off. A node refuses
   * less than 2.5 of its election timeouts. `tsoracle init` takes 250.
   */
  readonly leaseMs: number;
  /** Bounds the ratio of any two members' clock rates, minus 1: within [0, 1]. `tsoracle init` takes 0.01. */
  readonly maxClockDrift: number;
  /**
   * What holds of leases in the configuration before this one: a leader of this one waits until they have run
   * out. Set by a reconfiguration; absent in the first configuration.
   */
  readonly previousLease?: PreviousLease;
}

/** How many nodes one configuration may have. */
export const CLUSTER_NODES_MAX = 64;

/** A node's number. */
export const nodeIdSchema = z
  .number()
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(NODE_ID_MAX, `must be at most ${NODE_ID_MAX}`);

const flexibleQuorumSchema = z.strictObject({
  readQuorumSize: z.number().int('must be a whole number').min(2, 'must be at least 2'),
  writeQuorumSize: z.number().int('must be a whole number').min(2, 'must be at least 2'),
});

const leaseMsSchema = z
  .number()
  .int('must be a whole number')
  .min(0, 'must be at least 0')
  .max(3_600_000, 'must be at most 3600000');

const maxClockDriftSchema = z.number().min(0, 'must be at least 0').max(1, 'must be at most 1');

/** Guards a ClusterConfig that comes from outside. */
export const clusterConfigSchema = z
  .strictObject({
    configId: z
      .number()
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(BALLOT_NUMBER_MAX, `must be at most ${BALLOT_NUMBER_MAX}`),
    nodes: z
      .array(nodeIdSchema)
      .min(1, 'must name at least one node')
      .max(CLUSTER_NODES_MAX, `must name at most ${CLUSTER_NODES_MAX} nodes`),
    flexibleQuorum: flexibleQuorumSchema.exactOptional(),
    leaseMs: leaseMsSchema,
    maxClockDrift: maxClockDriftSchema,
    previousLease: z
      .strictObject({ leaseMs: leaseMsSchema, maxClockDrift: maxClockDriftSchema })
      .exactOptional(),
  })
  .superRefine((config, context) => {
    const issue = (path: string[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    if (new Set(config.nodes).size !== config.nodes.length) issue(['nodes'], 'must be distinct');
    const quorum = config.flexibleQuorum;
    if (quorum === undefined) return;
    const size = config.nodes.length;
    if (quorum.readQuorumSize > size)
      issue(['flexibleQuorum', 'readQuorumSize'], `must be at most ${size}, the number of nodes`);
    if (quorum.writeQuorumSize > size)
      issue(['flexibleQuorum', 'writeQuorumSize'], `must be at most ${size}, the number of nodes`);
    if (quorum.readQuorumSize < quorum.writeQuorumSize) {
      issue(
        ['flexibleQuorum', 'readQuorumSize'],
        `must be at least writeQuorumSize (${quorum.writeQuorumSize})`,
      );
    }
    if (quorum.readQuorumSize + quorum.writeQuorumSize <= size) {
      issue(['flexibleQuorum'], `readQuorumSize + writeQuorumSize must exceed ${size}, the number of nodes`);
    }
  });

/**
 * 48 bits that stand for the whole config (FNV-1a over a canonical text, members in ascending order). Nodes whose hashes
 * differ under one configId must never talk to each other.
 */
export function hashClusterConfig(config: ClusterConfig): number {
  const canonical = JSON.stringify([
    config.configId,
    [...config.nodes].sort((a, b) => a - b),
    config.flexibleQuorum === undefined
      ? null
      : [config.flexibleQuorum.readQuorumSize, config.flexibleQuorum.writeQuorumSize],
    config.leaseMs,
    config.maxClockDrift,
    ...(config.previousLease === undefined
      ? []
      : [[config.previousLease.leaseMs, config.previousLease.maxClockDrift]]),
  ]);
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (let i = 0; i < canonical.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(canonical.charCodeAt(i))) * 0x100_0000_01b3n);
  }
  return Number(hash & 0xffff_ffff_ffffn);
}
