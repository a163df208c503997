import { EventEmitter } from 'eventemitter3';
import { ApplyEngine, ApplyTask, type DecidedLog, SnapshotPolicy } from '../apply/index.js';
import { PaxosDriver, type PaxosHighWaterHost } from '../driver/index.js';
import { TsoracleError } from '../errors/index.js';
import { ApplyState, type HighWaterCommand, type HighWaterSnapshot } from '../high-water/index.js';
import { type NodeTuning, PaxosNode, type StopReason } from '../node/index.js';
import type { ClusterConfig, NodeId, ReconfigureResult, TransferResult } from '../omnipaxos/index.js';
import {
  type Clock,
  emitGuarded,
  type Logger,
  silentLogger,
  systemClock,
  withResolvers,
} from '../runtime/index.js';
import { handOverLeadership } from './hand-over.js';
import {
  describeHostStop,
  type HostHealth,
  type HostStatus,
  type HostStopReason,
  healthWhileRunning,
  type StandaloneHostEvents,
} from './host-status.js';
import { type HighWaterNode, NodeHighWaterHost } from './node-high-water-host.js';
import { openParts, type StandaloneHostOpenOptions } from './open-parts.js';
import {
  type HostTuning,
  parseHostTuning,
  type StandaloneHostSeams,
  type StandaloneHostStartOptions,
} from './standalone-host-options.js';

/**
 * One node of a cluster that replicates nothing but the high-water, ready to serve: a node, an apply engine
 * with its task, and the driver over both.
 *
 * It fails as a whole. If the node stops, or a decided entry cannot be folded, calls that wait end with
 * `permanent` at once, nobody leads here any more, the other part is stopped too, and {@link stopped} tells
 * why.
 */
export class StandaloneHost implements AsyncDisposable {
  /** Typed events; see {@link StandaloneHostEvents}. */
  readonly events = new EventEmitter<StandaloneHostEvents>();
  /** The driver over this node. The host's {@link close} closes it. */
  readonly driver: PaxosDriver;
  /**
   * Resolves, with the reason, when the host has ended and everything that it owned is closed; it never
   * rejects.
   */
  readonly stopped: Promise<HostStopReason>;
  readonly #node: HighWaterNode;
  readonly #applyState: ApplyState;
  readonly #port: NodeHighWaterHost;
  readonly #engine: ApplyEngine<HighWaterCommand, HighWaterSnapshot>;
  readonly #task: ApplyTask<HighWaterCommand, HighWaterSnapshot>;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #handOverTimeoutMs: number;
  readonly #resolveStopped: (reason: HostStopReason) => void;
  #ending: Promise<void> | undefined;
  #stopReason: HostStopReason | undefined;
  #toldHealth: HostHealth['state'] = 'healthy';

  /**
   * Starts a host over storage and transport that are handed in: recovers its state from the log, then takes
   * part in the cluster. Resolves when the node runs; who leads is told later, by the driver.
   *
   * Rejects with `InvalidInputError` for options out of range, with `DrainError` if the log cannot be folded,
   * or as the transport does if it cannot be started. The host has closed storage and transport then.
   */
  static async start(options: StandaloneHostStartOptions): Promise<StandaloneHost> {
    const { storage, transport, clock, logger, nextTurn, ...tuning } = options;
    const seams: StandaloneHostSeams = {
      ...(clock === undefined ? {} : { clock }),
      ...(nextTurn === undefined ? {} : { nextTurn }),
      logger: logger ?? silentLogger,
    };
    let node: HighWaterNode | undefined;
    let host: StandaloneHost | undefined;
    try {
      const parsed = parseHostTuning(tuning);
      node = new PaxosNode({ storage, transport, ...nodeTuningOf(parsed), ...seams });
      host = new StandaloneHost(node, parsed, seams);
      await host.#run();
      return host;
    } catch (error) {
      if (host !== undefined) await host.close();
      else if (node !== undefined) await node.stop();
      else await Promise.allSettled([transport.close(), storage.close()]);
      throw error;
    }
  }

