import type { ClusterConfig } from '../omnipaxos/index.js';
import type { PeerIdentity, StorageIdentity } from '../storage/index.js';
import type { Hello, HelloMember } from '../transport/index.js';
import { contradiction, type PeerMemory, remember } from './peer-memory.js';

/** How many nodes are remembered, members or not: further ones that are not members are refused. */
const REMEMBERED_NODES_MAX = 4_096;

/** What a node knows when it judges a Hello. */
export interface GateFacts {
  readonly identity: StorageIdentity;
  readonly config: ClusterConfig;
  readonly configHash: number;
  readonly memory: PeerMemory;
}

/** What a Hello means for this node. */
export type GateVerdict =
  /** The peer may take part, once `memory` is durable; it is the very same object if nothing is new. */
  | { readonly kind: 'admit'; readonly memory: PeerMemory }
  /** The peer must not take part. */
  | { readonly kind: 'refuse'; readonly reason: string }
  /** This very node must not take part: its directory was wiped, rolled back or cloned. */
  | { readonly kind: 'refuseSelf'; readonly reason: string };

/**
 * Judges a peer's Hello. Both sides of a connection do, so that one that was wiped, rolled back or cloned is found out by either: by what its
 * peer remembers of it, or by what it finds remembered of itself.
 */
export function judgeHello(hello: Hello, facts: GateFacts): GateVerdict {
  const foreign = refuseForeign(hello, facts);
  if (foreign !== undefined) return { kind: 'refuse', reason: foreign };
  const ownLife = refuseSelf(hello, facts.identity);
  if (ownLife !== undefined) return { kind: 'refuseSelf', reason: ownLife };
  const reason = contradiction(facts.memory, hello) ?? refuseHistory(hello, facts.memory);
  if (reason !== undefined) return { kind: 'refuse', reason };
  return { kind: 'admit', memory: learn(hello, facts) };
}

/**
 * Whoever is not of this cluster, or sees this configuration otherwise; what it remembers is of no concern here. A node that is not a member may connect: one that is behind must
 * learn what has become of the cluster, and a future member must obtain its state.
 */
function refuseForeign(
  hello: Hello,
  { identity, config, configHash, memory }: GateFacts,
): string | undefined {
  if (hello.clusterId !== identity.clusterId) {
    return `it belongs to cluster ${JSON.stringify(hello.clusterId)}, this node to ${JSON.stringify(identity.clusterId)}`;
  }
  if (hello.nodeId === identity.nodeId) return `it claims to be node ${hello.nodeId}, as this node does`;
  if (
    !config.nodes.includes(hello.nodeId) &&
    !memory.has(hello.nodeId) &&
    memory.size >= REMEMBERED_NODES_MAX
  ) {
    return `node ${hello.nodeId} is not a member of configuration ${config.configId}, and ${memory.size} nodes are remembered already`;
  }
  if (hello.configId === config.configId && hello.configHash !== configHash) {
    return `its configuration ${hello.configId} differs from the one here: members, quorums and leases must be the same on all nodes`;
  }
  return undefined;
}

/** Every life of this node that a peer has seen must be in this directory's own history. */
function refuseSelf(hello: Hello, identity: StorageIdentity): string | undefined {
  for (const seen of hello.members) {
    if (seen.nodeId !== identity.nodeId) continue;
    if (seen.directoryId !== identity.directoryId) {
      return `node ${hello.nodeId} remembers this node with data directory ${seen.directoryId}, not ${identity.directoryId}`;
    }
    if (identity.bootIds[seen.incarnation - 1] !== seen.bootId) {
      return `node ${hello.nodeId} remembers a life of this node (incarnation ${seen.incarnation}) that is not in the history of its data directory`;
    }
  }
  return undefined;
}

/**
 * A peer in a later life than it is remembered in must state that one among its earlier lives. It refuses itself if it
 * cannot; but it may not live to make that durable, and would come back in a life that is remembered by then.
 */
function refuseHistory(hello: Hello, memory: PeerMemory): string | undefined {
  for (const life of hello.members) {
    if (life.nodeId !== hello.nodeId || life.incarnation > hello.incarnation) continue;
    const known = memory.get(life.nodeId)?.find(({ incarnation }) => incarnation === life.incarnation);
    if (known !== undefined && known.bootId !== life.bootId) {
      return `node ${life.nodeId} was seen in incarnation ${life.incarnation} with another bootId than its data directory tells now: that was cloned or rolled back`;
    }
  }
  return undefined;
}

/** The memory with the peer itself, and with what it remembers of other members. */
function learn(hello: Hello, { identity, config, memory }: GateFacts): PeerMemory {
  let learned = remember(memory, identityOf(hello));
  for (const member of hello.members) {
    const isThirdMember =
      member.nodeId !== identity.nodeId &&
      member.nodeId !== hello.nodeId &&
      config.nodes.includes(member.nodeId);
    if (isThirdMember) learned = remember(learned, identityOf(member));
  }
  return learned;
}

function identityOf({ nodeId, directoryId, incarnation, bootId }: Hello | HelloMember): PeerIdentity {
  return { nodeId, directoryId, incarnation, bootId };
}
