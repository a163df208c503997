import type { NodeId, OmniPaxos } from '../omnipaxos/index.js';
import type { Storage } from '../storage/index.js';
import type { Hello, HelloMember } from '../transport/index.js';
import { type GateVerdict, judgeHello } from './identity-gate.js';
import { isEndpoint } from './node-options.js';
import { identitiesOf, isDisputed, memoryOf, type PeerMemory } from './peer-memory.js';

/** How many of its latest lives a node states, for its peers to compare with what they remember. */
const STATED_LIVES = 64;

/** Who the peers are, as remembered durably, which of them are connected, and where they serve clients. */
export class PeerTable<E, S> {
  readonly #storage: Storage<E, S>;
  readonly #core: OmniPaxos<E, S>;
  readonly #ownClientEndpoint: string | undefined;
  /** What is durable of it. */
  #memory: PeerMemory;
  readonly #connected = new Set<NodeId>();
  /** Client endpoints stay known while their node is away: it is where the leader was last. */
  readonly #clientEndpoints = new Map<NodeId, string>();
  #lastJudged: Promise<unknown> = Promise.resolve();

  constructor(storage: Storage<E, S>, core: OmniPaxos<E, S>, ownClientEndpoint: string | undefined) {
    this.#storage = storage;
    this.#core = core;
    this.#ownClientEndpoint = ownClientEndpoint;
    this.#memory = memoryOf(storage.peers());
  }

  /** The peers that a connection is up to, ascending. */
  get connected(): readonly NodeId[] {
    return [...this.#connected].sort((a, b) => a - b);
  }

  clientEndpoint(nodeId: NodeId): string | undefined {
    return this.#clientEndpoints.get(nodeId);
  }

  /** Whether contradicting identities of this peer are known: it must not take part, even over a connection that was admitted before. */
  isDisputed(nodeId: NodeId): boolean {
    return isDisputed(this.#memory, nodeId);
  }

  /** This node's Hello, with everything that it remembers. */
  hello(): Hello {
    const { clusterId, nodeId, directoryId, incarnation, bootIds } = this.#storage.identity;
    // The list has one entry for each opening, this one's last.
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
      members: [...this.#ownLives(), ...identitiesOf(this.#memory)],
    };
  }

  /** This life, and those before it, the latest first. */
  #ownLives(): HelloMember[] {
    const { nodeId, directoryId, incarnation, bootIds } = this.#storage.identity;
    const firstIdx = Math.max(0, incarnation - STATED_LIVES);
    const stated = bootIds.slice(firstIdx, incarnation);
    return stated
      .map((bootId, i) => ({ nodeId, directoryId, incarnation: firstIdx + i + 1, bootId }))
      .reverse();
  }

  /**
   * Judges a Hello, one at a time: each by what all earlier ones have taught. What it teaches is durable when this resolves, before anything of
   * that peer counts. Rejects if the storage fails.
   */
  admit(hello: Hello): Promise<GateVerdict> {
    const verdict = this.#lastJudged.then(() => this.#judge(hello));
    this.#lastJudged = verdict.catch(() => {});
    return verdict;
  }

  /** Resolves, and never rejects, once no Hello is being judged. */
  async idle(): Promise<void> {
    await this.#lastJudged;
  }

  connect(peer: Hello): void {
    this.#connected.add(peer.nodeId);
    const { clientEndpoint } = peer;
    // It comes from outside, and goes on to clients.
    if (clientEndpoint === undefined || !isEndpoint(clientEndpoint))
      this.#clientEndpoints.delete(peer.nodeId);
    else this.#clientEndpoints.set(peer.nodeId, clientEndpoint);
  }

  disconnect(nodeId: NodeId): void {
    this.#connected.delete(nodeId);
  }

  async #judge(hello: Hello): Promise<GateVerdict> {
    const { config, configHash } = this.#core;
    const verdict = judgeHello(hello, {
      identity: this.#storage.identity,
      config,
      configHash,
      memory: this.#memory,
    });
    if (verdict.kind === 'admit' && verdict.memory !== this.#memory) {
      await this.#storage.rememberPeers(identitiesOf(verdict.memory));
      this.#memory = verdict.memory;
    }
    return verdict;
  }
}
