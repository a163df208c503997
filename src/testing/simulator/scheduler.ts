/** Something that is going to happen, unless it is taken back. */
export interface ScheduledEvent {
  readonly dueMs: number;
  cancel(): void;
}

class Entry implements ScheduledEvent {
  readonly dueMs: number;
  readonly order: number;
  run: (() => void) | undefined;

  constructor(dueMs: number, order: number, run: () => void) {
    this.dueMs = dueMs;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

/**
 * True time of a simulated world, and what is going to happen in it: events run one at a time, by time, and by order of
 * scheduling for equal times. Deterministic.
 */
export class Scheduler {
  #nowMs = 0;
  #scheduled = 0;
  /** A binary heap: the next event first. */
  readonly #heap: Entry[] = [];

  /** ms of true time since the world began; fractional. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Schedules `run` for `delayMs` from now (at least 0). */
  after(delayMs: number, run: () => void): ScheduledEvent {
    const entry = new Entry(this.#nowMs + Math.max(0, delayMs), this.#scheduled++, run);
    this.#push(entry);
    return entry;
  }

  /** Runs the next event, and moves time to it. @returns false if nothing is scheduled up to `untilMs`. */
  runNext(untilMs = Number.POSITIVE_INFINITY): boolean {
    for (let first = this.#heap[0]; first !== undefined && first.dueMs <= untilMs; first = this.#heap[0]) {
      this.#pop();
      if (first.run === undefined) continue;
      this.#nowMs = first.dueMs;
      first.run();
      return true;
    }
    return false;
  }

  #push(entry: Entry): void {
    let at = this.#heap.push(entry) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#heap[parentAt];
      if (parent === undefined || !isBefore(entry, parent)) break;
      this.#heap[at] = parent;
      at = parentAt;
    }
    this.#heap[at] = entry;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = this.#heap[2 * at + 1];
      const right = this.#heap[2 * at + 2];
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, last)) break;
      const childAt = child === left ? 2 * at + 1 : 2 * at + 2;
      this.#heap[at] = child;
      at = childAt;
    }
    this.#heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
