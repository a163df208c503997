import type { Codecs } from '../codec/index.js';
import type { NodeId, StableState, StableWrite } from '../omnipaxos/index.js';
import type { Logger } from '../runtime/index.js';
import type { JournalWriter } from './journal-writer.js';
import type { HeldLock } from './lock-file.js';
import { boundsAfter, type LogBounds } from './log-bounds.js';
import { encodeOperation, type JournalOperation } from './record-codec.js';
import type { PeerIdentity, Storage, StorageIdentity } from './storage.js';

/** What an opened data directory hands to its {@link Journal}. */
export interface OpenedDirectory<E, S> {
  readonly identity: StorageIdentity;
  readonly peerAddresses: ReadonlyMap<NodeId, string>;
  readonly recovered: StableState<E, S>;
  readonly peers: readonly PeerIdentity[];
  readonly bounds: LogBounds;
  readonly codecs: Codecs<E, S>;
  readonly writer: JournalWriter<E, S>;
  readonly lock: HeldLock;
  readonly logger: Logger;
}

/**
 * The storage of one node in a data directory: what its acceptor promised and accepted, in a journal that
 * survives crashes of process and machine. Made by `openJournal`; see `docs/storage-format.md` for what is on
 * disk.
 *
 * Writes are encoded in the turn of the call, and carried out by one writer that never blocks the event loop.
 * Entries and snapshots that are handed in must not be changed afterwards: each new segment is made of them,
 * as they then are. A call whose writes do not fit the log, or cannot be encoded, is refused with an
 * `InvalidInputError` and nothing of it is written; as any failure, it is the last thing that this journal
 * does.
 */
export class Journal<E, S> implements Storage<E, S> {
  /** Whose directory this is, and which life of it. */
  readonly identity: StorageIdentity;
  /** Where the other members of the first configuration listen for their peers, as `init` was told. */
  readonly peerAddresses: ReadonlyMap<NodeId, string>;
  readonly #recovered: StableState<E, S>;
  readonly #codecs: Codecs<E, S>;
  readonly #writer: JournalWriter<E, S>;
  readonly #lock: HeldLock;
  readonly #logger: Logger;
  /** Where the log will begin and end when everything taken so far is carried out. */
  #bounds: LogBounds;
  #peers: readonly PeerIdentity[];
  #closed: Promise<void> | undefined;

  constructor(opened: OpenedDirectory<E, S>) {
    this.identity = opened.identity;
    this.peerAddresses = opened.peerAddresses;
    this.#recovered = opened.recovered;
    this.#codecs = opened.codecs;
    this.#writer = opened.writer;
    this.#lock = opened.lock;
    this.#logger = opened.logger;
    this.#bounds = opened.bounds;
    this.#peers = opened.peers;
  }

  load(): StableState<E, S> {
    return this.#recovered;
  }

  peers(): readonly PeerIdentity[] {
    return this.#peers;
  }

  persist(writes: readonly StableWrite<E, S>[], needsSync: boolean): Promise<void> {
    return this.#submit({ kind: 'writes', writes: [...writes] }, needsSync);
  }

  async rememberPeers(peers: readonly PeerIdentity[]): Promise<void> {
    const operation = { kind: 'peers', peers: [...peers] } as const;
    await this.#submit(operation, true);
    this.#peers = operation.peers;
  }

  markRefused(reason: string): Promise<void> {
    return this.#submit({ kind: 'refused', reason }, true);
  }

  /**
   * Carries out what was asked for, makes it durable, and frees the directory. Idempotent. It does not reject
   * because of an earlier failure; if the last writes cannot be made durable (none of them was promised to
   * be) it logs that.
   */
  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    try {
      await this.#writer.close();
    } catch (error) {
      this.#logger.error({ error }, 'the journal failed while it was closed');
    }
    try {
      await this.#lock.release();
    } catch (error) {
      this.#logger.error({ error }, 'the lock of the data directory could not be removed');
    }
  }

  #submit(operation: JournalOperation<E, S>, needsSync: boolean): Promise<void> {
    if (this.#writer.refusal !== undefined) return Promise.reject(this.#writer.refusal);
    try {
      const bounds = operation.kind === 'writes' ? boundsAfter(this.#bounds, operation.writes) : this.#bounds;
      const record = encodeOperation(operation, this.#codecs);
      this.#bounds = bounds;
      return this.#writer.submit(operation, record, needsSync);
    } catch (error) {
      // Both calls above throw Errors only.
      return Promise.reject(this.#writer.refuse(error as Error));
    }
  }
}
