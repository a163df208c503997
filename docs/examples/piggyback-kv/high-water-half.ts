// All that this service has written for the oracle, but for two lines of its codecs and four of its fold.
import { EventEmitter } from 'eventemitter3';
import {
  ApplyState,
  ballotFromEpoch,
  EPOCH_ZERO,
  epochFromBallot,
  type HighWaterCommand,
  type HighWaterSnapshot,
  type HostIdentity,
  type LeaderState,
  type PaxosHighWaterHost,
  type PaxosHighWaterHostEvents,
  type PaxosNode,
  type ProposeResult,
} from '../../../src/index.js';
import type { AppendResult, StopSign } from '../../../src/omnipaxos/index.js';
import type { KvEntry, KvSnapshot } from './kv-log.js';

/** The port of the Paxos driver on the service's own node: the half of its state that the oracle works on. */
export class HighWaterHalf implements PaxosHighWaterHost {
  readonly identity: HostIdentity;
  readonly applyState = new ApplyState();
  readonly events = new EventEmitter<PaxosHighWaterHostEvents>();
  readonly #node: PaxosNode<KvEntry, KvSnapshot>;
  #failure: Error | undefined;
  #isRemoved = false;

  constructor(node: PaxosNode<KvEntry, KvSnapshot>) {
    this.#node = node;
    const { directoryId, incarnation, nodeId } = node;
    this.identity = { directoryId, incarnation, nodeId };
  }

  fold(command: HighWaterCommand): void {
    this.applyState.fold(command);
  }

  /**
   * Only from the first command on. A node that came by an earlier snapshot, which has no such half, does not know the stop signs
   * before it, and must come to the same state.
   */
  foldStopSign(stopSign: StopSign): void {
    if (this.#hasBegun) this.applyState.foldStopSign(stopSign);
    this.#isRemoved = !stopSign.nextConfig.nodes.includes(this.identity.nodeId);
  }

  /** The half of a snapshot; undefined as long as the log has carried no command. */
  snapshot(): HighWaterSnapshot | undefined {
    return this.#hasBegun ? this.applyState.snapshot() : undefined;
  }

  restore(snapshot: HighWaterSnapshot | undefined): void {
    if (snapshot !== undefined) this.applyState.restore(snapshot);
  }

  /** Appended in this turn, at the command's very ballot, or not at all: never forwarded. */
  propose(command: HighWaterCommand): ProposeResult {
    if (this.#failure !== undefined) return permanent(this.#failure.message);
    const ballot = ballotFromEpoch(command.epoch);
    return this.#resultOf(this.#node.append({ highWater: command }, { forward: false, ballot }));
  }

  /** Asked of the node in this turn, so that it is right in the turn of every fold. */
  leadership(): LeaderState {
    const leadership = this.#failure === undefined ? this.#node.leadership() : ({ role: 'unknown' } as const);
    switch (leadership.role) {
      case 'leader': {
        const { ballot, lease } = leadership;
        const isValid = (): boolean => this.#failure === undefined && lease.isValid();
        return { role: 'leader', epoch: epochFromBallot(ballot), lease: { isValid } };
      }
      case 'follower': {
        const { ballot, endpoint } = leadership;
        const epoch = epochFromBallot(ballot);
        return { role: 'follower', leader: endpoint === undefined ? { epoch } : { epoch, endpoint } };
      }
      case 'unknown':
        return leadership;
    }
  }

  applyFailure(): Error | undefined {
    return this.#failure;
  }

  /** The service folds no more, for whatever reason. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.changed();
  }

  /** The node's leadership has changed. */
  changed(): void {
    this.events.emit('change');
  }

  get #hasBegun(): boolean {
    return this.applyState.epoch !== EPOCH_ZERO;
  }

  #resultOf(result: AppendResult): ProposeResult {
    if (result.ok) {
      return result.outcome === 'appended' ? { ok: true } : transient('it was not to be passed on');
    }
    switch (result.reason) {
      case 'notLeader':
        return { ok: false, reason: 'not_leader' };
      case 'bufferFull':
        return transient(`${result.limit} proposals wait already`);
      case 'pendingReconfiguration':
        return this.#isRemoved ? permanent('this node was removed') : transient('the members are changing');
      case 'stopped':
        return permanent('the node has stopped');
    }
  }
}

function transient(detail: string): ProposeResult {
  return { ok: false, reason: 'transient', detail };
}

function permanent(detail: string): ProposeResult {
  return { ok: false, reason: 'permanent', detail };
}
