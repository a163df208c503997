import type { NodeLeadership } from '../node/index.js';
import type { NodeId } from '../omnipaxos/index.js';
import { type Clock, withResolvers } from '../runtime/index.js';
import type { HighWaterNode } from './node-high-water-host.js';

/** What a hand-over needs of its node. */
export type LeadingNode = Pick<HighWaterNode, 'events' | 'leadership' | 'status' | 'transferLeadership'>;

/**
 * Gives the leadership of this node, if it leads, to the connected follower whose log is furthest.
 *
 * Resolves, and never rejects: with true once this node follows another leader; with false if it does not lead, has nobody to hand over to, or has not come to follow anybody within
 * `timeoutMs`.
 */
export async function handOverLeadership(
  node: LeadingNode,
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  const target = furthestFollower(node);
  if (target === undefined || !node.transferLeadership(target).ok) return false;
  const { promise, resolve } = withResolvers<boolean>();
  const onLeadership = ({ role }: NodeLeadership): void => {
    if (role === 'follower') resolve(true);
  };
  const onStopped = (): void => resolve(false);
  node.events.on('leadership', onLeadership);
  node.events.on('stopped', onStopped);
  const timer = clock.setTimer(timeoutMs, () => resolve(false));
  try {
    return await promise;
  } finally {
    timer.cancel();
    node.events.off('leadership', onLeadership);
    node.events.off('stopped', onStopped);
  }
}

function furthestFollower(node: LeadingNode): NodeId | undefined {
  const { connectedPeers, core } = node.status();
  const [furthest] = core.followers
    .filter(({ nodeId, standing }) => standing === 'synced' && connectedPeers.includes(nodeId))
    .sort((a, b) => b.acceptedIdx - a.acceptedIdx);
  return furthest?.nodeId;
}
