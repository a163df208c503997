import { EventEmitter } from 'eventemitter3';
import type { LeaderState } from '../consensus/index.js';
import type {
  HostIdentity,
  PaxosHighWaterHost,
  PaxosHighWaterHostEvents,
  ProposeResult,
} from '../driver/index.js';
import { unreachable } from '../errors/index.js';
import {
  type ApplyState,
  ballotFromEpoch,
  epochFromBallot,
  type HighWaterCommand,
  type HighWaterSnapshot,
} from '../high-water/index.js';
import type { PaxosNode } from '../node/index.js';
import type { AppendResult, DecidedItem, NodeId } from '../omnipaxos/index.js';
import { emitGuarded } from '../runtime/index.js';

/** A node that replicates nothing but high-water commands. */
export type HighWaterNode = PaxosNode<HighWaterCommand, HighWaterSnapshot>;

/** What the port needs of its node. */
export type ProposingNode = Pick<
  HighWaterNode,
  'append' | 'directoryId' | 'incarnation' | 'leadership' | 'nodeId'
>;

/** The driver's port on a node and the apply state that its decided log is folded into. */
export class NodeHighWaterHost implements PaxosHighWaterHost {
  /** The node and the life of its directory that this host stands for. */
  readonly identity: HostIdentity;
  /** What the decided log is folded into, by {@link fold}. */
  readonly applyState: ApplyState;
  /** Tells changes; see {@link changed} and {@link fail}. */
  readonly events = new EventEmitter<PaxosHighWaterHostEvents>();
  readonly #node: ProposingNode;
  readonly #onListenerError: (error: unknown) => void;
  /** The members of the configuration that what was folded leads into; undefined before the first stop sign or snapshot. */
  #members: readonly NodeId[] | undefined;
  #failure: Error | undefined;

  constructor(
    node: ProposingNode,
    applyState: ApplyState,
    onListenerError: (error: unknown) => void = () => {},
  ) {
    this.#node = node;
    this.applyState = applyState;
    this.#onListenerError = onListenerError;
    const { directoryId, incarnation, nodeId } = node;
    this.identity = { directoryId, incarnation, nodeId };
  }

  /** Folds one decided item. */
  fold(item: DecidedItem<HighWaterCommand, HighWaterSnapshot>): void {
    switch (item.kind) {
      case 'entry':
        this.applyState.fold(item.entry);
        return;
      case 'stopSign':
        this.applyState.foldStopSign(item.stopSign);
        this.#members = item.stopSign.nextConfig.nodes;
        return;
      case 'snapshot':
        this.applyState.restore(item.snapshot.value);
        this.#members = item.snapshot.config.nodes;
        return;
      default:
        unreachable(item);
    }
  }

  /** Once the apply path has failed, nobody leads here, whatever the node says. */
  leadership(): LeaderState {
    if (this.#failure !== undefined) return { role: 'unknown' };
    const leadership = this.#node.leadership();
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
        return { role: 'unknown' };
      default:
        return unreachable(leadership);
    }
  }

  propose(command: HighWaterCommand): ProposeResult {
    if (this.#failure !== undefined) return permanent(this.#failure.message);
    const ballot = ballotFromEpoch(command.epoch);
    return this.#proposeResult(this.#node.append(command, { forward: false, ballot }));
  }

  applyFailure(): Error | undefined {
    return this.#failure;
  }

  /** The apply path has ended for good. The first reason stays. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.changed();
  }

  /** The leadership may have changed. */
  changed(): void {
    emitGuarded(this.events, 'change', [], this.#onListenerError);
  }

  #proposeResult(result: AppendResult): ProposeResult {
    if (result.ok) {
      return result.outcome === 'appended'
        ? { ok: true }
        : transient(`the node has ${result.outcome} what was not to be forwarded`);
    }
    switch (result.reason) {
      case 'notLeader':
        return { ok: false, reason: 'not_leader' };
      case 'bufferFull':
        return transient(`${result.limit} proposals wait already`);
      case 'entryTooLarge':
        return permanent(`it takes ${result.bytes} bytes, an entry may take ${result.limit}`);
      case 'pendingReconfiguration':
        return this.#isRemoved()
          ? permanent('this node is no member of the next configuration')
          : transient('the configuration is about to change');
      case 'stopped':
        return permanent('the node has stopped');
      default:
        return unreachable(result);
    }
  }

  #isRemoved(): boolean {
    return this.#members !== undefined && !this.#members.includes(this.identity.nodeId);
  }
}

function transient(detail: string): ProposeResult {
  return { ok: false, reason: 'transient', detail };
}

function permanent(detail: string): ProposeResult {
  return { ok: false, reason: 'permanent', detail };
}
