import type { NodeId } from '../../omnipaxos/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import type { FaultCounters } from './counters.js';
import type { FaultPlan } from './fault-plan.js';
import { JournalDisk } from './journal-disk.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedClock } from './simulated-clock.js';
import {
  type DiskBehaviour,
  type DiskFault,
  MemoryBackedDisk,
  type SimulatedDisk,
  type SimulatedDiskOptions,
} from './simulated-disk.js';

/** How the disks of a world behave at the moment. */
export interface DiskFaults {
  /** How long a sync takes, in ms. */
  syncMs: { min: number; max: number };
  /** The probability that a call fails, which stops the node. */
  failure: number;
  /** The probability that a write is cut short, and says so. */
  shortWrites: number;
}

export interface MachineDiskOptions {
  readonly nodeId: NodeId;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
  readonly faults: DiskFaults;
  readonly counters: FaultCounters;
  readonly trace: (nodeId: NodeId, event: string) => void;
  /** The power fails, if it is still the same process. */
  readonly crash: () => void;
  /** Something has happened to the machine. */
  readonly touch: () => void;
}

export function newDisk(disks: FaultPlan['disks'], options: SimulatedDiskOptions): SimulatedDisk {
  return disks === 'journal' ? new JournalDisk(options) : new MemoryBackedDisk(options);
}

/**
 * How a machine's disk treats its processes: how long calls take, which of them fail, and in which of them
 * the power fails. Calls complete in the order in which they were made only as far as storage waits for one
 * before it makes the next: two that are under way at once may complete in either order.
 */
export class MachineDisk {
  readonly #options: MachineDiskOptions;
  /** The power fails in the call after so many others. */
  #callsUntilCrash = Number.POSITIVE_INFINITY;
  #fullUntilMs = 0;

  constructor(options: MachineDiskOptions) {
    this.#options = options;
  }

  /** The power fails in the call after `calls` others, if the process comes to that. */
  crashInCall(calls: number): void {
    this.#callsUntilCrash = calls;
  }

  /** For so long in ms there is no room left. */
  fill(durationMs: number): void {
    this.#fullUntilMs = this.#options.scheduler.nowMs + durationMs;
  }

  /** Takes back what has been prepared for the future. */
  relieve(): void {
    this.#callsUntilCrash = Number.POSITIVE_INFINITY;
    this.#fullUntilMs = 0;
  }

  /** How it behaves towards one process. */
  behaviour(isAlive: () => boolean): DiskBehaviour {
    return {
      take: (kind, done) => this.#completeLater(isAlive, kind, done),
      fault: (kind) => (isAlive() ? this.#fault(kind) : undefined),
    };
  }

  #completeLater(isAlive: () => boolean, kind: 'sync' | 'write', done: () => void): void {
    if (!isAlive()) return;
    const { clock, counters, crash, faults, random, scheduler, touch } = this.#options;
    const crashes = this.#callsUntilCrash-- === 0;
    const crashesBefore = crashes && random.chance(0.5);
    const complete = (): void => {
      if (!isAlive()) return;
      touch();
      if (clock.deafForMs > 0) {
        scheduler.after(clock.deafForMs, complete);
        return;
      }
      if (crashes) counters.crashesInWrites += 1;
      if (crashesBefore) crash();
      else done();
      // In the turn after: the call has been carried out, and what follows from it has been said.
      if (crashes) scheduler.after(0, () => isAlive() && crash());
    };
    scheduler.after(kind === 'sync' ? random.between(faults.syncMs.min, faults.syncMs.max) : 0.01, complete);
  }

  #fault(kind: 'sync' | 'write' | 'read'): DiskFault | undefined {
    const { counters, faults, nodeId, scheduler, trace } = this.#options;
    const fault = this.#drawFault(kind, scheduler.nowMs < this.#fullUntilMs, faults);
    if (fault === undefined || fault === 'short') return fault;
    counters.diskFailures += 1;
    if (kind === 'sync') counters.fsyncFailures += 1;
    trace(nodeId, `its disk ${fault === 'full' ? 'is full' : `fails a ${kind}`}`);
    return fault;
  }

  #drawFault(kind: 'sync' | 'write' | 'read', isFull: boolean, faults: DiskFaults): DiskFault | undefined {
    if (isFull && kind === 'write') return 'full';
    if (this.#options.random.chance(faults.failure)) return 'fails';
    return kind === 'write' && this.#options.random.chance(faults.shortWrites) ? 'short' : undefined;
  }
}
