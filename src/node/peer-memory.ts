import type { NodeId } from '../omnipaxos/index.js';
import type { PeerIdentity } from '../storage/index.js';

/**
 * What is remembered of each peer: one identity; or two that contradict each other, once other nodes' tables have told of both. Such a
 * node was wiped, rolled back or cloned, each of its directories may have voted, and none of them passes any more.
 */
export type PeerMemory = ReadonlyMap<NodeId, readonly PeerIdentity[]>;

/** The memory that a storage holds. */
export function memoryOf(peers: readonly PeerIdentity[]): PeerMemory {
  const memory = new Map<NodeId, readonly PeerIdentity[]>();
  for (const peer of peers) memory.set(peer.nodeId, [...(memory.get(peer.nodeId) ?? []), peer]);
  return memory;
}

/** The entries of a memory, as a storage keeps them and a Hello tells them. */
export function identitiesOf(memory: PeerMemory): readonly PeerIdentity[] {
  return [...memory.values()].flat();
}

/** Whether contradicting identities of this node are remembered. */
export function isDisputed(memory: PeerMemory, nodeId: NodeId): boolean {
  return (memory.get(nodeId)?.length ?? 0) > 1;
}

/** The memory with what was told added; the very same object if nothing of it is new. */
export function remember(memory: PeerMemory, told: PeerIdentity): PeerMemory {
  const known = memory.get(told.nodeId) ?? [];
  const [only] = known;
  if (only === undefined) return new Map([...memory, [told.nodeId, [told]]]);
  if (known.length > 1) return memory;
  const isOther =
    only.directoryId !== told.directoryId ||
    (only.incarnation === told.incarnation && only.bootId !== told.bootId);
  if (isOther) return new Map([...memory, [told.nodeId, [only, told]]]);
  if (told.incarnation <= only.incarnation) return memory;
  return new Map([...memory, [told.nodeId, [told]]]);
}

/** Why a node that states this identity contradicts the memory; undefined if it does not. */
export function contradiction(memory: PeerMemory, stated: PeerIdentity): string | undefined {
  const { nodeId, directoryId, incarnation, bootId } = stated;
  if (isDisputed(memory, nodeId)) {
    return `node ${nodeId} is known with two contradicting identities: it was wiped, rolled back or cloned, and needs to be replaced under a new node id`;
  }
  const [known] = memory.get(nodeId) ?? [];
  if (known === undefined) return undefined;
  if (known.directoryId !== directoryId) {
    return `node ${nodeId} is remembered with data directory ${known.directoryId}, not ${directoryId}: a replacement needs a new node id`;
  }
  if (incarnation < known.incarnation) {
    return `node ${nodeId} was seen in incarnation ${known.incarnation}, now it states ${incarnation}: its data directory was rolled back`;
  }
  if (incarnation === known.incarnation && bootId !== known.bootId) {
    return `node ${nodeId} was seen in incarnation ${incarnation} with another bootId: its data directory was cloned or rolled back`;
  }
  return undefined;
}
