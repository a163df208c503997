/** One endpoint and how it has behaved. */
export interface EndpointEntry {
  readonly address: string;
  /** Whether it was configured; else it was learnt from a hint. */
  readonly isConfigured: boolean;
  /** Attempts under way. */
  busy: number;
  /** Failures in a row. */
  failures: number;
  /** Monotonic ms before which it must be left in peace. */
  restUntilMs: number;
}

/**
 * The endpoints that a client may ask: those configured, for ever, and a bounded number learnt from hints,
 * the least recently used of which gives way.
 */
export class EndpointTable {
  readonly #configured: readonly EndpointEntry[];
  /** In the order of their last use. */
  readonly #hinted = new Map<string, EndpointEntry>();
  readonly #maxHinted: number;
  readonly #onForgotten: (address: string) => void;

  constructor(addresses: readonly string[], maxHinted: number, onForgotten: (address: string) => void) {
    this.#configured = [...new Set(addresses)].map((address) => newEntry(address, true));
    this.#maxHinted = maxHinted;
    this.#onForgotten = onForgotten;
  }

  get configured(): readonly EndpointEntry[] {
    return this.#configured;
  }

  *[Symbol.iterator](): Generator<EndpointEntry> {
    yield* this.#configured;
    yield* this.#hinted.values();
  }

  find(address: string): EndpointEntry | undefined {
    return this.#hinted.get(address) ?? this.#configured.find((entry) => entry.address === address);
  }

  /**
   * The entry of an address, made if need be.
   * @param keep an address that must not be forgotten for it.
   * @returns undefined if it is new and there is no room, because all hinted ones are busy or to be kept.
   */
  admit(address: string, keep: string | undefined): EndpointEntry | undefined {
    const known = this.find(address);
    if (known !== undefined) {
      if (this.#hinted.delete(address)) this.#hinted.set(address, known);
      return known;
    }
    if (this.#hinted.size >= this.#maxHinted && !this.#forgetOne(keep)) return undefined;
    const entry = newEntry(address, false);
    this.#hinted.set(address, entry);
    return entry;
  }

  #forgetOne(keep: string | undefined): boolean {
    for (const { address, busy } of this.#hinted.values()) {
      if (busy > 0 || address === keep) continue;
      this.#hinted.delete(address);
      this.#onForgotten(address);
      return true;
    }
    return false;
  }
}

function newEntry(address: string, isConfigured: boolean): EndpointEntry {
  return { address, isConfigured, busy: 0, failures: 0, restUntilMs: Number.NEGATIVE_INFINITY };
}
