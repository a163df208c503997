import type { CoreStatus, NodeId } from '../omnipaxos/index.js';
import type { PeerTransportStats } from '../transport/index.js';
import type { StopReason } from './stop-reason.js';

/** What a node has counted since it was made. */
export interface NodeCounters {
  /** Peers' messages that broke a rule of the protocol; each was dropped and logged. */
  readonly violations: number;
  /** Messages of another configuration. */
  readonly foreignConfigMessages: number;
  /** Heartbeat rounds that were not judged because their tick came late. */
  readonly lateTicks: number;
  /** Event listeners that threw. */
  readonly listenerErrors: number;
  /** Peers refused by their identity or configuration. */
  readonly refusedPeers: number;
}

/** A read-only picture of one node, made anew for each call. */
export interface NodeStatus {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  /** 16 hexadecimal digits. */
  readonly directoryId: string;
  readonly incarnation: number;
  readonly core: CoreStatus;
  readonly connectedPeers: readonly NodeId[];
  /** Batches that wait for the next fsync. */
  readonly heldBatches: number;
  readonly transport: PeerTransportStats;
  readonly counters: NodeCounters;
  /** Absent while the node runs, or has not been started. */
  readonly stopped?: StopReason;
}
