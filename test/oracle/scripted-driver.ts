import {
  type CallOptions,
  type ConsensusDriver,
  ConsensusError,
  type Epoch,
  type LeadershipStream,
} from '../../src/consensus/index.js';
import { MemoryDriver } from '../../src/driver/index.js';
import { type Clock, delay } from '../../src/runtime/index.js';

/** What becomes of one call: how long it takes, and whether it fails, before or after its effect. */
export interface CallFate {
  readonly delayMs?: number;
  readonly fail?: { readonly error: Error; readonly when: 'before' | 'after' };
  /** Answers although the caller has given up. */
  readonly ignoresSignal?: boolean;
}

export const transient = (): ConsensusError => new ConsensusError('transient', 'scripted');

/** A MemoryDriver whose calls do what the test says. */
export class ScriptedDriver implements ConsensusDriver {
  readonly memory: MemoryDriver;
  readonly persisted: { atLeast: number; epoch: Epoch; actual: number }[] = [];
  loads = 0;
  persists = 0;
  fate: (call: { kind: 'load' | 'persist'; number: number }) => CallFate = () => ({});
  readonly #clock: Clock;

  constructor(clock: Clock, memory = new MemoryDriver()) {
    this.#clock = clock;
    this.memory = memory;
  }

  leadershipEvents(): LeadershipStream {
    return this.memory.leadershipEvents();
  }

  async loadHighWater(options: CallOptions = {}): Promise<number> {
    const fate = this.fate({ kind: 'load', number: this.loads++ });
    return this.#meet(fate, options, () => this.memory.loadHighWater());
  }

  async persistHighWater(atLeast: number, epoch: Epoch, options: CallOptions = {}): Promise<number> {
    const fate = this.fate({ kind: 'persist', number: this.persists++ });
    return this.#meet(fate, options, async () => {
      const actual = await this.memory.persistHighWater(atLeast, epoch);
      this.persisted.push({ atLeast, epoch, actual });
      return actual;
    });
  }

  close(): Promise<void> {
    return this.memory.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #meet(
    { delayMs = 0, fail, ignoresSignal = false }: CallFate,
    { signal }: CallOptions,
    call: () => Promise<number>,
  ): Promise<number> {
    if (delayMs > 0) await delay(this.#clock, delayMs, ignoresSignal ? undefined : signal);
    if (fail?.when === 'before') throw fail.error;
    const value = await call();
    if (fail?.when === 'after') throw fail.error;
    return value;
  }
}
