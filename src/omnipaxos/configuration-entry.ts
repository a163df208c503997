import type { Ballot, NodeId } from './ballot.js';
import { type ClusterConfig, clusterConfigSchema, hashClusterConfig } from './cluster-config.js';
import type { LogRecord, LogSync } from './log-record.js';
import type { ConfigAhead, DecidedSync, FetchDecided, Message } from './messages.js';
import { ballotFloor, type PaxosState } from './paxos-state.js';

/**
 * How a node comes from one configuration into the next: by deciding the stop sign itself, or by state that it fetches
 * from a node that has. It takes part in the new one only once its entry is durable: the decided log through the stop
 * sign and nothing above it, under no promise; fetched state may reach beyond the stop sign, as a snapshot, and is
 * entered under the promise of who gave it.
 *
 * A node that is not a member of the configuration in force takes no part either. It asks the members, so that a new
 * one learns when it becomes a member, and a removed one when it is not needed any more; and it answers whoever is
 * behind, for as long as it runs.
 */
export class ConfigurationEntry<E, S> {
  readonly #state: PaxosState<E, S>;
  /** The batch that makes the entry durable, as long as it is not. */
  #entryToken: number | undefined;
  /** Whether somebody was asked for decided state since the last resend period began. */
  #hasAsked = false;
  #wasMember: boolean;
  #toldRemoved = false;
  /** Members of the configuration in force that have told that they are in it, while this node is not. */
  readonly #heardInside = new Set<NodeId>();

  constructor(state: PaxosState<E, S>) {
    this.#state = state;
    this.#wasMember = state.isMember;
  }

  /** Whether this node takes part in the configuration in force: elections, promises, heartbeats. */
  get takesPart(): boolean {
    return this.#entryToken === undefined && this.#state.isMember;
  }

  /** Whether this node was a member in this life, and is not any more. */
  get isRemoved(): boolean {
    return this.#wasMember && !this.#state.isMember;
  }

  /** The configuration that a decided stop sign has begun, as long as it is not entered. */
  get due(): ClusterConfig | undefined {
    const { log, pendingStopSign } = this.#state;
    const isDecided = pendingStopSign !== undefined && pendingStopSign.idx < log.decidedIdx;
    return isDecided ? pendingStopSign.stopSign.nextConfig : undefined;
  }

  /** Enters the configuration that is {@link due}. */
  enterDue(config: ClusterConfig): void {
    this.#enter(config, { suffix: [], syncIdx: this.#state.log.decidedIdx }, ballotFloor(config.configId));
  }

  /**
   * Batches up to `writeToken` are durable.
   * @returns whether the entry has become durable by it: this node may begin to take part.
   */
  persisted(writeToken: number): boolean {
    if (this.#entryToken === undefined || this.#entryToken > writeToken) return false;
    this.#entryToken = undefined;
    return this.#state.isMember;
  }

  /** A resend period has passed. */
  resend(): void {
    this.#hasAsked = false;
    if (this.#state.isMember) return;
    for (const member of this.#state.peers) this.#state.send(member, this.#question());
  }

  /** A message of a lower configuration: its sender is told that the cluster has moved on, and given what it asks for. */
  onBehind({ from, body }: Message<E, S>): void {
    if (body.kind === 'fetchDecided') this.#answer(from, body);
    // What tells of a configuration before this one asks for nothing.
    else if (body.kind !== 'configAhead' && body.kind !== 'decidedSync') this.#tellAhead(from);
  }

  /**
   * A message of a higher configuration: it brings decided state, or shows where that can be had.
   * @returns whether a configuration has been entered.
   */
  onAhead({ from, configId, configHash, body }: Message<E, S>): boolean {
    if (body.kind === 'decidedSync') return this.#onDecidedSync(from, body, configId, configHash);
    // One at a time: an answer can be large.
    if (!this.#hasAsked) {
      this.#hasAsked = true;
      this.#state.send(from, this.#question());
    }
    return false;
  }

  /** A message of the configuration in force that is about configurations, or from or to somebody who is no member of it. */
  onSame(from: NodeId, body: ConfigAhead | FetchDecided): void {
    if (body.kind === 'fetchDecided') this.#tellAhead(from);
    else this.#noteInside(from);
  }

  #noteInside(from: NodeId): void {
    const { config, isMember, output, peers, quorum } = this.#state;
    if (isMember || !peers.includes(from)) return;
    this.#heardInside.add(from);
    if (!this.isRemoved || this.#toldRemoved || this.#heardInside.size < quorum.read) return;
    this.#toldRemoved = true;
    output.fact({ kind: 'removed', config });
  }

  #question(): FetchDecided {
    return { kind: 'fetchDecided', fromIdx: this.#state.log.decidedIdx };
  }

  #tellAhead(to: NodeId): void {
    const { config, log } = this.#state;
    this.#state.sendAfterWrites(to, {
      kind: 'configAhead',
      configs: [config],
      decidedIdx: log.decidedIdx,
      compactedIdx: log.compactedIdx,
    });
  }

