import { EventEmitter } from 'eventemitter3';
import { EPOCH_ZERO, type Epoch, mergeHighWater } from '../consensus/index.js';
import { InvalidInputError, TsoracleError } from '../errors/index.js';
import type { NodeId, StopSign } from '../omnipaxos/index.js';
import { emitGuarded } from '../runtime/index.js';
import { pidOfEpoch } from './ballot-epoch.js';
import {
  assertCommand,
  type FoldVerdict,
  type HighWaterCommand,
  type ProposalId,
} from './high-water-command.js';
import { assertSnapshot, type HighWaterSnapshot } from './high-water-snapshot.js';
import { Ledger } from './ledger.js';

/** A command has been folded. */
export interface AppliedEvent {
  readonly command: HighWaterCommand;
  readonly verdict: FoldVerdict;
  /** The high-water in ms after the fold. */
  readonly highWater: number;
}

/**
 * The events of an apply state. Each is told in the turn of its cause, after the state has changed. A
 * listener may read the state; it must not change it.
 */
export interface ApplyStateEvents {
  readonly applied: (event: AppliedEvent) => void;
  /** The whole state has been replaced by that of a snapshot. */
  readonly restored: () => void;
}

/** Where an apply state begins, and whom it tells of listeners that fail. */
export interface ApplyStateOptions {
  /** The state to begin with. Default: high-water 0, EPOCH_ZERO, nothing folded. */
  readonly initial?: HighWaterSnapshot;
  /**
   * Told what a listener has thrown or rejected with. The event has reached, or will reach, every other
   * listener all the same, and nothing is undone. Default: it is only counted, in
   * `ApplyState.listenerErrors`.
   */
  readonly onListenerError?: (error: unknown, event: keyof ApplyStateEvents) => void;
}

/**
 * The replicated state machine of the high-water: what results from folding the decided log, entry by entry,
 * in order.
 *
 * It is a function of the log alone, so that replicas which have folded the same prefix are equal, however
 * they came by it. All methods are synchronous. A method that throws has changed nothing. Calling `fold`,
 * `foldStopSign` or `restore` from within a listener throws (`reentrant_fold`): later listeners would be told
 * of events in the wrong order.
 *
 * ```ts
 * const applyState = new ApplyState();
 * drainDecided(log, 0, (item) => {
 *   if (item.kind === 'snapshot') applyState.restore(item.snapshot.value.highWater);
 *   else if (item.kind === 'stopSign') applyState.foldStopSign(item.stopSign);
 *   else if ('highWater' in item.entry) applyState.fold(item.entry.highWater);
 *   else store.fold(item.entry.kv);
 * });
 * ```
 */
export class ApplyState {
  /** Typed events; see {@link ApplyStateEvents}. */
  readonly events = new EventEmitter<ApplyStateEvents>();
  readonly #onListenerError: NonNullable<ApplyStateOptions['onListenerError']>;
  readonly #ledger = new Ledger();
  #highWater = 0;
  #epoch: Epoch = EPOCH_ZERO;
  #members: readonly NodeId[] | undefined;
  #listenerErrors = 0;
  #telling = false;

  /** @throws {InvalidInputError} if `initial` breaks a rule of a snapshot. */
  constructor(options: ApplyStateOptions = {}) {
    this.#onListenerError = options.onListenerError ?? (() => {});
    if (options.initial !== undefined) this.#replace(options.initial);
  }

  /** The high-water in ms. It never falls. */
  get highWater(): number {
    return this.#highWater;
  }

  /** The highest epoch folded; EPOCH_ZERO before the first command. It never falls. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /** How often a listener has thrown or rejected. */
  get listenerErrors(): number {
    return this.#listenerErrors;
  }

