import { EventEmitter } from 'eventemitter3';
import { type Epoch, type LeaderState, toEpoch } from '../../src/consensus/index.js';
import type {
  HostIdentity,
  PaxosHighWaterHost,
  PaxosHighWaterHostEvents,
  ProposeResult,
} from '../../src/driver/index.js';
import { ApplyState, type HighWaterCommand } from '../../src/high-water/index.js';
import type { HostCapabilities, HostHarness } from '../../src/testing/host-conformance.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';

/** What outlives a model host. */
export class ModelDisk {
  /** The log: all of it is decided. */
  readonly commands: HighWaterCommand[] = [];
  lives = 0;
  epoch = 0n;

  nextEpoch(): Epoch {
    this.epoch += 1n;
    return toEpoch(this.epoch);
  }
}

export const OWN_DIRECTORY = '00000000000000aa';
const OTHER_DIRECTORY = '00000000000000bb';

/** The simplest host that keeps the contract: what it appends is decided, and folded in a later turn. Made to be broken, part by part. */
export class ModelHost implements PaxosHighWaterHost {
  readonly identity: HostIdentity;
  readonly applyState = new ApplyState();
  readonly events = new EventEmitter<PaxosHighWaterHostEvents>();
  protected readonly disk: ModelDisk;
  protected state: LeaderState = { role: 'unknown' };
  protected failure: Error | undefined;
  #cursor = 0;
  #foreignSeq = 0;
  #isClosed = false;
  #cannotFold = false;

  constructor(disk: ModelDisk) {
    this.disk = disk;
    disk.lives += 1;
    this.identity = { nodeId: 1, directoryId: OWN_DIRECTORY, incarnation: disk.lives };
  }

  /** Recovers, and leads. */
  open(): void {
    this.foldAll();
    this.lead(this.disk.nextEpoch());
  }

  close(): void {
    this.#isClosed = true;
  }

  leadership(): LeaderState {
    return this.failure === undefined ? this.state : { role: 'unknown' };
  }

  applyFailure(): Error | undefined {
    return this.failure;
  }

  propose(command: HighWaterCommand): ProposeResult {
    if (this.failure !== undefined) {
      return { ok: false, reason: 'permanent', detail: this.failure.message };
    }
    if (!this.leadsAt(command.epoch)) return { ok: false, reason: 'not_leader' };
    this.append(command);
    return { ok: true };
  }

  breakApply(): void {
    this.#cannotFold = true;
  }

  /** Another node takes over, and writes. */
  lose(): void {
    const epoch = this.disk.nextEpoch();
    this.follow(epoch);
    this.writeForeign(epoch);
  }

  regain(): void {
    this.lead(this.disk.nextEpoch());
  }

  protected leadsAt(epoch: Epoch): boolean {
    return this.state.role === 'leader' && this.state.epoch === epoch;
  }

  protected append(command: HighWaterCommand): void {
    this.disk.commands.push(command);
    queueMicrotask(() => this.foldAll());
  }

  protected lead(epoch: Epoch): void {
    const state: LeaderState = {
      role: 'leader',
      epoch,
      lease: { isValid: () => this.state === state && this.failure === undefined },
    };
    this.state = state;
    this.tellChange();
  }

  protected follow(epoch: Epoch): void {
    this.state = { role: 'follower', leader: { epoch } };
    this.tellChange();
  }

  protected writeForeign(epoch: Epoch): void {
    this.#foreignSeq += 1;
    const id = { directoryId: OTHER_DIRECTORY, incarnation: this.disk.lives, seq: this.#foreignSeq };
    this.disk.commands.push({ kind: 'barrier', epoch, id });
    this.foldAll();
  }

  protected foldAll(): void {
    for (
      let next = this.disk.commands[this.#cursor];
      next !== undefined && this.failure === undefined && !this.#isClosed;
      next = this.disk.commands[this.#cursor]
    ) {
      this.#cursor += 1;
      if (this.#cannotFold) this.fail(new Error('a command cannot be folded'));
      else this.fold(next);
    }
  }

  protected fold(command: HighWaterCommand): void {
    this.applyState.fold(command);
  }

  protected fail(error: Error): void {
    this.failure = error;
    this.tellChange();
  }

  protected tellChange(): void {
    this.events.emit('change');
  }
}

export const MODEL_CAPABILITIES: HostCapabilities = { leadership: true, breakApply: true, reopen: true };

/** A model host, or a broken one, on a disk of its own. */
export function modelHarness(
  make: (disk: ModelDisk) => ModelHost = (disk) => new ModelHost(disk),
): HostHarness {
  const disk = new ModelDisk();
  let host = make(disk);
  host.open();
  return {
    host,
    until: async (condition) => {
      for (let turn = 0; turn < 20; turn++) {
        if (condition()) return;
        await settleMicrotasks();
      }
      throw new Error('it did not come within 20 turns');
    },
    leadership: { lose: async () => host.lose(), regain: async () => host.regain() },
    breakApply: () => host.breakApply(),
    reopen: async () => {
      host.close();
      host = make(disk);
      host.open();
      return host;
    },
    dispose: async () => host.close(),
  };
}
