import { EventEmitter } from 'eventemitter3';
import {
  ApplyEngine,
  ApplyState,
  ApplyTask,
  type DecidedLog,
  type Epoch,
  type HighWaterCommand,
  type HostIdentity,
  type LeaderState,
  type PaxosHighWaterHost,
  type PaxosHighWaterHostEvents,
  type ProposeResult,
  toEpoch,
} from '../../../src/index.js';
import type { DecidedItem } from '../../../src/omnipaxos/index.js';
import type { FakeLog } from './fake-log.js';

/** What the log carries: notes of its service, and the oracle's commands. */
export type ForeignEntry = { readonly note: string } | { readonly highWater: HighWaterCommand };

/** The high-water on a log that is not this package's: its read view, and its port for the driver. */
export class ForeignHost implements PaxosHighWaterHost, AsyncDisposable {
  readonly identity: HostIdentity;
  readonly applyState = new ApplyState();
  readonly events = new EventEmitter<PaxosHighWaterHostEvents>();
  /** The service's own state. */
  readonly notes: string[] = [];
  readonly #log: FakeLog;
  readonly #task: ApplyTask<ForeignEntry, never>;
  #failure: Error | undefined;

  /** @param incarnation must be raised durably at each start of the process. */
  constructor(log: FakeLog, incarnation: number) {
    this.#log = log;
    this.identity = { nodeId: 1, directoryId: '00000000000000aa', incarnation };
    const engine = new ApplyEngine({ log: readView(log), fold: (item) => this.#fold(item) });
    engine.recover();
    this.#task = new ApplyTask({
      engine,
      subscribe: (wake) => log.onCommit(wake),
      onDied: (death) =>
        this.#ended(death.kind === 'failed' ? death.error : new Error('the host was closed')),
    });
    this.#task.start();
  }

  /** The log's term has changed: to be called by whoever hears of it first, before anything else is folded. */
  electionHeld(): void {
    this.events.emit('change');
  }

  propose(command: HighWaterCommand): ProposeResult {
    if (this.#failure !== undefined) {
      return { ok: false, reason: 'permanent', detail: this.#failure.message };
    }
    if (!this.#leadsAt(command.epoch)) return { ok: false, reason: 'not_leader' };
    this.#log.write({ highWater: command } satisfies ForeignEntry);
    return { ok: true };
  }

  /** A term is an epoch: it has one leader at most, and never falls. */
  leadership(): LeaderState {
    const { leads, term } = this.#log.status;
    if (this.#failure !== undefined || term === 0) return { role: 'unknown' };
    const epoch = epochOf(term);
    // A log with leases asks its lease here. Without one, a leader that was deposed may serve until it hears of that.
    if (leads) return { role: 'leader', epoch, lease: { isValid: () => this.#leadsAt(epoch) } };
    return { role: 'follower', leader: { epoch } };
  }

  applyFailure(): Error | undefined {
    return this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#task.stop();
  }

  #leadsAt(epoch: Epoch): boolean {
    const { leads, term } = this.#log.status;
    return this.#failure === undefined && leads && epochOf(term) === epoch;
  }

  #fold(item: DecidedItem<ForeignEntry, never>): void {
    if (item.kind !== 'entry') throw new Error(`this log has no ${item.kind}`);
    if ('highWater' in item.entry) this.applyState.fold(item.entry.highWater);
    else this.notes.push(item.entry.note);
  }

  #ended(failure: Error): void {
    this.#failure = failure;
    this.events.emit('change');
  }
}

/** All that the primitives need of a log. This one is never compacted. */
export function readView(log: FakeLog): DecidedLog<ForeignEntry, never> {
  return {
    get decidedIdx() {
      return log.status.commitIndex;
    },
    read: (fromIdx, limit = Number.POSITIVE_INFINITY) =>
      log.entriesBetween(fromIdx, Math.min(log.status.commitIndex, fromIdx + limit)).map(({ data }, i) => ({
        kind: 'entry',
        idx: fromIdx + i,
        // Only this service writes to its log.
        entry: data as ForeignEntry,
      })),
  };
}

function epochOf(term: number): Epoch {
  return toEpoch(BigInt(term));
}
