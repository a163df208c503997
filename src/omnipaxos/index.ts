export type { AppendOptions, AppendResult } from './append-result.js';
export type { Ballot, NodeId } from './ballot.js';
export {
  BALLOT_NUMBER_MAX,
  BALLOT_ZERO,
  ballotsEqual,
  compareBallots,
  formatBallot,
  maxBallot,
  NODE_ID_MAX,
  PRIORITY_MAX,
} from './ballot.js';
export { BallotExhaustedError } from './ballot-leader-election.js';
export type { ClusterConfig, FlexibleQuorum, PreviousLease } from './cluster-config.js';
export { CLUSTER_NODES_MAX, clusterConfigSchema, hashClusterConfig, nodeIdSchema } from './cluster-config.js';
export type { CoreStatus, FollowerStatus } from './core-status.js';
export type { DecidedItem } from './decided-item.js';
export { cursorAfter, decidedItem } from './decided-item.js';
export type { FollowerStanding } from './follower-progress.js';
export type { LogRecord, LogSync, Snapshot, StopSign } from './log-record.js';
export type * from './messages.js';
export { nextConfigAfter } from './next-config.js';
export { OmniPaxos } from './omni-paxos.js';
export { type OmniPaxosOptions, omniPaxosOptionsSchema, prioritySchema } from './omni-paxos-options.js';
export type { Fact, LeadershipView, OutputBatch } from './output-batch.js';
export type { Phase, Role } from './paxos-state.js';
export { type QuorumSizes, quorumIndex, quorumSizes } from './quorum.js';
export type { ReconfigureResult, TransferResult } from './reconfigure-result.js';
export { LogRangeError } from './replicated-log.js';
export type { StableState, StableWrite } from './stable-state.js';
export { isDurableWrite } from './stable-state.js';
