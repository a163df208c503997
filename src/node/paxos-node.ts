import { EventEmitter } from 'eventemitter3';
import { parseInput, TsoracleError } from '../errors/index.js';
import {
  type AppendOptions,
  type AppendResult,
  type ClusterConfig,
  type DecidedItem,
  LogRangeError,
  type NodeId,
  nextConfigAfter,
  OmniPaxos,
  prioritySchema,
  type ReconfigureResult,
  type StableState,
  type TransferResult,
} from '../omnipaxos/index.js';
import { type Logger, silentLogger, systemClock, systemNextTurn, withResolvers } from '../runtime/index.js';
import type { Storage, StorageIdentity } from '../storage/index.js';
import type { PeerTransport } from '../transport/index.js';
import { asError, CoreRunner } from './core-runner.js';
import { EventQueue } from './event-queue.js';
import { FactReporter } from './fact-reporter.js';
import { LeadershipReport } from './leadership-report.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { NodeLeadership, PaxosNodeEvents } from './node-events.js';
import { type CheckedTuning, checkLease, type PaxosNodeOptions, parseNodeTuning } from './node-options.js';
import type { NodeLife, NodeStatus } from './node-status.js';
import { PeerTable } from './peer-table.js';
import { PeerTraffic } from './peer-traffic.js';
import { describeStop, type StopReason } from './stop-reason.js';
import { Ticker } from './ticker.js';

/** The read view of a node's decided log. It can be read in any state, also after the node has stopped. */
export interface NodeLog<E, S> {
  /** How many records are decided, as this node knows. Never falls during its life. */
  readonly decidedIdx: number;
  /** As {@link OmniPaxos.read}. */
  read(fromIdx: number, limit?: number): readonly DecidedItem<E, S>[];
}

/**
 * Runs one protocol core with its storage, its transport and a clock: carries out the core's output batches
 * in the order that they prescribe, and stops for good at the first failure of the storage.
 *
 * Inputs (ticks, messages, calls, completed writes) run on the core one at a time, each to its end. What they
 * cause is carried out in the same turn of the event loop; for calls and messages after the turn's promise
 * reactions, so that all of one turn share a message and an fsync. Events are told after that.
 */
export class PaxosNode<E, S> implements AsyncDisposable {
  /** Typed events; see {@link PaxosNodeEvents}. A listener that throws is logged and counted, and disturbs nobody. */
  readonly events = new EventEmitter<PaxosNodeEvents>();
  /** The decided log, read-only, for `drainDecided` and the apply engine. It can be read in any state. */
  readonly log: NodeLog<E, S>;
  /**
   * Resolves with the reason as soon as the node has stopped taking part, and never rejects. Storage and
   * transport are free only when {@link stop} resolves, which may be called after any reason.
   */
  readonly stopped: Promise<StopReason>;
  readonly #core: OmniPaxos<E, S>;
  readonly #storage: Storage<E, S>;
  readonly #transport: PeerTransport<E, S>;
  readonly #runner: CoreRunner<E, S>;
  readonly #leadership: LeadershipReport<E, S>;
  readonly #leases: LeaseKeeper<E, S>;
  readonly #facts: FactReporter<E, S>;
  readonly #traffic: PeerTraffic<E, S>;
  readonly #ticker: Ticker;
  readonly #peers: PeerTable<E, S>;
  readonly #eventQueue: EventQueue;
  readonly #logger: Logger;
  readonly #tuning: CheckedTuning;
  readonly #entryBytes: ((entry: E) => number) | undefined;
  readonly #resolveStopped: (reason: StopReason) => void;
  #lateTicks = 0;
  #listenerErrors = 0;
  #overloadRefusals = 0;
  #life: NodeLife = 'new';
  #stopReason: StopReason | undefined;
  #transportStarting: Promise<unknown> = Promise.resolve();
  #ending: Promise<void> | undefined;