  /**
   * Folds the next command of the log, and tells `applied`.
   *
   * Fencing happens here, in log order: an advance of a lower epoch than the highest one folded leaves the
   * high-water as it was, so that what a deposed leader had still on its way cannot move it once its
   * successor's first command is folded. Which ids have been folded before makes no difference to the result:
   * folding an advance twice is harmless.
   *
   * @throws {InvalidInputError} for a command that no node can have proposed.
   */
  fold(command: HighWaterCommand): FoldVerdict {
    this.#refuseReentry();
    assertCommand(command);
    const verdict = command.kind === 'advance' && command.epoch < this.#epoch ? 'fenced' : 'applied';
    if (command.kind === 'advance' && verdict === 'applied') {
      this.#highWater = mergeHighWater(this.#highWater, command.atLeast);
    }
    if (command.epoch > this.#epoch) this.#epoch = command.epoch;
    this.#ledger.note(command.id, pidOfEpoch(command.epoch));
    this.#tell('applied', [{ command, verdict, highWater: this.#highWater }]);
    return verdict;
  }

  /**
   * Folds a stop sign: forgets the proposals of all directories whose node is a member neither of the
   * configuration that ends nor of the next one. Nothing else ever prunes the ledger.
   *
   * The members of the configuration that ends are known from the stop sign before. There is none in the
   * first configuration, and then nothing needs to go: whoever has proposed until then is a member of it.
   */
  foldStopSign(stopSign: StopSign): void {
    this.#refuseReentry();
    const { nodes } = stopSign.nextConfig;
    if (this.#members !== undefined) this.#ledger.prune(new Set([...this.#members, ...nodes]));
    this.#members = [...nodes].sort((a, b) => a - b);
  }

  /**
   * Replaces the state by that of a snapshot which covers everything folded so far, and tells `restored`.
   *
   * @throws {InvalidInputError} if the snapshot breaks a rule, or lies behind the state: its high-water or
   * its epoch is lower.
   */
  restore(snapshot: HighWaterSnapshot): void {
    this.#refuseReentry();
    this.#replace(snapshot);
    this.#tell('restored', []);
  }

  /** The state as a snapshot: equal for equal prefixes of the log. It is not changed by later folds. */
  snapshot(): HighWaterSnapshot {
    return {
      value: this.#highWater,
      epoch: this.#epoch,
      ledger: this.#ledger.entries(),
      ...(this.#members === undefined ? {} : { members: this.#members }),
    };
  }

  /** The newest proposal of a data directory that has been folded, if any; it may have come with a snapshot. */
  lastFolded(directoryId: string): Pick<ProposalId, 'incarnation' | 'seq'> | undefined {
    return this.#ledger.lastFolded(directoryId);
  }

  #replace(snapshot: HighWaterSnapshot): void {
    assertSnapshot(snapshot);
    if (snapshot.value < this.#highWater) {
      throw new InvalidInputError('snapshot.value', snapshot.value, `must be at least ${this.#highWater}`);
    }
    if (snapshot.epoch < this.#epoch) {
      throw new InvalidInputError('snapshot.epoch', snapshot.epoch, `must be at least ${this.#epoch}`);
    }
    this.#highWater = snapshot.value;
    this.#epoch = snapshot.epoch;
    this.#ledger.replace(snapshot.ledger);
    this.#members = snapshot.members === undefined ? undefined : [...snapshot.members];
  }

  #refuseReentry(): void {
    if (!this.#telling) return;
    throw new TsoracleError('reentrant_fold', 'a listener of an apply state must not change that state');
  }

  #tell<Name extends keyof ApplyStateEvents>(
    name: Name,
    args: EventEmitter.EventArgs<ApplyStateEvents, Name>,
  ): void {
    this.#telling = true;
    emitGuarded(this.events, name, args, (error) => this.#reportListenerError(error, name));
    this.#telling = false;
  }

  #reportListenerError(error: unknown, name: keyof ApplyStateEvents): void {
    this.#listenerErrors += 1;
    try {
      this.#onListenerError(error, name);
    } catch {
      // There is nobody left to tell; the failure of the listener has been counted.
    }
  }
}
