import type { NodeId, OmniPaxos } from '../omnipaxos/index.js';
import type { Logger } from '../runtime/index.js';
import type { PeerIdentity, Storage } from '../storage/index.js';
import type { Hello } from '../transport/index.js';
import { type GateVerdict, judgeHello } from './identity-gate.js';

/** Who the peers are, as remembered durably, and which of them are connected. */
export class PeerTable<E, S> {
  readonly #storage: Storage<E, S>;
  readonly #core: OmniPaxos<E, S>;
  readonly #logger: Logger;
  readonly #ownClientEndpoint: string | undefined;
  #identities: ReadonlyMap<NodeId, PeerIdentity>;
  readonly #connected = new Map<NodeId, Hello>();
  /** Client endpoints stay known while their node is away: it is where the leader was last. */
  readonly #clientEndpoints = new Map<NodeId, string>();
  #remembered: Promise<void> = Promise.resolve();
  #refused = 0;

  constructor(
    storage: Storage<E, S>,
    core: OmniPaxos<E, S>,
    logger: Logger,
    ownClientEndpoint: string | undefined,
  ) {
    this.#storage = storage;
    this.#core = core;
    this.#logger = logger;
    this.#ownClientEndpoint = ownClientEndpoint;
    this.#identities = new Map(storage.peers().map((peer) => [peer.nodeId, peer]));
  }

  /** The peers that a connection is up to, ascending. */
  get connected(): readonly NodeId[] {
    return [...this.#connected.keys()].sort((a, b) => a - b);
  }

  /** How many Hellos were refused. */
  get refused(): number {
    return this.#refused;
  }

  clientEndpoint(nodeId: NodeId): string | undefined {
    return this.#clientEndpoints.get(nodeId);
  }

  /** This node's Hello, with everything that it remembers. */
  hello(): Hello {
    const { clusterId, nodeId, directoryId, incarnation, bootIds } = this.#storage.identity;
    const bootId = bootIds[incarnation - 1] ?? '';
    return {
      clusterId,
      nodeId,
      configId: this.#core.config.configId,
      configHash: this.#core.configHash,
      directoryId,
      incarnation,
      bootId,
      ...(this.#ownClientEndpoint === undefined ? {} : { clientEndpoint: this.#ownClientEndpoint }),
      members: [{ nodeId, directoryId, incarnation, bootId }, ...this.#identities.values()],
    };
  }

  /** Judges a Hello. What it teaches is durable when this resolves, before anything of that peer counts. Rejects if that fails. */
  async admit(hello: Hello): Promise<GateVerdict> {
    const verdict = judgeHello(hello, {
      identity: this.#storage.identity,
      config: this.#core.config,
      configHash: this.#core.configHash,
      peers: this.#identities,
    });
    if (verdict.kind !== 'admit') {
      this.#refused += 1;
      this.#logger.warn({ peer: hello.nodeId }, `a peer was refused: ${verdict.reason}`);
      return verdict;
    }
    if (verdict.peers !== undefined) {
      this.#identities = verdict.peers;
      this.#remembered = this.#storage.rememberPeers([...verdict.peers.values()]);
    }
    // Also when nothing is new: what an earlier Hello taught may still be on its way to the disk.
    await this.#remembered;
    return verdict;
  }

  /** @returns whether the peer's client endpoint has changed. */
  nowConnected(peer: Hello): boolean {
    this.#connected.set(peer.nodeId, peer);
    const before = this.#clientEndpoints.get(peer.nodeId);
    if (peer.clientEndpoint === undefined) this.#clientEndpoints.delete(peer.nodeId);
    else this.#clientEndpoints.set(peer.nodeId, peer.clientEndpoint);
    return before !== peer.clientEndpoint;
  }

  disconnected(nodeId: NodeId): void {
    this.#connected.delete(nodeId);
  }
}
