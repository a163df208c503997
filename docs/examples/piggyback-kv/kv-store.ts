/** What a client of the store asks for. The id tells its own write from every other. */
export type KvCommand =
  | { readonly kind: 'put'; readonly id: string; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly id: string; readonly key: string };

/** The store's whole state, ascending by key, so that equal stores have equal bytes. */
export type KvContents = readonly (readonly [key: string, value: string])[];

/** The service's own state machine. It knows nothing of timestamps. */
export class KvStore {
  #values = new Map<string, string>();

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  fold(command: KvCommand): void {
    if (command.kind === 'put') this.#values.set(command.key, command.value);
    else this.#values.delete(command.key);
  }

  contents(): KvContents {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  restore(contents: KvContents): void {
    this.#values = new Map(contents);
  }
}
