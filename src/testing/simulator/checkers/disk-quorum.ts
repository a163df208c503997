import type { HighWaterCommand, HighWaterSnapshot } from '../../../high-water/index.js';
import type { ClusterConfig, NodeId, StableState } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';
import { describeRecord } from './reference-log.js';

type Disk = StableState<HighWaterCommand, HighWaterSnapshot>;

/**
 * Whatever is decided is on the disks of a write quorum of its configuration, and would be there after a power cut of them all. Invariant 7.
 * @throws {InvariantViolation} if it is not.
 */
export function requireOnWriteQuorum(
  idx: number,
  record: string,
  config: ClusterConfig,
  diskOf: (nodeId: NodeId) => Disk,
): void {
  const holders = config.nodes.filter((nodeId) => holds(diskOf(nodeId), idx, record));
  const needed = config.flexibleQuorum?.writeQuorumSize ?? Math.floor(config.nodes.length / 2) + 1;
  if (holders.length >= needed) return;
  throw new InvariantViolation(
    'a decided entry is on the disks of a write quorum',
    `"${record}" is decided at ${idx} and durable on nodes [${holders}] of [${config.nodes}], ${needed} are needed`,
  );
}

function holds(disk: Disk, idx: number, record: string): boolean {
  const compactedIdx = disk.snapshot?.compactedIdx ?? 0;
  if (idx < compactedIdx) return true;
  const held = disk.records[idx - compactedIdx];
  return held !== undefined && describeRecord(held) === record;
}
