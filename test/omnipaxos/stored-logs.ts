import type { Ballot, NodeId, StableState } from '../../src/omnipaxos/index.js';
import { CoreCluster, entryRecord } from './core-cluster.js';

/** What a node's stable storage holds of a log. */
export interface LogShape {
  /** All entries from index 0 on; those below `compactedIdx` are in a snapshot, joined by commas. */
  readonly log: readonly string[];
  readonly acceptedRound: Ballot;
  /** If absent, the accepted round. */
  readonly promise?: Ballot;
  readonly decidedIdx?: number;
  readonly compactedIdx?: number;
}

export function round(n: number, pid: NodeId): Ballot {
  return { configId: 1, n, priority: 0, pid };
}

/** A cluster of three whose nodes are all down; each finds its log when it is restarted. */
export function clusterOf(shapes: Readonly<Record<NodeId, LogShape>>): CoreCluster {
  const cluster = new CoreCluster(3);
  for (const pid of cluster.nodes.keys()) cluster.crash(pid);
  for (const [pid, shape] of Object.entries(shapes))
    cluster.node(Number(pid)).disk.replace(stateOf(cluster, shape));
  return cluster;
}

export function stateOf(
  cluster: CoreCluster,
  { log, acceptedRound, promise = acceptedRound, decidedIdx = 0, compactedIdx = 0 }: LogShape,
): StableState<string, string> {
  return {
    config: cluster.config,
    promise,
    acceptedRound,
    decidedIdx,
    records: log.slice(compactedIdx).map(entryRecord),
    ...(compactedIdx === 0
      ? {}
      : { snapshot: { value: log.slice(0, compactedIdx).join(','), compactedIdx, config: cluster.config } }),
  };
}

/** The decided entries of a node, with its snapshot spelled out. */
export function decidedEntries(cluster: CoreCluster, pid: NodeId): string[] {
  return cluster
    .decided(pid)
    .flatMap((entry) => (entry.startsWith('<') ? entry.slice(1, -1).split(',') : [entry]));
}
