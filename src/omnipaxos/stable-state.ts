import type { Ballot } from './ballot.js';
import type { ClusterConfig } from './cluster-config.js';
import type { LogRecord, LogSync, Snapshot } from './log-record.js';

/**
 * One operation on stable storage, carried out in order and whole or not at all.
 *
 * `promise`, `append`, `sync` and `enterConfig` are durable: what claims or relies on them may leave only after an fsync.
 * `decided` and `snapshot` are lazy: a crash may lose them.
 */
export type StableWrite<E, S> =
  /** The promise becomes `promise`. */
  | { readonly kind: 'promise'; readonly promise: Ballot }
  /** Records are added at the end; `fromIdx` is the acceptedIdx before. */
  | { readonly kind: 'append'; readonly fromIdx: number; readonly records: readonly LogRecord<E>[] }
  /**
   * In one atomic step: the log is cut or replaced as {@link LogSync} says, `acceptedRound` is set, decidedIdx becomes
   * `decidedIdx`.
   */
  | {
      readonly kind: 'sync';
      readonly acceptedRound: Ballot;
      readonly logSync: LogSync<E, S>;
      readonly decidedIdx: number;
    }
  /** decidedIdx becomes `decidedIdx`. */
  | { readonly kind: 'decided'; readonly decidedIdx: number }
  /** The snapshot replaces the older one and all records below its compactedIdx, in one atomic step. */
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot<S> }
  /**
   * Entry into a configuration, in one atomic step: the log is replaced as `logSync` says and ends at `decidedIdx`, `config`
   * comes into force, promise and acceptedRound become `{ configId, n: 0, priority: 0, pid: 0 }`.
   */
  | {
      readonly kind: 'enterConfig';
      readonly config: ClusterConfig;
      readonly logSync: LogSync<E, S>;
      readonly decidedIdx: number;
    };

/** Whether a write must be fsynced before anything that relies on it. */
export function isDurableWrite(write: StableWrite<unknown, unknown>): boolean {
  switch (write.kind) {
    case 'promise':
    case 'append':
    case 'sync':
    case 'enterConfig':
      return true;
    case 'decided':
    case 'snapshot':
      return false;
  }
}

/** What stable storage holds of the protocol, read once when a node opens. */
export interface StableState<E, S> {
  /** The configuration in force. */
  readonly config: ClusterConfig;
  /** BALLOT_ZERO if nothing was ever promised. */
  readonly promise: Ballot;
  /** The ballot in which the log was accepted; BALLOT_ZERO if none was. */
  readonly acceptedRound: Ballot;
  /** As stored; recovery clamps it to [compactedIdx, acceptedIdx]. */
  readonly decidedIdx: number;
  /** Absent as long as nothing was compacted (compactedIdx is 0 then). */
  readonly snapshot?: Snapshot<S>;
  /** The log above the snapshot, contiguous. */
  readonly records: readonly LogRecord<E>[];
}
