import type { CoreStatus, NodeId } from '../omnipaxos/index.js';
import type { PeerTransportStats } from '../transport/index.js';
import type { NodeLeadership } from './node-events.js';
import type { StopReason } from './stop-reason.js';

/** Where a node is in its life; it goes through these in order, and may skip some. */
export type NodeLife = 'new' | 'starting' | 'running' | 'stopped';

/** What a node has counted since it was made. */
export interface NodeCounters {
  /** Peers' messages that broke a rule of the protocol; each was dropped and logged. */
  readonly violations: number;
  /** Messages of another configuration. */
  readonly foreignConfigMessages: number;
  /** Ticks that came more than a heartbeat round late; their round was not judged. */
  readonly lateTicks: number;
  /** Event listeners that threw, or rejected. */
  readonly listenerErrors: number;
  /** Hellos of peers that were refused for their identity or configuration. */
  readonly refusedPeers: number;
  /** Messages of peers of which contradicting identities became known after they were admitted. */
  readonly disputedMessages: number;
  /** Received messages dropped since too many waited to be handled. */
  readonly inboundDropped: number;
  /** Received messages dropped, and proposals refused, since too many records waited for the disk. */
  readonly overloadRefusals: number;
  /** Own messages dropped since too many waited for the disk. */
  readonly heldMessagesDropped: number;
}

/** A read-only picture of one node, made anew for each call. */
export interface NodeStatus {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  /** 16 hexadecimal digits. */
  readonly directoryId: string;
  readonly incarnation: number;
  readonly life: NodeLife;
  /** How long this leader still waits for older leases to run out, in ms; 0 if it does not. It is not reported as leader meanwhile. */
  readonly leaseWaitMs: number;
  /** As this node reports it; {@link core} has the protocol's own view. */
  readonly role: NodeLeadership['role'];
  readonly core: CoreStatus;
  /** Ascending. */
  readonly connectedPeers: readonly NodeId[];
  /** Log records (every other write counted as one) that wait for the next fsync. */
  readonly gatheredWrites: number;
  /** Messages that wait for an fsync. */
  readonly heldMessages: number;
  readonly transport: PeerTransportStats;
  readonly counters: NodeCounters;
  /** Absent as long as the node has not stopped. */
  readonly stopped?: StopReason;
}
