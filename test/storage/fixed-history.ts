import type { PersistCall } from '../../src/testing/arbitraries/index.js';
import {
  append,
  compact,
  decided,
  entry,
  nextConfig,
  promise,
  stopSign,
  sync,
  syncWithSnapshot,
} from './storage-fixtures.js';

/**
 * One call of every kind of write, with and without a sync, and enough of them to fill a segment of 4 KiB once by size and once by a snapshot.
 */
export const fixedHistory: readonly PersistCall<string, number>[] = [
  { writes: [promise(1)], needsSync: true },
  { writes: [append(0, 'a', 'b'), decided(1)], needsSync: true },
  { writes: [decided(2)], needsSync: false },
  { writes: [append(2, 'x'.repeat(1_900))], needsSync: true },
  { writes: [compact(3)], needsSync: false },
  { writes: [sync(3, ['c', 'd'], 3, 2), promise(2)], needsSync: true },
  { writes: [append(5, 'e')], needsSync: false },
  { writes: [append(6, 'f')], needsSync: true },
  { writes: [syncWithSnapshot(9, ['g'], 9)], needsSync: true },
  { writes: [append(10, 'y'.repeat(4_000))], needsSync: true },
  { writes: [{ kind: 'append', fromIdx: 11, records: [entry('h'), stopSign] }], needsSync: true },
  {
    writes: [
      { kind: 'enterConfig', config: nextConfig, logSync: { suffix: [], syncIdx: 13 }, decidedIdx: 13 },
    ],
    needsSync: true,
  },
  { writes: [append(13, 'i')], needsSync: true },
];
