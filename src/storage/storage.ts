import type { NodeId, StableState, StableWrite } from '../omnipaxos/index.js';

/** 64 random bits as 16 lower-case hexadecimal digits: names one data directory for ever. */
export type DirectoryId = string;

/** One node's identity as another node remembers it. */
export interface PeerIdentity {
  readonly nodeId: NodeId;
  readonly directoryId: DirectoryId;
  /** The highest incarnation seen of that node. */
  readonly incarnation: number;
  /** The bootId of that incarnation: 16 hexadecimal digits. */
  readonly bootId: string;
}

/** Who a storage belongs to, as of this opening. */
export interface StorageIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly directoryId: DirectoryId;
  /** Raised durably at each opening; 1 at the first. */
  readonly incarnation: number;
  /** One random id for each opening so far; `bootIds[incarnation - 1]` is this opening's. */
  readonly bootIds: readonly string[];
}

/**
 * Stable storage of one node: what an acceptor must not forget.
 *
 * ## What implementors guarantee
 *
 * 1. A `persist` is atomic: after a crash either all of its writes are there, or none is; and in order: a later one is never
 *    there without the earlier ones.
 * 2. When a `persist` with `needsSync` resolves, its writes and all earlier ones survive any crash.
 * 3. The first failure is final: that call and every later one reject with the same error; nothing is retried, and nothing
 *    further is written.
 * 4. `load` returns what the last opening found, complete and contiguous, or the opening has failed with a typed error that
 *    names what is damaged. It never returns less than was acknowledged.
 *
 * ## What callers may assume
 *
 * Calls may overlap; they take effect in call order. One caller owns a storage at a time.
 */
export interface Storage<E, S> {
  readonly identity: StorageIdentity;
  /** What was recovered when this storage was opened. It does not follow later writes. Synchronous. */
  load(): StableState<E, S>;
  /** The identities of peers remembered at opening, and since. */
  peers(): readonly PeerIdentity[];
  /**
   * Carries out writes, in order, atomically. With `needsSync` it resolves once they, and all earlier ones, are durable;
   * without, once they are handed to the operating system (a crash may lose them).
   */
  persist(writes: readonly StableWrite<E, S>[], needsSync: boolean): Promise<void>;
  /** Durably replaces the table of remembered peers. In call order with `persist`. */
  rememberPeers(peers: readonly PeerIdentity[]): Promise<void>;
  /**
   * Durably marks this storage as refused: it was wiped, rolled back or cloned, and must never take part again. Later openings
   * fail with that reason.
   */
  markRefused(reason: string): Promise<void>;
  /** Finishes what was asked for, and frees the storage. Idempotent; it never rejects because of an earlier failure. */
  close(): Promise<void>;
}
