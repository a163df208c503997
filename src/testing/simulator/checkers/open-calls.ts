import { InvariantViolation } from '../violation.js';

/** A call that has not ended yet. */
interface OpenCall {
  readonly name: string;
  /** Counts the calls of the process. */
  readonly number: number;
  /** By the clock of its process, in ms. */
  readonly deadlineMs: number;
}

/** The process that the calls are made in, as it is now. */
export interface CallingProcess {
  /** Its monotonic clock, in ms. */
  readonly nowMs: number;
  /** When it last stood still, by the same clock, in ms. */
  readonly frozenUntilMs: number;
  /** Whether it leads; calls of drivers end with the leadership. */
  readonly leads: boolean;
}

/** How late a call may end, in ms: two timers of the same instant fire one after the other. */
const GRACE_MS = 1;

/** The calls of one process to its driver: each ends by its deadline at the latest, and with the leadership. Invariant 19. */
export class OpenCalls {
  readonly #nodeId: number;
  readonly #calls = new Set<OpenCall>();
  #begun = 0;

  constructor(nodeId: number) {
    this.#nodeId = nodeId;
  }

  get count(): number {
    return this.#calls.size;
  }

  /** How many calls have begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Whether one of the first `count` calls is still open. */
  hasOneOf(count: number): boolean {
    for (const { number } of this.#calls) if (number < count) return true;
    return false;
  }

  /** Watches one call until it has ended, and returns it. */
  async watch<T>(name: string, deadlineMs: number, call: Promise<T>): Promise<T> {
    const open = { name, number: this.#begun++, deadlineMs };
    this.#calls.add(open);
    try {
      return await call;
    } finally {
      this.#calls.delete(open);
    }
  }

  /** @throws {InvariantViolation} if a call is open that should have ended. */
  check({ nowMs, frozenUntilMs, leads }: CallingProcess): void {
    for (const { name, deadlineMs } of this.#calls) {
      if (leads && nowMs <= Math.max(deadlineMs, frozenUntilMs) + GRACE_MS) continue;
      throw new InvariantViolation(
        'every call ends by its deadline, and with the leadership',
        `${name} of node ${this.#nodeId} waits at ${nowMs}, its deadline was ${deadlineMs}, and the node ${leads ? 'leads' : 'does not lead'}`,
      );
    }
  }
}
