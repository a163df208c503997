import { unreachable } from '../errors/index.js';
import type { Message, MessageKind, NodeId } from '../omnipaxos/index.js';
import type { Logger, NextTurn } from '../runtime/index.js';
import type { Admission, Hello, PeerTransportHandlers } from '../transport/index.js';
import { asError, type CoreRunner } from './core-runner.js';
import { type Inbound, InboundQueue } from './inbound-queue.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { PeerTable } from './peer-table.js';
import type { StopReason } from './stop-reason.js';

/** What peer traffic is made of. */
export interface PeerTrafficOptions<E, S> {
  readonly runner: CoreRunner<E, S>;
  readonly peers: PeerTable<E, S>;
  readonly leases: LeaseKeeper<E, S>;
  /** See {@link NodeTuning}. */
  readonly inboundQueueLimit: number;
  readonly inboundPerTurn: number;
  readonly nextTurn: NextTurn;
  readonly logger: Logger;
  /** Whether so much waits for the disk that no more records are taken. */
  readonly isOverloaded: () => boolean;
  /** The node must stop in this very turn, and {@link PeerTraffic.end} be called. */
  readonly mustStop: (reason: StopReason) => void;
}

/** What comes from the transport: judges which peers may take part, and gives the core what they say, in order, many messages a turn. */
export class PeerTraffic<E, S> implements PeerTransportHandlers<E, S> {
  readonly #options: PeerTrafficOptions<E, S>;
  readonly #inbound: InboundQueue<E, S>;
  /** The peers that were connected at any time in this life: members only. */
  readonly #met = new Set<NodeId>();
  #hasEnded = false;
  #refusedPeers = 0;
  #disputedMessages = 0;
  #overloadDrops = 0;

  constructor(options: PeerTrafficOptions<E, S>) {
    this.#options = options;
    this.#inbound = new InboundQueue({
      limit: options.inboundQueueLimit,
      perTurn: options.inboundPerTurn,
      nextTurn: options.nextTurn,
      handle: (inbound) => this.#handle(inbound),
    });
  }

  /** As {@link NodeCounters} has them; `overloadDrops` is the messages' part of `overloadRefusals`. */
  get counters() {
    return {
      refusedPeers: this.#refusedPeers,
      disputedMessages: this.#disputedMessages,
      overloadDrops: this.#overloadDrops,
      inboundDropped: this.#inbound.dropped,
    };
  }

  hello(): Hello {
    return this.#options.peers.hello();
  }

  async admit(hello: Hello): Promise<Admission> {
    if (this.#hasEnded) return STOPPED;
    const { logger, mustStop, peers } = this.#options;
    try {
      const verdict = await peers.admit(hello);
      if (this.#isEnded()) return STOPPED;
      if (verdict.kind === 'admit') return { ok: true };
      this.#refusedPeers += 1;
      logger.error({ peer: hello.nodeId }, `a peer was refused: ${verdict.reason}`);
      if (verdict.kind === 'refuseSelf') mustStop({ kind: 'refused', reason: verdict.reason });
      return { ok: false, reason: verdict.reason };
    } catch (error) {
      mustStop({ kind: 'storageFailed', error: asError(error) });
      return STOPPED;
    }
  }

  onConnected(peer: Hello): void {
    this.#options.peers.connect(peer);
    this.#inbound.push({ kind: 'connected', nodeId: peer.nodeId });
  }

  onDisconnected(nodeId: NodeId): void {
    this.#options.peers.disconnect(nodeId);
  }

  onMessage(message: Message<E, S>): void {
    this.#inbound.push({ kind: 'message', message });
  }

  /** Nothing that waits is handled any more, and nobody is admitted. */
  end(): void {
    this.#hasEnded = true;
    this.#inbound.end();
  }

  #handle(inbound: readonly Inbound<E, S>[]): void {
    const { leases, runner } = this.#options;
    for (const item of inbound) {
      if (item.kind === 'connected') this.#meet(item.nodeId);
      else if (this.#mayHandle(item.message)) {
        leases.receiving(item.message);
        runner.run((core) => core.handleIncoming(item.message));
      }
    }
    runner.carryOut();
  }

  /**
   * The round under way when a peer is met for the first time in this life has asked it in vain. Judged all the same, each node of a starting cluster would take itself for
   * cut off, and the first leader would be deposed at once. Only the first time: a connection that flaps must not keep rounds from ever being judged.
   */
  #meet(nodeId: NodeId): void {
    const { runner } = this.#options;
    if (!this.#met.has(nodeId)) runner.run((core) => core.tick({ late: true }));
    this.#met.add(nodeId);
    runner.run((core) => core.reconnected(nodeId));
  }

  #mayHandle(message: Message<E, S>): boolean {
    const { isOverloaded, peers } = this.#options;
    if (peers.isDisputed(message.from)) {
      this.#disputedMessages += 1;
      return false;
    }
    if (isOverloaded() && mayBringRecords(message.body.kind)) {
      this.#overloadDrops += 1;
      return false;
    }
    return true;
  }

  // A method, since the compiler takes a field for unchanged across an await.
  #isEnded(): boolean {
    return this.#hasEnded;
  }
}

const STOPPED: Admission = { ok: false, reason: 'this node has stopped' };

/** Whether handling such a message can add records to what waits for the disk. */
function mayBringRecords(kind: MessageKind): boolean {
  switch (kind) {
    case 'acceptSync':
    case 'acceptDecide':
    case 'promise':
    case 'proposalForward':
    case 'decidedSync':
      return true;
    case 'heartbeatRequest':
    case 'heartbeatReply':
    case 'prepare':
    case 'accepted':
    case 'decide':
    case 'prepareReq':
    case 'notAccepted':
    case 'takeLeadership':
    case 'configAhead':
    case 'fetchDecided':
      return false;
    default:
      return unreachable(kind);
  }
}
