/** One entry of the log, with the term in which its leader has written it. */
export interface FakeEntry {
  readonly term: number;
  readonly data: unknown;
}

/**
 * Stands for a replicated log of somebody else's, in the words of another protocol: terms, a commit index, and a callback. It has one
 * replica, and takes a turn of the event loop to commit.
 */
export class FakeLog {
  readonly #entries: FakeEntry[] = [];
  readonly #onCommit = new Set<() => void>();
  #term = 0;
  #leads = false;
  #commitIndex = 0;

  /** `leads`: whether this replica leads the term. `commitIndex`: how many entries are committed. */
  get status(): { readonly term: number; readonly leads: boolean; readonly commitIndex: number } {
    return { term: this.#term, leads: this.#leads, commitIndex: this.#commitIndex };
  }

  /** Begins a term: this replica leads it, or another one does. */
  elect(self: boolean): void {
    this.#term += 1;
    this.#leads = self;
  }

  /** Whoever leads writes; entries of other replicas arrive in this way, too. */
  write(data: unknown): void {
    this.#entries.push({ term: this.#term, data });
    setImmediate(() => {
      this.#commitIndex = this.#entries.length;
      for (const listener of this.#onCommit) listener();
    });
  }

  entriesBetween(from: number, to: number): readonly FakeEntry[] {
    return this.#entries.slice(from, to);
  }

  onCommit(listener: () => void): () => void {
    this.#onCommit.add(listener);
    return () => this.#onCommit.delete(listener);
  }
}
