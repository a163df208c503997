import type { ClusterConfig } from './cluster-config.js';

/** How many nodes make each kind of quorum. Any read quorum intersects any write quorum. */
export interface QuorumSizes {
  /** Promises that make a leader, replies that make an election. */
  readonly read: number;
  /** Acceptances that decide. */
  readonly write: number;
}

/** The quorum sizes of a configuration: majorities, unless it has a flexible quorum. */
export function quorumSizes(config: ClusterConfig): QuorumSizes {
  const majority = Math.floor(config.nodes.length / 2) + 1;
  return {
    read: config.flexibleQuorum?.readQuorumSize ?? majority,
    write: config.flexibleQuorum?.writeQuorumSize ?? majority,
  };
}

/**
 * The highest index that at least `quorumSize` of the given indexes have reached; 0 if there are fewer indexes than that.
 */
export function quorumIndex(indexes: readonly number[], quorumSize: number): number {
  if (indexes.length < quorumSize) return 0;
  return [...indexes].sort((a, b) => b - a)[quorumSize - 1] ?? 0;
}
