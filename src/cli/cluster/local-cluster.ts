import { EventEmitter } from 'eventemitter3';
import { TsoracleError } from '../../errors/index.js';
import type { NodeId } from '../../omnipaxos/index.js';
import { type Clock, deferWithDeadline } from '../../runtime/index.js';
import type { LogLevel } from '../logging.js';
import type { StatusLine } from '../serve/status-line.js';
import type { ChildExit } from './child.js';
import type { Children } from './children.js';
import type { NodePlace } from './layout.js';
import { NodeProcess } from './node-process.js';

/** What happens in a local cluster. */
export interface LocalClusterEvents {
  /** Some node has told a status, or has ended. */
  readonly change: () => void;
  /**
   * A leadership of a higher epoch than any before has begun to serve; `first`: the first one of this run.
   */
  readonly leader: (leader: {
    readonly nodeId: NodeId;
    readonly epoch: bigint;
    readonly first: boolean;
  }) => void;
  /**
   * A node's process is ready; `again`: after an earlier one had ended. Comes before the status that says so
   * counts.
   */
  readonly ready: (node: { readonly nodeId: NodeId; readonly pid: number; readonly again: boolean }) => void;
  /** A node that was ready has ended without being asked to; it will be started again. */
  readonly ended: (nodeId: NodeId, exit: ChildExit) => void;
  /** A node cannot be started: the cluster is of no use any more. */
  readonly failed: (error: TsoracleError) => void;
}

export interface LocalClusterOptions {
  readonly places: readonly NodePlace[];
  readonly children: Children;
  readonly logLevel: LogLevel;
  readonly clock: Clock;
}

/** The node processes of one cluster on this machine, and what they tell of themselves. */
export class LocalCluster {
  readonly events = new EventEmitter<LocalClusterEvents>();
  readonly #clock: Clock;
  readonly #nodes: readonly NodeProcess[];
  #highestEpoch: bigint | undefined;
  #failovers = 0;
  #unexpectedExits = 0;
  #highWater = 0;
  #decidedIdx = 0;

  constructor({ places, children, logLevel, clock }: LocalClusterOptions) {
    this.#clock = clock;
    const handlers = {
      onReady: (node: NodeProcess, { pid }: StatusLine, again: boolean): void =>
        void this.events.emit('ready', { nodeId: node.place.nodeId, pid, again }),
      onStatus: (node: NodeProcess, status: StatusLine): void => this.#onStatus(node, status),
      onEnded: (node: NodeProcess, exit: ChildExit): void => {
        this.#unexpectedExits++;
        this.events.emit('ended', node.place.nodeId, exit);
      },
      onDown: (): void => void this.events.emit('change'),
      onFailed: (_: NodeProcess, error: TsoracleError): void => void this.events.emit('failed', error),
    };
    this.#nodes = places.map((place) => new NodeProcess({ place, children, logLevel, clock, handlers }));
  }

  get nodes(): readonly NodeProcess[] {
    return this.#nodes;
  }

  /** How often the leadership passed to a higher epoch after the first one. */
  get failovers(): number {
    return this.#failovers;
  }

  /** How often a node that was ready ended without being asked to. */
  get unexpectedExits(): number {
    return this.#unexpectedExits;
  }

  /** The highest high-water that any node has told, in ms since the Unix epoch. */
  get highWater(): number {
    return this.#highWater;
  }

  /** The highest decided index that any node has told. */
  get decidedIdx(): number {
    return this.#decidedIdx;
  }

  /** The node that serves at the highest epoch; undefined if none serves. */
  leader(): { readonly node: NodeProcess; readonly epoch: bigint } | undefined {
    let leader: { node: NodeProcess; epoch: bigint } | undefined;
    for (const node of this.#nodes) {
      const epoch = servedEpoch(node.status);
      if (epoch !== undefined && (leader === undefined || epoch > leader.epoch)) leader = { node, epoch };
    }
    return leader;
  }

  /** Starts all nodes, and waits until all are ready and one serves. */
  async start(timeoutMs: number, signal: AbortSignal): Promise<void> {
    for (const node of this.#nodes) node.start();
    const ready = (): boolean =>
      this.leader() !== undefined && this.#nodes.every((node) => node.status !== undefined);
    await this.#waitUntil(ready, timeoutMs, signal, 'for all nodes to be ready and one of them to serve');
  }

  /** Waits until no node is down any more. */
  async allReady(timeoutMs: number): Promise<void> {
    const ready = (): boolean => this.#nodes.every((node) => node.status !== undefined);
    await this.#waitUntil(ready, timeoutMs, undefined, 'for all nodes to be ready again');
  }

  /** Kills the node that serves, once there is one, and resolves with its number when it has been reaped. */
  async killLeader(timeoutMs: number, signal: AbortSignal): Promise<NodeId> {
    await this.#waitUntil(() => this.leader() !== undefined, timeoutMs, signal, 'for a leader to kill');
    const node = this.leader()?.node;
    if (node === undefined) throw new TsoracleError('internal', 'the leader has gone within one turn');
    await node.kill();
    return node.place.nodeId;
  }

  /** Ends all nodes. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
  }

  async #waitUntil(
    condition: () => boolean,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    what: string,
  ): Promise<void> {
    const onTimeout = (): TsoracleError =>
      new TsoracleError('cluster_timeout', `waited ${timeoutMs} ms in vain ${what}`);
    const wait = deferWithDeadline<void>({ clock: this.#clock, timeoutMs, signal, onTimeout });
    const check = (): void => {
      if (condition()) wait.resolve();
    };
    const fail = (error: TsoracleError): void => wait.reject(error);
    this.events.on('change', check).on('failed', fail);
    check();
    try {
      await wait.promise;
    } finally {
      this.events.off('change', check).off('failed', fail);
    }
  }

  #onStatus(node: NodeProcess, status: StatusLine): void {
    this.#highWater = Math.max(this.#highWater, status.highWater);
    this.#decidedIdx = Math.max(this.#decidedIdx, status.decidedIdx);
    const epoch = servedEpoch(status);
    if (epoch !== undefined && (this.#highestEpoch === undefined || epoch > this.#highestEpoch)) {
      const first = this.#highestEpoch === undefined;
      this.#highestEpoch = epoch;
      if (!first) this.#failovers++;
      this.events.emit('leader', { nodeId: node.place.nodeId, epoch, first });
    }
    this.events.emit('change');
  }
}

function servedEpoch(status: StatusLine | undefined): bigint | undefined {
  return status?.role === 'leader' && status.epoch !== null ? BigInt(status.epoch) : undefined;
}
