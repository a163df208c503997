import { BALLOT_ZERO, type Ballot, type NodeId } from './ballot.js';
import { type ClusterConfig, hashClusterConfig } from './cluster-config.js';
import type { LogRecord, LogSync, StopSign } from './log-record.js';
import type { MessageBody } from './messages.js';
import type { OutputCollector } from './output-collector.js';
import { type QuorumSizes, quorumSizes } from './quorum.js';
import { ReplicatedLog } from './replicated-log.js';
import type { StableState } from './stable-state.js';

/** What a node is in Sequence Paxos. */
export type Role = 'leader' | 'follower';

/** Where a node stands in its ballot. */
export type Phase = 'none' | 'prepare' | 'accept' | 'recover';

/** What leader and follower share: the acceptor's state, and the way out. */
export class PaxosState<E, S> {
  readonly pid: NodeId;
  readonly incarnation: number;
  readonly output: OutputCollector<E, S>;
  readonly log: ReplicatedLog<E, S>;
  role: Role = 'follower';
  phase: Phase = 'none';
  acceptedRound: Ballot;
  #promise: Ballot;
  #previousPromise: Ballot;
  #config: ClusterConfig;
  #configHash: number;
  #peers: readonly NodeId[];
  #quorum: QuorumSizes;

  constructor(pid: NodeId, incarnation: number, recovered: StableState<E, S>, output: OutputCollector<E, S>) {
    this.pid = pid;
    this.incarnation = incarnation;
    this.output = output;
    this.log = new ReplicatedLog(recovered.snapshot, recovered.records, recovered.decidedIdx);
    this.acceptedRound = recovered.acceptedRound;
    this.#promise = recovered.promise;
    // What was promised before is not known any more; naming the promise itself never understates it.
    this.#previousPromise = recovered.promise;
    this.#config = recovered.config;
    this.#configHash = hashClusterConfig(recovered.config);
    this.#peers = recovered.config.nodes.filter((node) => node !== pid);
    this.#quorum = quorumSizes(recovered.config);
  }

  get promise(): Ballot {
    return this.#promise;
  }

  /** The promise held just before the present one; after a restart, the present one. */
  get previousPromise(): Ballot {
    return this.#previousPromise;
  }

  get config(): ClusterConfig {
    return this.#config;
  }

  get configHash(): number {
    return this.#configHash;
  }

  /** The other members of the configuration in force. */
  get peers(): readonly NodeId[] {
    return this.#peers;
  }

  get quorum(): QuorumSizes {
    return this.#quorum;
  }

  /** Whether this node is a member of the configuration in force. */
  get isMember(): boolean {
    return this.#config.nodes.includes(this.pid);
  }

  /** The stop sign at the end of the log, decided or not, if it ends the configuration in force. */
  get pendingStopSign(): { readonly idx: number; readonly stopSign: StopSign } | undefined {
    const last = this.log.lastStopSign;
    return last !== undefined && last.stopSign.nextConfig.configId > this.#config.configId ? last : undefined;
  }

  /** Whether a promise was ever made in the configuration in force. */
  get hasPromised(): boolean {
    return this.#promise.configId === this.#config.configId && this.#promise.n >= 1;
  }

  /** Promises `n`, which must be above the present promise: durable before anything that claims it. */
  raisePromise(n: Ballot): void {
    this.#previousPromise = this.#promise;
    this.#promise = n;
    this.output.write({ kind: 'promise', promise: n });
  }

  /**
   * Enters `config`, in one durable step: the log becomes what `logSync` says and ends with it, all of it decided;
   * nothing is accepted in the new configuration yet (protocol, reconfiguration: an older promise or an undecided tail
   * must not count in it).
   * @param promise what is promised in it from the beginning: no lower ballot than any under which a record that
   * `logSync` covers was decided. A leader that was deposed before would else take this node for one that knows of
   * nobody else, and its records for ones that lie on the same log.
   */
  enterConfig(config: ClusterConfig, logSync: LogSync<E, S>, promise: Ballot): void {
    const decidedBefore = this.log.decidedIdx;
    this.log.applySync(logSync);
    this.log.decide(this.log.acceptedIdx);
    this.output.write({ kind: 'enterConfig', config, logSync, decidedIdx: this.log.decidedIdx });
    if (this.log.decidedIdx > decidedBefore) {
      this.output.fact({ kind: 'decided', decidedIdx: this.log.decidedIdx });
    }
    this.role = 'follower';
    this.acceptedRound = ballotFloor(config.configId);
    this.#promise = this.acceptedRound;
    this.#previousPromise = this.acceptedRound;
    this.#config = config;
    this.#configHash = hashClusterConfig(config);
    this.#peers = config.nodes.filter((node) => node !== this.pid);
    this.#quorum = quorumSizes(config);
    if (promise.n >= 1) this.raisePromise(promise);
    this.phase = this.hasPromised ? 'recover' : 'none';
    this.output.fact({ kind: 'configuration', config, isMember: this.isMember });
  }

  /** Adds records to the log and to the writes. */
  append(records: readonly LogRecord<E>[]): void {
    if (records.length === 0) return;
    this.output.writeAppend(this.log.acceptedIdx, records);
    this.log.append(records);
  }

  /** Raises decidedIdx, never above what this log holds; lazily on disk, behind the records that it counts. */
  raiseDecided(idx: number): void {
    if (!this.log.decide(Math.min(idx, this.log.acceptedIdx))) return;
    this.output.fact({ kind: 'decided', decidedIdx: this.log.decidedIdx });
    this.output.write({ kind: 'decided', decidedIdx: this.log.decidedIdx });
  }

  /** Sends a message that claims nothing about stable storage. */
  send(to: NodeId, body: MessageBody<E, S>): void {
    this.output.send({
      from: this.pid,
      to,
      configId: this.#config.configId,
      configHash: this.#configHash,
      body,
    });
  }

  /** Sends a message that claims something about stable storage: it leaves once that is durable. */
  sendAfterWrites(to: NodeId, body: MessageBody<E, S>): void {
    this.output.sendAfterWrites({
      from: this.pid,
      to,
      configId: this.#config.configId,
      configHash: this.#configHash,
      body,
    });
  }

  /** Tells that a peer has broken a rule; what it sent is dropped. */
  violation(from: NodeId, rule: string, detail: string): void {
    this.output.fact({ kind: 'violation', from, rule, detail });
  }
}

/** Stands for a ballot that nobody leads, in the configuration `configId`. */
export function ballotFloor(configId: number): Ballot {
  return { ...BALLOT_ZERO, configId };
}