  /**
   * Nothing runs before {@link start}; storage and transport are only read.
   * @throws {InvalidInputError} for tuning out of range, or a lease too short for the timeouts.
   */
  constructor(options: PaxosNodeOptions<E, S>) {
    const {
      storage,
      transport,
      entryBytes,
      clock = systemClock,
      logger = silentLogger,
      nextTurn,
      ...tuning
    } = options;
    const parsed = parseNodeTuning(tuning);
    const { identity } = storage;
    const recovered = storage.load();
    checkLease(recovered.config, parsed);
    this.#tuning = parsed;
    this.#entryBytes = entryBytes;
    this.#storage = storage;
    this.#transport = transport;
    this.#logger = logger.child({ nodeId: identity.nodeId });
    const core = makeCore(identity, recovered, parsed);
    this.#core = core;
    this.log = readView(core);
    const leases = new LeaseKeeper({
      nodeId: identity.nodeId,
      core,
      clock,
      onWaitOver: () => this.#onRest(),
    });
    this.#leases = leases;
    this.#runner = new CoreRunner({
      core,
      storage,
      transport,
      heldMessageLimit: parsed.heldMessageLimit,
      outgoing: (message) => leases.sending(message),
      applyFacts: (facts) => this.#facts.apply(facts),
      atRest: () => this.#onRest(),
      failed: (reason) => this.#end(reason),
    });
    this.#ticker = new Ticker({
      clock,
      nextTurn: nextTurn ?? systemNextTurn,
      tickMs: parsed.tickMs,
      lateMs: parsed.tickMs * parsed.electionTickTimeout,
      onTick: (tick) => this.#onTick(tick),
    });
    const peers = new PeerTable(storage, core, parsed.clientEndpoint);
    this.#peers = peers;
    this.#leadership = new LeadershipReport({
      core,
      leases,
      clientEndpoint: (nodeId) => peers.clientEndpoint(nodeId),
    });
    this.#eventQueue = new EventQueue(this.events, (error, event) => {
      this.#listenerErrors += 1;
      this.#logger.error({ error, event }, 'a listener has failed');
    });
    this.#facts = new FactReporter({
      leases,
      leadership: this.#leadership,
      events: this.#eventQueue,
      logger: this.#logger,
      onRemoved: (config) => this.#end({ kind: 'removed', config }),
    });
    this.#traffic = new PeerTraffic({
      runner: this.#runner,
      peers,
      leases,
      inboundQueueLimit: parsed.inboundQueueLimit,
      inboundPerTurn: parsed.inboundPerTurn,
      nextTurn: nextTurn ?? systemNextTurn,
      logger: this.#logger,
      isOverloaded: () => this.#isOverloaded(),
      mustStop: (reason) => this.#end(reason),
    });
    const { promise, resolve } = withResolvers<StopReason>();
    this.stopped = promise;
    this.#resolveStopped = resolve;
  }

  /** Which node of its cluster this is, as its data directory says. */
  get nodeId(): NodeId {
    return this.#storage.identity.nodeId;
  }

  /** 16 hexadecimal digits. */
  get directoryId(): string {
    return this.#storage.identity.directoryId;
  }

  /** The life of the directory that this node runs in: raised durably at each opening. */
  get incarnation(): number {
    return this.#storage.identity.incarnation;
  }

  /**
   * Starts the transport, then the ticks.
   * @throws what the transport could not be started for; the node has stopped then. A {@link TsoracleError}
   * `closed` if it has been stopped, before or meanwhile; `already_running` if it was started before, which
   * disturbs nothing.
   */
  async start(): Promise<void> {
    if (this.#life === 'stopped') throw this.#closedError();
    if (this.#life !== 'new') {
      throw new TsoracleError('already_running', `node ${this.nodeId} was started before`);
    }
    this.#life = 'starting';
    this.#runner.open();
    const starting = this.#startTransport();
    this.#transportStarting = starting.catch(() => {});
    try {
      await starting;
    } catch (error) {
      this.#end({ kind: 'transportFailed', error: asError(error) });
      throw error;
    }
    if (this.#isStopped()) throw this.#closedError();
    this.#life = 'running';
    this.#ticker.start();
    this.#runner.carryOut();
  }

  /**
   * Stops: from this turn on no message leaves and no input is taken. Resolves when the write under way has
   * ended and transport and storage are closed. Idempotent, in any state of the node; it never rejects.
   */
  async stop(): Promise<void> {
    this.#end({ kind: 'closed' });
    await this.#ending;
  }

  /** As {@link stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Proposes an entry, in this turn; see {@link AppendResult} for what may become of it. Before {@link start}
   * it can only be buffered. The entry must not be changed afterwards. Throws only what `entryBytes` throws; nothing
   * is proposed then.
   */
  append(entry: E, options: AppendOptions): AppendResult {
    if (this.#isStopped()) return { ok: false, reason: 'stopped' };
    const bytes = this.#entryBytes?.(entry) ?? 0;
    const limit = this.#tuning.maxEntryBytes;
    if (bytes > limit) return { ok: false, reason: 'entryTooLarge', bytes, limit };
    if (this.#isOverloaded()) {
      this.#overloadRefusals += 1;
      return { ok: false, reason: 'bufferFull', limit: this.#tuning.unsyncedRecordLimit };
    }
    const result = this.#runner.run((core) => core.append(entry, options));
    this.#runner.carryOutSoon();
    return result ?? { ok: false, reason: 'stopped' };
  }

  /**
   * Replaces the log below `upToIdx` by `value`, the host's state after folding it. Lazily on disk: a crash may bring the log back.
   * @throws {LogRangeError} unless `compactedIdx < upToIdx <= decidedIdx`, or if the last decided stop sign
   * is not below `upToIdx`; {@link TsoracleError} `closed` if the node has stopped. Nothing has changed then.
   */
  snapshot(upToIdx: number, value: S): void {
    if (this.#isStopped()) throw this.#closedError();
    const refusal = this.#runner.run((core) => snapshotUnlessRefused(core, upToIdx, value));
    if (refusal !== undefined) throw refusal;
    this.#runner.carryOutSoon();
  }

  /**
   * Proposes to end the configuration in force and to go on with `nextConfig`; only where this node is
   * reported as leader. Its configId must be one more than the present one. Once that is decided, every
   * member enters it by itself, which the `configuration` event tells; a node that is not a member of it ends
   * with the reason `removed`, once the others need it no more. A new member is a node that runs on a
   * directory of an earlier configuration, and that the members can reach.
   * @param metadata whatever the host wants the next configuration to know; it is decided with it, and copied.
   * @throws {InvalidInputError} for a config that breaks a rule, or a lease too short for this node's timeouts; nothing has changed then.
   */
  reconfigure(nextConfig: ClusterConfig, metadata?: Uint8Array): ReconfigureResult {
    if (this.#isStopped()) return { ok: false, reason: 'stopped' };
    checkLease(nextConfigAfter(this.#core.config, nextConfig), this.#tuning);
    // What is proposed before the wait for older leases is over would shorten it for the next configuration.
    if (this.leadership().role !== 'leader') return { ok: false, reason: 'notLeader' };
    return this.#call((core) => core.reconfigure(nextConfig, metadata)) ?? { ok: false, reason: 'stopped' };
  }

  /**
   * Gives the leadership up, in this turn, in favour of `target`, which takes over without waiting for older
   * leases, as soon as it has accepted the whole log. If it has not within an election timeout, this node
   * leads again, under a higher ballot.
   */
  transferLeadership(target: NodeId): TransferResult {
    if (this.leadership().role !== 'leader') return { ok: false, reason: 'notLeader' };
    return this.#call((core) => core.transferLeadership(target)) ?? { ok: false, reason: 'notLeader' };
  }

  /**
   * Takes over at once, as far as a quorum can be reached; nothing happens on a node that has stopped or
   * takes no part in its configuration.
   */
  tryBecomeLeader(): void {
    if (!this.#isStopped()) this.#call((core) => core.tryBecomeLeader());
  }

  /**
   * Prefers this node, or not, among those that take over at the same time: a whole number within [0,
   * 65,535]. Taken up with this node's next ballot.
   * @throws {InvalidInputError} out of range.
   */
  setPriority(priority: number): void {
    const parsed = parseInput(prioritySchema, priority, 'priority');
    this.#call((core) => core.setPriority(parsed));
  }

  /** The leadership in this very turn; `unknown` once the node has stopped. */
  leadership(): NodeLeadership {
    return this.#leadership.current();
  }

  /** All that this node knows of itself, made anew for each call. It can be asked in any state. */
  status(): NodeStatus {
    return {
      nodeId: this.nodeId,
      clusterId: this.#storage.identity.clusterId,
      directoryId: this.directoryId,
      incarnation: this.incarnation,
      life: this.#life,
      role: this.leadership().role,
      leaseWaitMs: this.#leases.waitMs,
      core: this.#core.status(),
      connectedPeers: this.#peers.connected,
      gatheredWrites: this.#runner.gatheredWrites,
      heldMessages: this.#runner.heldMessages,
      transport: this.#transport.stats(),
      counters: this.#counters(),
      ...(this.#stopReason === undefined ? {} : { stopped: this.#stopReason }),
    };
  }

  // Asynchronous, so that a transport that throws in place of rejecting ends the node as well.
  async #startTransport(): Promise<void> {
    await this.#transport.start(this.#traffic);
  }

  #counters(): NodeStatus['counters'] {
    const { refusedPeers, disputedMessages, inboundDropped, overloadDrops } = this.#traffic.counters;
    const { violations, foreignConfigMessages } = this.#facts.counters;
    return {
      violations,
      foreignConfigMessages,
      refusedPeers,
      disputedMessages,
      inboundDropped,
      lateTicks: this.#lateTicks,
      listenerErrors: this.#listenerErrors,
      overloadRefusals: this.#overloadRefusals + overloadDrops,
      heldMessagesDropped: this.#runner.droppedMessages,
    };
  }

  /** Runs an input whose arguments are checked: what it throws ends the node. */
  #call<R>(input: (core: OmniPaxos<E, S>) => R): R | undefined {
    const result = this.#runner.run(input);
    this.#runner.carryOutSoon();
    return result;
  }

  #onTick({ late }: { readonly late: boolean }): void {
    if (late) this.#lateTicks += 1;
    this.#runner.run((core) => core.tick({ late }));
    this.#runner.carryOut();
  }

  #onRest(): void {
    this.#facts.noteLeadership();
    this.#tellEvents();
  }

  /** Not before the step that caused them is complete: then it tells them itself. */
  #tellEvents(): void {
    if (!this.#runner.isCarryingOut) this.#eventQueue.tell();
  }

  #isOverloaded(): boolean {
    return this.#runner.gatheredWrites >= this.#tuning.unsyncedRecordLimit;
  }

  #isStopped(): boolean {
    return this.#life === 'stopped';
  }

  #closedError(): TsoracleError {
    return new TsoracleError('closed', `node ${this.nodeId} has stopped: open a new one`, {
      cause: this.#stopReason,
    });
  }

  /** The one end of a node, whatever the reason: silence from this very turn on. */
  #end(reason: StopReason): void {
    if (this.#isStopped()) return;
    this.#life = 'stopped';
    this.#stopReason = reason;
    this.#ticker.stop();
    this.#traffic.end();
    this.#leadership.end();
    this.#leases.end();
    if (reason.kind === 'closed' || reason.kind === 'removed') this.#logger.info({}, describeStop(reason));
    else this.#logger.error({ reason }, `the node has stopped: ${describeStop(reason)}`);
    this.#facts.noteLeadership();
    this.#ending = this.#close(reason);
    this.#tellEvents();
  }

  async #close(reason: StopReason): Promise<void> {
    const quiet = [this.#runner.halt(), this.#closeTransport(), this.#transportStarting];
    if (reason.kind === 'refused') await this.#markRefused(reason.reason);
    this.#resolveStopped(reason);
    this.#eventQueue.push({ name: 'stopped', reason });
    this.#tellEvents();
    await Promise.allSettled([...quiet, this.#peers.idle()]);
    await this.#closeStorage();
  }

  // Each of these catches what is thrown in place of a rejection as well: nothing may keep the node from its end.

  async #closeTransport(): Promise<void> {
    try {
      await this.#transport.close();
    } catch (error) {
      this.#logger.error({ error }, 'the transport could not be closed');
    }
  }

  async #closeStorage(): Promise<void> {
    try {
      await this.#storage.close();
    } catch (error) {
      this.#logger.error({ error }, 'the storage could not be closed');
    }
  }

  async #markRefused(reason: string): Promise<void> {
    try {
      await this.#storage.markRefused(reason);
    } catch (error) {
      this.#logger.error(
        { error },
        'the data directory could not be marked as refused: do not start it again',
      );
    }
  }
}

function makeCore<E, S>(
  { nodeId, incarnation }: StorageIdentity,
  recovered: StableState<E, S>,
  tuning: CheckedTuning,
): OmniPaxos<E, S> {
  const { priority, electionTickTimeout, resendMessageTickTimeout, proposalBufferLimit } = tuning;
  return new OmniPaxos(
    {
      pid: nodeId,
      incarnation,
      priority,
      electionTickTimeout,
      resendMessageTickTimeout,
      proposalBufferLimit,
    },
    recovered,
  );
}

/** No more than reading: whoever has it cannot reach the core. */
function readView<E, S>(core: OmniPaxos<E, S>): NodeLog<E, S> {
  return {
    get decidedIdx() {
      return core.decidedIdx;
    },
    read: (fromIdx, limit) => core.read(fromIdx, limit),
  };
}

/** A refused snapshot has changed nothing, so it must not end the node: an applier that lags behind a decided stop sign asks for one. */
function snapshotUnlessRefused<E, S>(
  core: OmniPaxos<E, S>,
  upToIdx: number,
  value: S,
): LogRangeError | undefined {
  try {
    core.snapshot(upToIdx, value);
    return undefined;
  } catch (error) {
    if (error instanceof LogRangeError) return error;
    throw error;
  }
}
