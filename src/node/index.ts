export { type GateFacts, type GateVerdict, judgeHello } from './identity-gate.js';
export type { NodeLeadership, NodeLease, PaxosNodeEvents } from './node-events.js';
export { type NodeTuning, nodeTuningSchema, type PaxosNodeOptions } from './node-options.js';
export type { NodeCounters, NodeLife, NodeStatus } from './node-status.js';
export { type NodeLog, PaxosNode } from './paxos-node.js';
export { describeStop, type StopReason } from './stop-reason.js';