  /** Gives what leads into the configuration in force: decided records through its stop sign, or the snapshot that covers it. */
  #answer(to: NodeId, { fromIdx }: FetchDecided): void {
    const { config, log, promise } = this.#state;
    const stopSignIdx = log.lastDecidedStopSignIdx;
    const endIdx = stopSignIdx === undefined ? log.compactedIdx : stopSignIdx + 1;
    const { snapshot } = log;
    const needsSnapshot = snapshot !== undefined && fromIdx < snapshot.compactedIdx;
    const startIdx = needsSnapshot ? snapshot.compactedIdx : Math.min(fromIdx, endIdx);
    this.#state.sendAfterWrites(to, {
      kind: 'decidedSync',
      promise,
      ...(needsSnapshot ? { snapshot } : {}),
      fromIdx: startIdx,
      records: log.records(startIdx, endIdx),
      config,
    });
  }

  #onDecidedSync(from: NodeId, message: DecidedSync<E, S>, configId: number, configHash: number): boolean {
    const { config, promise } = message;
    const refusal =
      config.configId !== configId || hashClusterConfig(config) !== configHash
        ? `it brings configuration ${config.configId}, its sender is in ${configId}`
        : promise.configId !== configId
          ? `its sender is in configuration ${configId}, and tells a promise of ${promise.configId}`
          : refuseConfig(config);
    if (refusal !== undefined) {
      this.#state.violation(from, 'a DecidedSync leads into the configuration of its sender', refusal);
      return false;
    }
    const logSync = this.#aboveDecided(message);
    const gap = this.#state.log.refuseSync(logSync) ?? this.#refuseEnd(config, logSync);
    if (gap !== undefined) {
      this.#state.violation(from, 'a DecidedSync brings the decided log through the stop sign', gap);
      return false;
    }
    this.#enter(config, logSync, promise);
    return true;
  }

  /** What the message brings above the own decidedIdx, which may have risen since it was asked for. */
  #aboveDecided({ snapshot, fromIdx, records }: DecidedSync<E, S>): LogSync<E, S> {
    const { decidedIdx } = this.#state.log;
    if (snapshot !== undefined && snapshot.compactedIdx > decidedIdx) {
      return { snapshot, suffix: records, syncIdx: fromIdx };
    }
    const known = Math.max(0, decidedIdx - fromIdx);
    return { suffix: records.slice(known), syncIdx: fromIdx + Math.min(known, records.length) };
  }

  /** Why a log that ends with `logSync` does not lead into `config`; undefined if it does. */
  #refuseEnd(config: ClusterConfig, { snapshot, suffix, syncIdx }: LogSync<E, S>): string | undefined {
    const last: LogRecord<E> | undefined = suffix.at(-1);
    const ending = last?.kind === 'stopSign' ? last.stopSign.nextConfig : undefined;
    const covered = last === undefined ? snapshot?.config : undefined;
    const leadsTo = ending ?? covered;
    return leadsTo !== undefined && hashClusterConfig(leadsTo) === hashClusterConfig(config)
      ? undefined
      : `nothing at ${syncIdx + suffix.length} leads into configuration ${config.configId}`;
  }

  #enter(config: ClusterConfig, logSync: LogSync<E, S>, promise: Ballot): void {
    this.#wasMember ||= this.#state.isMember;
    this.#heardInside.clear();
    this.#toldRemoved = false;
    this.#hasAsked = false;
    this.#state.enterConfig(config, logSync, promise);
    this.#entryToken = this.#state.output.token;
  }
}

function refuseConfig(config: ClusterConfig): string | undefined {
  const checked = clusterConfigSchema.safeParse(config);
  return checked.success ? undefined : checked.error.message;
}
