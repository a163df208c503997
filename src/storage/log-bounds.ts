import { InvalidInputError } from '../errors/index.js';
import type { LogSync, StableWrite } from '../omnipaxos/index.js';

/** Where a log begins and ends; all that it takes to know whether a write fits. */
export interface LogBounds {
  /** How many records the snapshot covers. */
  readonly compactedIdx: number;
  /** The index after the last record. */
  readonly acceptedIdx: number;
}

/**
 * The bounds after these writes, carried out in order. A write that does not fit is the caller's mistake, and is refused before anything is
 * written: carried out, it would leave a gap that reads as "no records", or a log that begins in the wrong place.
 *
 * 1. `append` begins at acceptedIdx, exactly.
 * 2. `sync` and `enterConfig` without a snapshot begin within [compactedIdx, acceptedIdx], even when they bring no records.
 * 3. With a snapshot they begin at its compactedIdx, which is not below the present one.
 * 4. `snapshot` lies within [compactedIdx, acceptedIdx].
 * 5. After `enterConfig` the log ends at its decidedIdx.
 *
 * @throws {InvalidInputError} naming the field.
 */
export function boundsAfter(
  bounds: LogBounds,
  writes: readonly StableWrite<unknown, unknown>[],
  field = 'writes',
): LogBounds {
  return writes.reduce((current, write, i) => afterOne(current, write, `${field}.${i}`), bounds);
}

function afterOne(bounds: LogBounds, write: StableWrite<unknown, unknown>, field: string): LogBounds {
  const { compactedIdx, acceptedIdx } = bounds;
  switch (write.kind) {
    case 'promise':
    case 'decided':
      return bounds;
    case 'append':
      if (write.fromIdx !== acceptedIdx) {
        throw new InvalidInputError(`${field}.fromIdx`, write.fromIdx, `must be acceptedIdx, ${acceptedIdx}`);
      }
      return { compactedIdx, acceptedIdx: acceptedIdx + write.records.length };
    case 'sync':
      return afterSync(bounds, write.logSync, `${field}.logSync`);
    case 'snapshot':
      within(write.snapshot.compactedIdx, compactedIdx, acceptedIdx, `${field}.snapshot.compactedIdx`);
      return { compactedIdx: write.snapshot.compactedIdx, acceptedIdx };
    case 'enterConfig': {
      const after = afterSync(bounds, write.logSync, `${field}.logSync`);
      if (after.acceptedIdx !== write.decidedIdx) {
        throw new InvalidInputError(
          `${field}.decidedIdx`,
          write.decidedIdx,
          `must be where the log ends, ${after.acceptedIdx}`,
        );
      }
      return after;
    }
  }
}

function afterSync(bounds: LogBounds, sync: LogSync<unknown, unknown>, field: string): LogBounds {
  const acceptedIdx = sync.syncIdx + sync.suffix.length;
  if (sync.snapshot === undefined) {
    within(sync.syncIdx, bounds.compactedIdx, bounds.acceptedIdx, `${field}.syncIdx`);
    return { compactedIdx: bounds.compactedIdx, acceptedIdx };
  }
  if (sync.syncIdx !== sync.snapshot.compactedIdx) {
    throw new InvalidInputError(
      `${field}.syncIdx`,
      sync.syncIdx,
      `must be the compactedIdx of the snapshot, ${sync.snapshot.compactedIdx}`,
    );
  }
  within(sync.syncIdx, bounds.compactedIdx, Number.MAX_SAFE_INTEGER, `${field}.syncIdx`);
  return { compactedIdx: sync.syncIdx, acceptedIdx };
}

function within(value: number, min: number, max: number, field: string): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new InvalidInputError(field, value, `must be a whole number within [${min}, ${max}]`);
  }
}
