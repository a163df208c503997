import type { ClusterConfig } from './cluster-config.js';

/** The last record of a configuration: once decided, that configuration is over and `nextConfig` goes on. */
export interface StopSign {
  readonly nextConfig: ClusterConfig;
  /** Whatever the host wants the next configuration to know. */
  readonly metadata?: Uint8Array;
}

/** One record of the replicated log. Stop signs have their own index and are counted like entries. */
export type LogRecord<E> =
  | { readonly kind: 'entry'; readonly entry: E }
  | { readonly kind: 'stopSign'; readonly stopSign: StopSign };

/** The host's complete state after folding records 0 .. compactedIdx - 1. */
export interface Snapshot<S> {
  readonly value: S;
  /** How many records it covers. Indexes are counts: the first record above it has this index. */
  readonly compactedIdx: number;
  /** The configuration in force at `compactedIdx`. */
  readonly config: ClusterConfig;
}

/**
 * What brings another log up to date. Everything of the receiver's log from `syncIdx` on is replaced by `suffix`; with a
 * snapshot (then `syncIdx` equals its `compactedIdx`) everything below is replaced as well.
 */
export interface LogSync<E, S> {
  readonly snapshot?: Snapshot<S>;
  readonly suffix: readonly LogRecord<E>[];
  readonly syncIdx: number;
}
