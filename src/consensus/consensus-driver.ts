import type { Epoch } from './epoch.js';

/** Bounds for one call of a driver. */
export interface CallOptions {
  /** Aborts the call, which then rejects with `signal.reason`. An aborted advance may still commit, as one that is rejected; that is harmless. */
  readonly signal?: AbortSignal | undefined;
  /** The call's deadline in ms, after which it rejects with code `transient`. Default 5,000; at least 1. */
  readonly timeoutMs?: number | undefined;
}

/** A leader's right to serve, asked anew for each grant. */
export interface Lease {
  /**
   * Whether the leadership that this lease came with may serve in this very turn. Synchronous and cheap; must be asked in
   * the same turn as each grant. It turns false in the step that loses the leadership, and stays false then.
   */
  isValid(): boolean;
}

/** What a driver knows of the leadership. */
export type LeaderState =
  | { readonly role: 'leader'; readonly epoch: Epoch; readonly lease: Lease }
  | { readonly role: 'follower'; readonly leader: { readonly epoch: Epoch; readonly endpoint?: string } }
  | { readonly role: 'unknown' };

/**
 * The states of one driver's leadership, latest first come: an async iterator that its holder must release, by `return()`
 * (a `for await` does so when it is left) or by disposal. Releasing is idempotent.
 */
export interface LeadershipStream extends AsyncIterableIterator<LeaderState>, Disposable {
  return(): Promise<IteratorResult<LeaderState, undefined>>;
}

/**
 * How an oracle core reaches consensus on the high-water mark: the physical time (ms since the Unix epoch, 0 at first) below
 * which windows of timestamps may already have been granted.
 *
 * ## What implementors guarantee
 *
 * 1. The high-water never falls, over all nodes, leaders and restarts.
 * 2. Both calls are linearizable: a load reflects every advance that was durably committed before it began.
 * 3. Whoever is told of success still led, at the epoch that it named, when its advance took effect.
 * 4. Every call ends: by its result, its deadline, its signal, the loss of leadership, or {@link close}.
 * 5. A load that a leadership has been answered is the last word of all earlier ones: no advance of a lower epoch takes effect
 *    after it. An oracle is then the only one who moves the high-water, and takes a higher one for a second leader of its epoch.
 *
 * ## What callers may assume
 *
 * Calls may overlap freely. Errors are `ConsensusError`s of a closed family; an aborted call rejects with its signal's reason.
 */
export interface ConsensusDriver extends AsyncDisposable {
  /**
   * The leadership as this driver sees it.
   *
   * The first item is the current state and is there on the first `next()`, without waiting for a transition. Later items are
   * transitions, debounced by role, epoch and endpoint; a slow consumer is given the latest state, never a growing queue.
   * A follower's epoch never decreases. `endpoint` is the scheme-less `host:port` of the leader's *client* service.
   *
   * One stream may be live at a time: the first `next()` of a second one rejects with code `stream_in_use`. After the first
   * was released, a new one is served. When the driver closes, the stream ends.
   */
  leadershipEvents(): LeadershipStream;

  /**
   * The high-water in ms. Linearizable: it reflects every advance durably committed before the call, by any leader.
   *
   * Rejects with `not_leader` or `fenced` on a node that does not lead (any more), `transient` past the deadline or while no
   * quorum answers, `permanent` after a failure that no retry can mend, `closed` after {@link close}.
   */
  loadHighWater(options?: CallOptions): Promise<number>;

  /**
   * Makes the high-water durably at least `atLeast` ms.
   *
   * It resolves with the actual value, `max(stored, atLeast)`, and only if the caller still leads at `epoch`. Stale, repeated
   * or reordered calls never lower the high-water. On a rejection with `not_leader`, `fenced` or `transient` the advance may
   * still take effect later, until a later leadership has loaded the high-water; that is harmless.
   *
   * Rejects as {@link loadHighWater} does, and with `advance_out_of_range`, before anything is proposed, for a value that is
   * not a whole number within [0, 2^46 - 1].
   */
  persistHighWater(atLeast: number, epoch: Epoch, options?: CallOptions): Promise<number>;

  /** Ends the stream and all pending calls (code `closed`) and frees what the driver holds. Idempotent; it never rejects. */
  close(): Promise<void>;
}

/** The deadline of a driver's call, in ms, unless its options say otherwise. */
export const DEFAULT_CALL_TIMEOUT_MS = 5_000;
