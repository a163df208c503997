import { unreachable } from '../errors/index.js';
import { BALLOT_ZERO, type ClusterConfig, type StableWrite } from '../omnipaxos/index.js';
import { StableImage } from './stable-image.js';
import type { PeerIdentity } from './storage.js';

/** One step in the life of a storage: what is carried out whole or not at all, in order. */
export type StorageOperation<E, S> =
  /** The writes of one `persist`. */
  | { readonly kind: 'writes'; readonly writes: readonly StableWrite<E, S>[] }
  /** The table of remembered peers becomes this one. */
  | { readonly kind: 'peers'; readonly peers: readonly PeerIdentity[] }
  /** The storage was opened once more; its incarnation is how often that has happened. */
  | { readonly kind: 'opening'; readonly bootId: string }
  /** The storage must never take part again. */
  | { readonly kind: 'refused'; readonly reason: string };

/** All that one storage holds, changed operation by operation. */
export class StorageImage<E, S> {
  readonly stable: StableImage<E, S>;
  #peers: readonly PeerIdentity[];
  #bootIds: readonly string[];
  #refusedReason: string | undefined;

  constructor(
    stable: StableImage<E, S>,
    rest: {
      readonly peers?: readonly PeerIdentity[];
      readonly bootIds?: readonly string[];
      readonly refusedReason?: string | undefined;
    } = {},
  ) {
    this.stable = stable;
    this.#peers = rest.peers ?? [];
    this.#bootIds = rest.bootIds ?? [];
    this.#refusedReason = rest.refusedReason;
  }

  /** The image of a storage that was never opened. A first snapshot stands in the place of the first record. */
  static initial<E, S>(config: ClusterConfig, firstSnapshot?: S): StorageImage<E, S> {
    const begin =
      firstSnapshot === undefined
        ? { decidedIdx: 0 }
        : { decidedIdx: 1, snapshot: { value: firstSnapshot, compactedIdx: 1, config } };
    return new StorageImage(
      new StableImage<E, S>({
        config,
        promise: BALLOT_ZERO,
        acceptedRound: BALLOT_ZERO,
        ...begin,
        records: [],
      }),
    );
  }

  get peers(): readonly PeerIdentity[] {
    return this.#peers;
  }

  /** One for each opening so far. */
  get bootIds(): readonly string[] {
    return this.#bootIds;
  }

  /** Why this storage must never take part again; undefined if it may. */
  get refusedReason(): string | undefined {
    return this.#refusedReason;
  }

  /** An independent copy. */
  clone(): StorageImage<E, S> {
    return new StorageImage(new StableImage(this.stable.live), {
      peers: this.#peers,
      bootIds: this.#bootIds,
      refusedReason: this.#refusedReason,
    });
  }

  /** @throws {InvalidInputError} if writes do not fit; nothing has changed then. */
  apply(operation: StorageOperation<E, S>): void {
    switch (operation.kind) {
      case 'writes':
        this.stable.apply(operation.writes);
        return;
      case 'peers':
        this.#peers = operation.peers;
        return;
      case 'opening':
        this.#bootIds = [...this.#bootIds, operation.bootId];
        return;
      case 'refused':
        this.#refusedReason = operation.reason;
        return;
      default:
        unreachable(operation);
    }
  }
}