  /**
   * Opens a data directory that `init` has made, and starts a host on it that talks to its peers over TCP.
   *
   * Rejects as {@link start} does; with `InvalidInputError` or `StorageError` if the directory cannot be
   * opened; with `TransportError` for plaintext that could leave this machine, unless that is allowed.
   * Nothing is left open then.
   */
  static async open(options: StandaloneHostOpenOptions): Promise<StandaloneHost> {
    return await StandaloneHost.start(await openParts(options));
  }

  private constructor(node: HighWaterNode, tuning: HostTuning, seams: StandaloneHostSeams) {
    this.#node = node;
    this.#logger = (seams.logger ?? silentLogger).child({ nodeId: node.nodeId });
    this.#clock = seams.clock ?? systemClock;
    this.#handOverTimeoutMs = 2 * tuning.electionTickTimeout * tuning.tickMs;
    this.#applyState = new ApplyState({ onListenerError: (error) => this.#listenerFailed(error) });
    this.#port = new NodeHighWaterHost(node, this.#applyState, (error) => this.#listenerFailed(error));
    const { promise, resolve } = withResolvers<HostStopReason>();
    this.stopped = promise;
    this.#resolveStopped = resolve;
    this.#engine = new ApplyEngine({
      log: node.log,
      fold: (item) => this.#port.fold(item),
      snapshots: {
        policy: tuning.snapshotPolicy,
        take: () => this.#applyState.snapshot(),
        compact: (upToIdx, value) => node.snapshot(upToIdx, value),
      },
      chunkItems: tuning.applyChunkItems,
      logger: this.#logger,
    });
    this.#task = new ApplyTask({
      engine: this.#engine,
      subscribe: (wake) => {
        node.events.on('decided', wake);
        return () => void node.events.off('decided', wake);
      },
      onApplied: () => this.#tellHealth(),
      onDied: (death) => {
        if (death.kind === 'failed') this.#end({ kind: 'applyFailed', error: death.error });
      },
      ...(seams.clock === undefined ? {} : { clock: seams.clock }),
      logger: this.#logger,
    });
    this.driver = new PaxosDriver({
      host: this.#port,
      callTimeoutMs: tuning.callTimeoutMs,
      maxPendingCalls: tuning.maxPendingCalls,
      ...(seams.clock === undefined ? {} : { clock: seams.clock }),
      logger: this.#logger,
    });
    if (tuning.snapshotPolicy.description === SnapshotPolicy.disabled().description) {
      this.#logger.warn({}, 'snapshots are disabled: the log grows for ever, on disk and in memory');
    }
  }

  /**
   * The port that {@link driver} works on, to be looked at, and to be held to `hostConformance`. It is driven
   * already: another `PaxosDriver` refuses it.
   */
  get port(): PaxosHighWaterHost {
    return this.#port;
  }

  /** The decided log, read-only; see `DecidedLog`. It can be read in any state. */
  get log(): DecidedLog<HighWaterCommand, HighWaterSnapshot> {
    return this.#node.log;
  }

  /** All that this host knows of itself, made anew for each call. It can be asked in any state. */
  status(): HostStatus {
    const { pendingCalls, streamsRefused } = this.driver;
    return {
      health: this.health(),
      leadership: this.#port.leadership(),
      highWater: this.#applyState.highWater,
      foldedEpoch: this.#applyState.epoch,
      apply: this.#engine.status(),
      node: this.#node.status(),
      driver: { pendingCalls, streamsRefused },
    };
  }

  /**
   * As {@link PaxosNode.reconfigure}. Advances are refused with `transient` from the stop sign on, until a
   * leader of the next configuration serves.
   */
  reconfigure(nextConfig: ClusterConfig, metadata?: Uint8Array): ReconfigureResult {
    return this.#node.reconfigure(nextConfig, metadata);
  }

  /** As {@link PaxosNode.transferLeadership}. */
  transferLeadership(target: NodeId): TransferResult {
    return this.#node.transferLeadership(target);
  }

  /**
   * Gives the leadership, if this node has it, to the connected follower whose log is furthest, which serves
   * without waiting for older leases: to be called before a node is stopped on purpose.
   *
   * Resolves, and never rejects: with true once this node follows another leader; with false if it does not
   * lead, there is nobody to hand over to, or nobody has taken over within two election timeouts.
   */
  handOver(): Promise<boolean> {
    return handOverLeadership(this.#node, this.#clock, this.#handOverTimeoutMs);
  }

  /** As {@link PaxosNode.tryBecomeLeader}. */
  tryBecomeLeader(): void {
    this.#node.tryBecomeLeader();
  }

  /** As {@link PaxosNode.setPriority}. */
  setPriority(priority: number): void {
    this.#node.setPriority(priority);
  }

  /** Whether this host can do its work. */
  health(): HostHealth {
    return this.#stopReason === undefined
      ? healthWhileRunning(this.#engine.status())
      : { state: 'stopped', reason: this.#stopReason };
  }

  /**
   * Closes the driver (calls that wait end with `closed`), then stops node and apply task, and closes storage
   * and transport. Idempotent, in any state; it never rejects.
   */
  async close(): Promise<void> {
    await this.driver.close();
    this.#end({ kind: 'closed' });
    await this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Recovery first: a node that leads must have folded what it has decided. */
  async #run(): Promise<void> {
    this.#engine.recover();
    this.#node.events.on('leadership', this.#onLeadership);
    this.#node.events.on('stopped', this.#onNodeStopped);
    this.#task.start();
    await this.#node.start();
    if (this.#stopReason !== undefined) {
      throw new TsoracleError(
        'closed',
        `the host ended while it started: ${describeHostStop(this.#stopReason)}`,
      );
    }
  }

  readonly #onLeadership = (): void => {
    // A node that stops tells that nobody leads before it tells that it has stopped. Its waits must end as
    // those of a dead apply path, not as those of a leadership that was lost.
    const { stopped } = this.#node.status();
    if (stopped !== undefined) this.#onNodeStopped(stopped);
    this.#port.changed();
    emitGuarded(this.events, 'leadership', [this.#port.leadership()], (error) => this.#listenerFailed(error));
  };

  readonly #onNodeStopped = (reason: StopReason): void => this.#end({ kind: 'nodeStopped', reason });

  /** The one end of a host, whatever the reason. The first reason stays. */
  #end(reason: HostStopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    const message = describeHostStop(reason);
    if (reason.kind === 'closed') this.#logger.info({}, message);
    else this.#logger.error({ reason }, message);
    this.#port.fail(stopError(reason));
    this.#ending = this.#tearDown(reason);
    this.#tellHealth();
  }

  async #tearDown(reason: HostStopReason): Promise<void> {
    await this.#task.stop();
    await this.#node.stop();
    this.#node.events.off('leadership', this.#onLeadership);
    this.#node.events.off('stopped', this.#onNodeStopped);
    this.#resolveStopped(reason);
  }

  #tellHealth(): void {
    const health = this.health();
    if (health.state === this.#toldHealth) return;
    this.#toldHealth = health.state;
    emitGuarded(this.events, 'health', [health], (error) => this.#listenerFailed(error));
  }

  #listenerFailed(error: unknown): void {
    this.#logger.error({ err: error }, 'a listener has failed');
  }
}

function nodeTuningOf(tuning: HostTuning): NodeTuning {
  const { snapshotPolicy, applyChunkItems, callTimeoutMs, maxPendingCalls, ...nodeTuning } = tuning;
  return nodeTuning;
}

function stopError(reason: HostStopReason): TsoracleError {
  const cause = reason.kind === 'applyFailed' ? { cause: reason.error } : {};
  return new TsoracleError('host_stopped', describeHostStop(reason), cause);
}
