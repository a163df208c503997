import type { Survival, UnsyncedChange } from '../../src/testing/memory-file-system.js';

/** One way in which a crash can treat what was not synced. */
export interface WayOfSurvival {
  readonly what: string;
  /** What is left of the change at this place in the list of what is unsynced. */
  readonly survives: (index: number) => Survival;
}

/** Up to this many unsynced changes every subset is tried; beyond it, so many subsets, spread evenly. */
const EXHAUSTIVE_CHANGES_MAX = 12;

/** Every subset of what was not synced. */
export function* subsetsThatSurvive(unsynced: readonly UnsyncedChange[]): Generator<WayOfSurvival, void> {
  const { length } = unsynced;
  for (let i = 0; i < 2 ** Math.min(length, EXHAUSTIVE_CHANGES_MAX); i++) {
    // An odd multiplier spreads the bits when there are more changes than bits.
    const subset = length > EXHAUSTIVE_CHANGES_MAX ? (i * 0x9e3779b1) >>> 0 : i;
    yield {
      what: `subset ${subset.toString(2)} of ${length} survives`,
      survives: (index) => (subset & (1 << (index % 32))) !== 0,
    };
  }
}

/** The last write torn at its bytes, and all else there or gone; nothing if something else came last. */
export function* tornWritesThatSurvive(unsynced: readonly UnsyncedChange[]): Generator<WayOfSurvival, void> {
  const last = unsynced.at(-1);
  if (last?.kind !== 'write') return;
  for (let length = 0; length < last.bytes.length; length++) {
    // Of a long write (zeroes, a long entry): each byte of its first and last part, where its records begin and end.
    if (length >= 128 && length <= last.bytes.length - 128 && length % 97 !== 0) continue;
    for (const others of [false, true]) {
      yield {
        what: `the last write torn at ${length}, the others ${others ? 'there' : 'gone'}`,
        survives: (index) => (index === unsynced.length - 1 ? length : others),
      };
    }
  }
}
