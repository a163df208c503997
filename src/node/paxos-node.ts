import { EventEmitter } from 'eventemitter3';
import { parseInput, TsoracleError, unreachable } from '../errors/index.js';
import {
  type AppendOptions,
  type AppendResult,
  type Ballot,
  ballotsEqual,
  type DecidedItem,
  type Fact,
  formatBallot,
  type Message,
  type NodeId,
  OmniPaxos,
} from '../omnipaxos/index.js';
import {
  type Clock,
  emitGuarded,
  type Logger,
  silentLogger,
  systemClock,
  systemNextTurn,
  withResolvers,
} from '../runtime/index.js';
import type { Storage, StorageIdentity } from '../storage/index.js';
import type { Admission, Hello, PeerTransport } from '../transport/index.js';
import { CommitPipeline } from './commit-pipeline.js';
import type { NodeLeadership, NodeLease, PaxosNodeEvents } from './node-events.js';
import { nodeTuningSchema, type PaxosNodeOptions } from './node-options.js';
import type { NodeStatus } from './node-status.js';
import { PeerTable } from './peer-table.js';
import { describeStop, type StopReason } from './stop-reason.js';
import { Ticker } from './ticker.js';

type Life = 'new' | 'starting' | 'running' | 'stopped';

/** An event that waits for the step that caused it to be complete. */
type PendingEvent =
  | { readonly name: 'decided'; readonly decidedIdx: number }
  | { readonly name: 'leadership' }
  | { readonly name: 'stopped'; readonly reason: StopReason };

/**
 * Runs one protocol core with its storage, its transport and a clock: carries out what the core's output batches ask for, in the order that
 * they prescribe, and stops for good at the first failure of the storage.
 *
 * Inputs run one at a time, each to its end. Events are told after that; a listener may call any method.
 */
export class PaxosNode<E, S> implements AsyncDisposable {
  /** Typed events; see {@link PaxosNodeEvents}. A listener that throws is logged and counted, and disturbs nobody. */
  readonly events = new EventEmitter<PaxosNodeEvents>();
  /** The decided log. It can be read in any state, also after the node has stopped. */
  readonly log: {
    readonly decidedIdx: number;
    read(fromIdx: number, limit?: number): readonly DecidedItem<E, S>[];
  };
  /** Resolves, with the reason, when the node has stopped; it never rejects. */
  readonly stopped: Promise<StopReason>;
  readonly #core: OmniPaxos<E, S>;
  readonly #storage: Storage<E, S>;
  readonly #identity: StorageIdentity;
  readonly #transport: PeerTransport<E, S>;
  readonly #pipeline: CommitPipeline<E, S>;
  readonly #ticker: Ticker;
  readonly #peers: PeerTable<E, S>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #heldBatchLimit: number;
  readonly #resolveStopped: (reason: StopReason) => void;
  #life: Life = 'new';
  #stopReason: StopReason | undefined;
  #ending: Promise<void> | undefined;
  #stepping = false;
  #inbox: (() => void)[] = [];
  #pendingEvents: PendingEvent[] = [];
  #tellingEvents = false;
  #lease: { readonly ballot: Ballot; readonly lease: NodeLease } | undefined;
  #violations = 0;
  #foreignConfigMessages = 0;
  #lateTicks = 0;
  #listenerErrors = 0;

