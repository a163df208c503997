import type { ClusterConfig } from '../omnipaxos/index.js';

/** The first configuration of a new cluster: majority quorums, and the default lease. */
export function firstConfig(nodes: readonly number[]): ClusterConfig {
  return { configId: 1, nodes, leaseMs: 250, maxClockDrift: 0.01 };
}
