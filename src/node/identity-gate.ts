import type { ClusterConfig, NodeId } from '../omnipaxos/index.js';
import type { PeerIdentity, StorageIdentity } from '../storage/index.js';
import type { Hello } from '../transport/index.js';

/** What a node knows when it judges a Hello. */
export interface GateFacts {
  readonly identity: StorageIdentity;
  readonly config: ClusterConfig;
  readonly configHash: number;
  /** The peers remembered, by node. */
  readonly peers: ReadonlyMap<NodeId, PeerIdentity>;
}

/** What a Hello means for this node. */
export type GateVerdict =
  /** The peer may take part; `peers` is the table to remember, if it has changed. */
  | { readonly kind: 'admit'; readonly peers: ReadonlyMap<NodeId, PeerIdentity> | undefined }
  /** The peer must not take part. */
  | { readonly kind: 'refuse'; readonly reason: string }
  /** This very node must not take part: its directory was wiped, rolled back or cloned. */
  | { readonly kind: 'refuseSelf'; readonly reason: string };

/** Judges a peer's Hello: pure. */
export function judgeHello(hello: Hello, facts: GateFacts): GateVerdict {
  const refusal = refuseCluster(hello, facts) ?? refuseIdentity(hello, facts.peers.get(hello.nodeId));
  const selfRefusal =
    hello.clusterId === facts.identity.clusterId ? refuseSelf(hello, facts.identity) : undefined;
  if (selfRefusal !== undefined) return { kind: 'refuseSelf', reason: selfRefusal };
  if (refusal !== undefined) return { kind: 'refuse', reason: refusal };
  return { kind: 'admit', peers: mergePeers(hello, facts) };
}

function refuseCluster(hello: Hello, { identity, config, configHash }: GateFacts): string | undefined {
  if (hello.clusterId !== identity.clusterId) {
    return `it belongs to cluster "${hello.clusterId}", this node to "${identity.clusterId}"`;
  }
  if (hello.nodeId === identity.nodeId) return `it claims to be node ${hello.nodeId}, as this node is`;
  if (!config.nodes.includes(hello.nodeId)) {
    return `node ${hello.nodeId} is not a member of configuration ${config.configId}`;
  }
  if (hello.configId === config.configId && hello.configHash !== configHash) {
    return `its configuration ${hello.configId} differs from the one here: members, quorums and leases must be the same everywhere`;
  }
  return undefined;
}

function refuseIdentity(hello: Hello, remembered: PeerIdentity | undefined): string | undefined {
  if (remembered === undefined) return undefined;
  if (remembered.directoryId !== hello.directoryId) {
    return `node ${hello.nodeId} is remembered with data directory ${remembered.directoryId}, not ${hello.directoryId}: a replacement needs a new node id`;
  }
  if (hello.incarnation < remembered.incarnation) {
    return `node ${hello.nodeId} was seen in incarnation ${remembered.incarnation}, now it is in ${hello.incarnation}: its data directory was rolled back`;
  }
  if (hello.incarnation === remembered.incarnation && hello.bootId !== remembered.bootId) {
    return `node ${hello.nodeId} was seen in incarnation ${hello.incarnation} with another bootId: its data directory was cloned or rolled back`;
  }
  return undefined;
}

/** What a peer remembers of this node must be in this directory's own history. */
function refuseSelf(hello: Hello, identity: StorageIdentity): string | undefined {
  const entry = hello.members.find((member) => member.nodeId === identity.nodeId);
  if (entry === undefined) return undefined;
  if (entry.directoryId !== identity.directoryId) {
    return `node ${hello.nodeId} remembers this node with data directory ${entry.directoryId}; this one is ${identity.directoryId}`;
  }
  if (identity.bootIds[entry.incarnation - 1] !== entry.bootId) {
    return `node ${hello.nodeId} remembers a life of this node (incarnation ${entry.incarnation}) that this data directory does not know`;
  }
  return undefined;
}

/** The table with what the Hello tells, highest incarnation first come; undefined if nothing is new. */
function mergePeers(hello: Hello, facts: GateFacts): ReadonlyMap<NodeId, PeerIdentity> | undefined {
  const { nodeId, directoryId, incarnation, bootId } = hello;
  const told: PeerIdentity[] = [{ nodeId, directoryId, incarnation, bootId }, ...hello.members];
  const merged = new Map(facts.peers);
  for (const peer of told) {
    if (peer.nodeId === facts.identity.nodeId || !facts.config.nodes.includes(peer.nodeId)) continue;
    const known = merged.get(peer.nodeId);
    const isNews =
      known === undefined || (known.directoryId === peer.directoryId && peer.incarnation > known.incarnation);
    if (!isNews) continue;
    merged.set(peer.nodeId, {
      nodeId: peer.nodeId,
      directoryId: peer.directoryId,
      incarnation: peer.incarnation,
      bootId: peer.bootId,
    });
  }
  const changed =
    merged.size !== facts.peers.size || [...merged].some(([node, peer]) => facts.peers.get(node) !== peer);
  return changed ? merged : undefined;
}