  /** @throws {InvalidInputError} for tuning out of range. Nothing runs before {@link start}. */
  constructor(options: PaxosNodeOptions<E, S>) {
    const { storage, transport, clock, logger, nextTurn, ...tuning } = options;
    const parsed = parseInput(nodeTuningSchema, tuning, 'node options');
    this.#storage = storage;
    this.#identity = storage.identity;
    this.#transport = transport;
    this.#clock = clock ?? systemClock;
    this.#logger = (logger ?? silentLogger).child({ nodeId: storage.identity.nodeId });
    this.#heldBatchLimit = parsed.heldBatchLimit;
    this.#core = new OmniPaxos(
      {
        pid: storage.identity.nodeId,
        incarnation: storage.identity.incarnation,
        priority: parsed.priority,
        electionTickTimeout: parsed.electionTickTimeout,
        resendMessageTickTimeout: parsed.resendMessageTickTimeout,
        proposalBufferLimit: parsed.proposalBufferLimit,
      },
      storage.load(),
    );
    this.log = this.#core;
    this.#pipeline = new CommitPipeline(storage, {
      release: (messages) => this.#sendAll(messages),
      persisted: (writeToken) => this.#step(() => this.#core.persisted(writeToken)),
      failed: (error) => this.#end({ kind: 'storageFailed', error }),
    });
    this.#peers = new PeerTable(storage, this.#core, this.#logger, parsed.clientEndpoint);
    this.#ticker = new Ticker({
      clock: this.#clock,
      nextTurn: nextTurn ?? systemNextTurn,
      tickMs: parsed.tickMs,
      lateMs: parsed.tickMs * parsed.electionTickTimeout,
      onTick: (tick) => this.#onTick(tick),
    });
    const { promise, resolve } = withResolvers<StopReason>();
    this.stopped = promise;
    this.#resolveStopped = resolve;
  }

  get nodeId(): NodeId {
    return this.#identity.nodeId;
  }

  /** 16 hexadecimal digits. */
  get directoryId(): string {
    return this.#identity.directoryId;
  }

  get incarnation(): number {
    return this.#identity.incarnation;
  }

  /**
   * Starts transport and ticks. Rejects if the transport cannot be started; the node has stopped then.
   * @throws {TsoracleError} with code `already_running` or `closed`, if it was started or stopped before; that disturbs nothing.
   */
  async start(): Promise<void> {
    if (this.#life === 'stopped')
      throw new TsoracleError('closed', `node ${this.nodeId} has stopped: open a new one`);
    if (this.#life !== 'new')
      throw new TsoracleError('already_running', `node ${this.nodeId} was started before`);
    this.#life = 'starting';
    try {
      await this.#transport.start({
        hello: () => this.#peers.hello(),
        admit: (hello) => this.#admit(hello),
        onConnected: (peer) => this.#onConnected(peer),
        onDisconnected: (nodeId) => this.#peers.disconnected(nodeId),
        onMessage: (message) => this.#step(() => this.#core.handleIncoming(message)),
      });
    } catch (error) {
      this.#end({ kind: 'transportFailed', error: asError(error) });
      throw error;
    }
    if (this.#life !== 'starting') return;
    this.#life = 'running';
    this.#ticker.start();
    this.#step(() => {});
  }

  /**
   * Stops: no message leaves any more, and the last events tell that nobody leads here and why; resolves when the persist under way has ended
   * and storage and transport are closed. Idempotent, in any state; it never rejects.
   */
  async stop(): Promise<void> {
    this.#end({ kind: 'closed' });
    await this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Proposes an entry, in this turn; see {@link AppendResult} for what may become of it. The entry must not be changed afterwards. */
  append(entry: E, options: AppendOptions): AppendResult {
    if (this.#life === 'stopped') return { ok: false, reason: 'stopped' };
    let result: AppendResult = { ok: false, reason: 'stopped' };
    this.#step(() => {
      result = this.#core.append(entry, options);
    });
    return result;
  }

  /**
   * Replaces the log below `upToIdx` by `value`, the host's state after folding it. Lazily on disk: a crash may bring the log back.
   * @throws {LogRangeError} unless `compactedIdx < upToIdx <= decidedIdx`; nothing has changed then.
   */
  snapshot(upToIdx: number, value: S): void {
    if (this.#life === 'stopped') throw new TsoracleError('closed', `node ${this.nodeId} has stopped`);
    let refusal: unknown;
    this.#step(() => {
      try {
        this.#core.snapshot(upToIdx, value);
      } catch (error) {
        refusal = error;
      }
    });
    if (refusal !== undefined) throw refusal;
  }

  /** The leadership in this very turn. */
  leadership(): NodeLeadership {
    const view = this.#life === 'stopped' ? ({ role: 'unknown' } as const) : this.#core.leadership();
    switch (view.role) {
      case 'leader':
        return { role: 'leader', ballot: view.ballot, lease: this.#leaseOf(view.ballot) };
      case 'follower': {
        const endpoint = this.#peers.clientEndpoint(view.ballot.pid);
        return { role: 'follower', ballot: view.ballot, ...(endpoint === undefined ? {} : { endpoint }) };
      }
      case 'unknown':
        return view;
      default:
        return unreachable(view);
    }
  }

  status(): NodeStatus {
    return {
      nodeId: this.nodeId,
      clusterId: this.#identity.clusterId,
      directoryId: this.directoryId,
      incarnation: this.incarnation,
      core: this.#core.status(),
      connectedPeers: this.#peers.connected,
      heldBatches: this.#pipeline.held,
      transport: this.#transport.stats(),
      counters: {
        violations: this.#violations,
        foreignConfigMessages: this.#foreignConfigMessages,
        lateTicks: this.#lateTicks,
        listenerErrors: this.#listenerErrors,
        refusedPeers: this.#peers.refused,
      },
      ...(this.#stopReason === undefined ? {} : { stopped: this.#stopReason }),
    };
  }

  /**
   * Runs one input on the core to its end: its facts are applied, its messages sent, its writes queued. An input that comes while
   * another one runs (a transport may deliver in the middle of a send) waits for it.
   */
  #step(input: () => void): void {
    if (this.#life === 'stopped') return;
    if (this.#stepping) {
      this.#inbox.push(input);
      return;
    }
    this.#stepping = true;
    try {
      for (let next: (() => void) | undefined = input; next !== undefined; next = this.#inbox.shift()) {
        next();
        this.#carryOut();
      }
    } catch (error) {
      this.#end({ kind: 'protocolFailed', error: asError(error) });
    } finally {
      this.#stepping = false;
    }
    this.#tellEvents();
  }

  #carryOut(): void {
    for (;;) {
      if (this.#isStopped()) return;
      const batch = this.#core.takeOutput();
      if (batch === undefined) return;
      for (const fact of batch.facts) this.#apply(fact);
      this.#sendAll(batch.messages);
      this.#pipeline.add(batch);
      if (this.#pipeline.held > this.#heldBatchLimit) {
        const error = new TsoracleError(
          'storage_overloaded',
          `more than ${this.#heldBatchLimit} batches wait for the disk`,
        );
        this.#end({ kind: 'storageFailed', error });
      }
    }
  }

  #apply(fact: Fact): void {
    switch (fact.kind) {
      case 'leadership':
        if (fact.view.role !== 'unknown') {
          this.#logger.info({ ballot: formatBallot(fact.view.ballot) }, `now ${fact.view.role}`);
        }
        this.#pendingEvents.push({ name: 'leadership' });
        return;
      case 'decided':
        this.#pendingEvents.push({ name: 'decided', decidedIdx: fact.decidedIdx });
        return;
      case 'violation':
        this.#violations += 1;
        this.#logger.error({ from: fact.from, detail: fact.detail }, `a message was dropped: ${fact.rule}`);
        return;
      case 'foreignConfig':
        this.#foreignConfigMessages += 1;
        this.#logger.debug(
          { from: fact.from, configId: fact.configId },
          'a message of another configuration was dropped',
        );
        return;
      case 'heartbeatRound':
      case 'heartbeatReply':
      case 'readQuorum':
        return;
      default:
        unreachable(fact);
    }
  }

  #sendAll(messages: readonly Message<E, S>[]): void {
    for (const message of messages) {
      if (this.#isStopped()) return;
      this.#transport.send(message);
    }
  }

  #onTick({ late }: { readonly late: boolean }): void {
    if (late) this.#lateTicks += 1;
    this.#step(() => this.#core.tick({ late }));
  }

  async #admit(hello: Hello): Promise<Admission> {
    try {
      const verdict = await this.#peers.admit(hello);
      if (this.#isStopped()) return { ok: false, reason: 'this node has stopped' };
      if (verdict.kind === 'admit') return { ok: true };
      if (verdict.kind === 'refuseSelf') this.#end({ kind: 'refused', reason: verdict.reason });
      return { ok: false, reason: verdict.reason };
    } catch (error) {
      this.#end({ kind: 'storageFailed', error: asError(error) });
      return { ok: false, reason: 'this node has stopped' };
    }
  }

  #onConnected(peer: Hello): void {
    const leadership = this.leadership();
    const isNews = this.#peers.nowConnected(peer);
    this.#step(() => {
      this.#core.reconnected(peer.nodeId);
      if (isNews && leadership.role === 'follower' && leadership.ballot.pid === peer.nodeId) {
        this.#pendingEvents.push({ name: 'leadership' });
      }
    });
  }

  #leaseOf(ballot: Ballot): NodeLease {
    if (this.#lease !== undefined && ballotsEqual(this.#lease.ballot, ballot)) return this.#lease.lease;
    const lease: NodeLease = {
      isValid: () => {
        if (this.#isStopped()) return false;
        const view = this.#core.leadership();
        return view.role === 'leader' && ballotsEqual(view.ballot, ballot);
      },
    };
    this.#lease = { ballot, lease };
    return lease;
  }

  /** Tells what has happened, in order; what listeners cause is told after it, by the outermost call. */
  #tellEvents(): void {
    if (this.#tellingEvents) return;
    this.#tellingEvents = true;
    try {
      for (
        let event = this.#pendingEvents.shift();
        event !== undefined;
        event = this.#pendingEvents.shift()
      ) {
        this.#tell(event);
      }
    } finally {
      this.#tellingEvents = false;
    }
  }

  #tell(event: PendingEvent): void {
    const onError = (error: unknown): void => {
      this.#listenerErrors += 1;
      this.#logger.error({ error, event: event.name }, 'a listener has failed');
    };
    switch (event.name) {
      case 'decided':
        emitGuarded(this.events, 'decided', [event.decidedIdx], onError);
        return;
      case 'leadership':
        emitGuarded(this.events, 'leadership', [this.leadership()], onError);
        return;
      case 'stopped':
        emitGuarded(this.events, 'stopped', [event.reason], onError);
        return;
      default:
        unreachable(event);
    }
  }

  #isStopped(): boolean {
    return this.#life === 'stopped';
  }

  /** The one end of a node, whatever the reason: silence from this very turn on. */
  #end(reason: StopReason): void {
    if (this.#life === 'stopped') return;
    this.#life = 'stopped';
    this.#stopReason = reason;
    this.#inbox = [];
    this.#ticker.stop();
    if (reason.kind === 'closed') this.#logger.info({}, describeStop(reason));
    else this.#logger.error({ reason }, `the node has stopped: ${describeStop(reason)}`);
    this.#ending = this.#close(reason);
    this.#pendingEvents = [{ name: 'leadership' }, { name: 'stopped', reason }];
    if (!this.#stepping) this.#tellEvents();
  }

  async #close(reason: StopReason): Promise<void> {
    await Promise.allSettled([this.#transport.close(), this.#pipeline.end()]);
    if (reason.kind === 'refused')
      await this.#storage.markRefused(reason.reason).catch((error: unknown) => this.#cannotMark(error));
    await this.#storage.close().catch((error: unknown) => {
      this.#logger.error({ error }, 'the storage could not be closed');
    });
    this.#resolveStopped(reason);
  }

  #cannotMark(error: unknown): void {
    this.#logger.error({ error }, 'the data directory could not be marked as refused: do not start it again');
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
