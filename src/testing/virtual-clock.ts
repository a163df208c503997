import { TsoracleError } from '../errors/index.js';
import type { Clock, Timer } from '../runtime/index.js';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * Virtual time: nothing happens until {@link advance} is called, and then everything due happens in order of time, and of
 * arming for equal times. Deterministic.
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #armed = 0;
  readonly #pending = new Set<Pending>();

  /** @param wallMs the wall clock's reading at the start. */
  constructor(wallMs = 1_700_000_000_000) {
    this.#wallOffsetMs = wallMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Math.floor(this.#nowMs + this.#wallOffsetMs);
  }

  /** Steps the wall clock by `deltaMs`, which may be negative. Timers do not notice. */
  stepWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const pending: Pending = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#armed++, callback };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers are armed. */
  get armedTimers(): number {
    return this.#pending.size;
  }

  /**
   * Lets `deltaMs` pass: runs what falls due, in order, including what is armed meanwhile. Promise reactions do not run in
   * between; see {@link advanceAsync}.
   */
  advance(deltaMs: number): void {
    const endMs = this.#nowMs + deltaMs;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) this.#fire(next);
    this.#nowMs = endMs;
  }

  /** As {@link advance}, with all promise reactions run before the first timer, between timers, and at the end. */
  async advanceAsync(deltaMs: number): Promise<void> {
    const endMs = this.#nowMs + deltaMs;
    await settleMicrotasks();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#fire(next);
      await settleMicrotasks();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.dueMs > endMs) continue;
      if (
        first === undefined ||
        pending.dueMs < first.dueMs ||
        (pending.dueMs === first.dueMs && pending.order < first.order)
      ) {
        first = pending;
      }
    }
    return first;
  }

  #fire(pending: Pending): void {
    this.#pending.delete(pending);
    if (pending.dueMs < this.#nowMs) throw new TsoracleError('internal', 'virtual time would go back');
    this.#nowMs = pending.dueMs;
    pending.callback();
  }
}

/** Lets all promise reactions that are due run, without letting any time pass. */
export async function settleMicrotasks(): Promise<void> {
  // One turn of the macrotask queue runs every promise reaction, however long their chains are.
  await new Promise<void>((resolve) => setImmediate(resolve));
}
