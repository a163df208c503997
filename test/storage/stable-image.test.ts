import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import { BALLOT_ZERO, type StableState } from '../../src/omnipaxos/index.js';
import { StableImage } from '../../src/storage/stable-image.js';
import {
  append,
  compact,
  config,
  decided,
  entry,
  nextConfig,
  promise,
  snapshotAt,
  stopSign,
  sync,
  syncWithSnapshot,
  type Write,
} from './storage-fixtures.js';

const initial: StableState<string, number> = {
  config,
  promise: BALLOT_ZERO,
  acceptedRound: BALLOT_ZERO,
  decidedIdx: 0,
  records: [],
};

function after(...writes: Write[]): StableState<string, number> {
  const image = new StableImage(initial);
  image.apply(writes);
  return image.copy();
}

const round = { configId: 1, n: 1, priority: 0, pid: 1 };
const cases: [string, Write[], Partial<StableState<string, number>>][] = [
  ['promise: replaces the promise', [promise(3)], { promise: { ...round, n: 3 } }],
  [
    'append: adds records',
    [append(0, 'a'), append(1, 'b', 'c')],
    { records: [entry('a'), entry('b'), entry('c')] },
  ],
  ['decided: sets decidedIdx', [append(0, 'a'), decided(1)], { records: [entry('a')], decidedIdx: 1 }],
  [
    'sync: cuts at syncIdx and appends',
    [append(0, 'a', 'b', 'c'), sync(1, ['x'], 1)],
    { acceptedRound: round, records: [entry('a'), entry('x')], decidedIdx: 1 },
  ],
  [
    'sync with a snapshot: replaces everything',
    [append(0, 'a'), syncWithSnapshot(5, ['f'], 6)],
    { acceptedRound: round, snapshot: snapshotAt(5), records: [entry('f')], decidedIdx: 6 },
  ],
  [
    'snapshot: drops what it covers',
    [append(0, 'a', 'b', 'c'), compact(2)],
    { snapshot: snapshotAt(2), records: [entry('c')] },
  ],
  // S04, S05
  [
    'sync above a compaction: cuts at syncIdx, which counts from the beginning of the log',
    [append(0, 'a', 'b', 'c', 'd', 'e'), decided(2), compact(2), sync(3, ['x'], 3)],
    { acceptedRound: round, snapshot: snapshotAt(2), records: [entry('c'), entry('x')], decidedIdx: 3 },
  ],
  // S04
  [
    'append after the whole log was compacted: goes on counting',
    [append(0, 'a', 'b'), compact(2), append(2, 'c')],
    { snapshot: snapshotAt(2), records: [entry('c')] },
  ],
  [
    'sync above a snapshot: indexes count from it',
    [append(0, 'a', 'b', 'c'), compact(2), sync(3, ['d'], 2)],
    { acceptedRound: round, snapshot: snapshotAt(2), records: [entry('c'), entry('d')], decidedIdx: 2 },
  ],
  [
    'enterConfig: new config, no promise, nothing above decidedIdx',
    [
      promise(9),
      { kind: 'append', fromIdx: 0, records: [entry('a'), stopSign, entry('old tail')] },
      { kind: 'enterConfig', config: nextConfig, logSync: { suffix: [], syncIdx: 2 }, decidedIdx: 2 },
    ],
    {
      config: nextConfig,
      promise: { configId: 2, n: 0, priority: 0, pid: 0 },
      acceptedRound: { configId: 2, n: 0, priority: 0, pid: 0 },
      decidedIdx: 2,
      records: [entry('a'), stopSign],
    },
  ],
];

test.each(cases)('stable image: %s', (_name, writes, expected) => {
  expect(after(...writes)).toEqual({ ...initial, ...expected });
});

describe('stable image: a write that does not fit is refused, and nothing has changed', () => {
  const base = [append(0, 'a', 'b', 'c', 'd'), compact(2)];
  const refusals: [string, Write[], string][] = [
    // S18
    ['append with a gap', [append(5, 'x')], 'writes.0.fromIdx'],
    ['append over the end', [append(3, 'x')], 'writes.0.fromIdx'],
    ['empty append with a gap', [append(9)], 'writes.0.fromIdx'],
    // S05
    ['empty sync past the end', [sync(5, [], 2)], 'writes.0.logSync.syncIdx'],
    ['sync below the snapshot', [sync(1, ['x'], 2)], 'writes.0.logSync.syncIdx'],
    ['sync to an older snapshot', [syncWithSnapshot(1, [], 1)], 'writes.0.logSync.syncIdx'],
    ['snapshot above the log', [compact(5)], 'writes.0.snapshot.compactedIdx'],
    ['snapshot below the present one', [compact(1)], 'writes.0.snapshot.compactedIdx'],
    [
      'entry into a configuration with a tail above decidedIdx',
      [{ kind: 'enterConfig', config: nextConfig, logSync: { suffix: [], syncIdx: 4 }, decidedIdx: 3 }],
      'writes.0.decidedIdx',
    ],
    // S07
    ['the last of several', [promise(5), append(4, 'x'), append(9, 'y')], 'writes.2.fromIdx'],
  ];

  test.each(refusals)('%s', (_name, writes, field) => {
    const image = new StableImage(initial);
    image.apply(base);
    const before = image.copy();
    expect(() => image.apply(writes)).toThrow(expect.objectContaining({ code: 'invalid_input', field }));
    expect(() => image.apply(writes)).toThrow(InvalidInputError);
    expect(image.copy()).toEqual(before);
  });
});

test('stable image: a copy, is left alone by later writes', () => {
  const image = new StableImage(initial);
  image.apply([append(0, 'a')]);
  const copy = image.copy();
  image.apply([append(1, 'b'), compact(1)]);
  expect(copy.records).toEqual([entry('a')]);
  expect(copy.snapshot).toBeUndefined();
});
