import { EventEmitter } from 'eventemitter3';
import { EPOCH_ZERO, type Epoch, type LeaderState, toEpoch } from '../../src/consensus/index.js';
import type {
  HostIdentity,
  PaxosHighWaterHost,
  PaxosHighWaterHostEvents,
  ProposeResult,
} from '../../src/driver/index.js';
import { ApplyState, type HighWaterCommand, type HighWaterSnapshot } from '../../src/high-water/index.js';

export const DIRECTORY = '00000000000000aa';
export const OTHER_DIRECTORY = '00000000000000bb';

/**
 * A host whose every step is taken by the test: proposals gather in `log` until the test folds or drops them.
 */
export class ScriptedHost implements PaxosHighWaterHost {
  readonly events = new EventEmitter<PaxosHighWaterHostEvents>();
  readonly identity: HostIdentity;
  readonly applyState: ApplyState;
  /** Proposed, neither folded nor dropped yet. */
  readonly log: HighWaterCommand[] = [];
  /** Everything ever proposed. */
  readonly proposed: HighWaterCommand[] = [];
  /** What `propose` answers instead of appending. */
  refusal: ProposeResult | undefined;
  /** Folds each proposal within `propose`, as a host might that needs nobody else. */
  foldsAtOnce = false;
  #leadership: LeaderState = { role: 'unknown' };
  #failure: Error | undefined;

  constructor(incarnation = 1, initial?: HighWaterSnapshot) {
    this.identity = { nodeId: 1, directoryId: DIRECTORY, incarnation };
    this.applyState = new ApplyState(initial === undefined ? {} : { initial });
  }

  leadership(): LeaderState {
    return this.#leadership;
  }

  applyFailure(): Error | undefined {
    return this.#failure;
  }

  propose(command: HighWaterCommand): ProposeResult {
    if (this.refusal !== undefined) return this.refusal;
    if (this.#leadership.role !== 'leader' || this.#leadership.epoch !== command.epoch) {
      return { ok: false, reason: 'not_leader' };
    }
    this.log.push(command);
    this.proposed.push(command);
    if (this.foldsAtOnce) this.foldNext();
    return { ok: true };
  }

  /** The state changes and is told. */
  lead(epoch: bigint): Epoch {
    this.startLeading(epoch);
    this.events.emit('change');
    return toEpoch(epoch);
  }

  /** Leads from now on; nobody is told yet. */
  startLeading(epoch: bigint): void {
    const state: LeaderState = {
      role: 'leader',
      epoch: toEpoch(epoch),
      lease: { isValid: () => this.#leadership === state },
    };
    this.#leadership = state;
  }

  follow(epoch: bigint, endpoint?: string): void {
    const leader = endpoint === undefined ? { epoch: toEpoch(epoch) } : { epoch: toEpoch(epoch), endpoint };
    this.setLeadership({ role: 'follower', leader });
    this.events.emit('change');
  }

  knowNobody(): void {
    this.setLeadership({ role: 'unknown' });
    this.events.emit('change');
  }

  /** The state changes; nobody is told yet. */
  setLeadership(state: LeaderState): void {
    this.#leadership = state;
  }

  fail(error: Error): void {
    this.#failure = error;
    this.events.emit('change');
  }

  foldNext(): void {
    const command = this.log.shift();
    if (command === undefined) throw new Error('nothing to fold');
    this.applyState.fold(command);
  }

  dropNext(): void {
    this.log.shift();
  }

  /** Another node's barrier is folded. */
  foldForeign(epoch: bigint, seq = 1): void {
    const id = { directoryId: OTHER_DIRECTORY, incarnation: 1, seq };
    this.applyState.fold({ kind: 'barrier', epoch: toEpoch(epoch), id });
  }

  get listeners(): number {
    const { events } = this.applyState;
    return (
      this.events.listenerCount('change') + events.listenerCount('applied') + events.listenerCount('restored')
    );
  }
}

export function snapshotOf(overrides: Partial<HighWaterSnapshot>): HighWaterSnapshot {
  return { value: 0, epoch: EPOCH_ZERO, ledger: [], ...overrides };
}
