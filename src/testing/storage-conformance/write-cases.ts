import type { ClusterConfig, LogRecord } from '../../omnipaxos/index.js';
import {
  append,
  ballot,
  decided,
  entries,
  expectCode,
  expectEqual,
  promise,
  type StorageBench,
  type StorageCaseBodies,
  sync,
  type Write,
} from './storage-bench.js';

/** What each kind of write does, and which writes are refused. */
export const writeCases: StorageCaseBodies = {
  'promise: the last one counts': async (bench) => {
    const state = await reopenedAfter(bench, [promise(1), promise(2)]);
    expectEqual(state, bench.state({ promise: ballot(2) }), 'the state');
  },

  'append: records are added in order': async (bench) => {
    const state = await reopenedAfter(bench, [append(0, 'a'), append(1, 'b', 'c')]);
    expectEqual(state, bench.state({ records: entries('a', 'b', 'c') }), 'the state');
  },

  'append: a long log comes back whole, and in order': async (bench) => {
    const texts = Array.from({ length: 5_000 }, (_, i) => `${i}`);
    const state = await reopenedAfter(bench, [append(0, ...texts)]);
    expectEqual(state.records.length, texts.length, 'how many records came back');
    expectEqual(state.records, entries(...texts), 'the records');
  },

  'append: a stop sign is a record like any other': async (bench) => {
    const nextConfig: ClusterConfig = { ...bench.config, configId: bench.config.configId + 1 };
    const stopSign: LogRecord<string> = {
      kind: 'stopSign',
      stopSign: { nextConfig, metadata: Uint8Array.of(1, 2) },
    };
    const state = await reopenedAfter(bench, [
      { kind: 'append', fromIdx: 0, records: [...entries('a'), stopSign] },
    ]);
    expectEqual(state.records.length, 2, 'the number of records');
    expectEqual(state.records[1]?.kind, 'stopSign', 'the kind of the second');
  },

  'decided: is stored as told': async (bench) => {
    const state = await reopenedAfter(bench, [append(0, 'a', 'b'), decided(1)]);
    expectEqual(state, bench.state({ decidedIdx: 1, records: entries('a', 'b') }), 'the state');
  },

  'sync: cuts at its index, adds its records, sets round and decidedIdx': async (bench) => {
    const state = await reopenedAfter(bench, [append(0, 'a', 'b', 'c'), sync(1, ['x'], 1)]);
    const expected = { acceptedRound: ballot(1), decidedIdx: 1, records: entries('a', 'x') };
    expectEqual(state, bench.state(expected), 'the state');
  },

  'sync with a snapshot: replaces everything': async (bench) => {
    const snapshot = bench.snapshot(5);
    const state = await reopenedAfter(bench, [
      append(0, 'a'),
      {
        kind: 'sync',
        acceptedRound: ballot(1),
        logSync: { snapshot, suffix: entries('f'), syncIdx: 5 },
        decidedIdx: 6,
      },
    ]);
    const expected = { acceptedRound: ballot(1), decidedIdx: 6, snapshot, records: entries('f') };
    expectEqual(state, bench.state(expected), 'the state');
  },

  'snapshot: drops what it covers, and no more': async (bench) => {
    const state = await reopenedAfter(bench, [append(0, 'a', 'b', 'c'), decided(3), bench.compact(2)]);
    const expected = { decidedIdx: 3, snapshot: bench.snapshot(2), records: entries('c') };
    expectEqual(state, bench.state(expected), 'the state');
  },

  'snapshot: of the whole log, indexes go on counting after a reopening': async (bench) => {
    const storage = await bench.open();
    await storage.persist([append(0, 'a', 'b'), bench.compact(2)], true);
    const again = await bench.reopen(storage);
    await again.persist([append(2, 'c')], true);
    const expected = { snapshot: bench.snapshot(2), records: entries('c') };
    expectEqual((await bench.reopen(again)).load(), bench.state(expected), 'the state');
  },

  'enterConfig: a new configuration, no promise in it, nothing above decidedIdx': async (bench) => {
    const config: ClusterConfig = { ...bench.config, configId: bench.config.configId + 1 };
    const first = { configId: config.configId, n: 0, priority: 0, pid: 0 };
    const state = await reopenedAfter(bench, [
      promise(9),
      append(0, 'a', 'old tail'),
      { kind: 'enterConfig', config, logSync: { suffix: [], syncIdx: 1 }, decidedIdx: 1 },
    ]);
    const expected = { config, promise: first, acceptedRound: first, decidedIdx: 1, records: entries('a') };
    expectEqual(state, bench.state(expected), 'the state');
  },

  'calls that overlap: take effect in the order of the calls': async (bench) => {
    const storage = await bench.open();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => storage.persist([append(i, `${i}`), promise(i + 1)], i % 3 !== 0)),
    );
    const records = entries(...Array.from({ length: 20 }, (_, i) => `${i}`));
    expectEqual(
      (await bench.reopen(storage)).load(),
      bench.state({ promise: ballot(20), records }),
      'the state',
    );
  },

  ...refusals({
    'an append with a gap': [append(3, 'x')],
    'an empty append past the end': [append(9)],
    'an empty sync past the end': [sync(5, [], 2)],
    'a gap, after a write that fits': [append(2, 'c'), append(7, 'x')],
  }),
};

/** Each of these writes, on a log of two records, is refused with `invalid_input`, finally, and nothing of its call is there. */
function refusals(cases: Readonly<Record<string, readonly Write[]>>): StorageCaseBodies {
  return Object.fromEntries(
    Object.entries(cases).map(([name, writes]) => [
      `refused: ${name}, and with it every later call; nothing of it is written`,
      async (bench: StorageBench) => {
        const storage = await bench.open();
        await storage.persist([append(0, 'a', 'b')], true);
        const error = await bench.rejection(storage.persist(writes, true), 'the call');
        expectCode(error, 'invalid_input', 'the call');
        const later = await bench.rejection(storage.persist([promise(1)], true), 'a later call');
        expectEqual(later === error, true, 'whether a later call fails with the same error');
        expectEqual(
          (await bench.reopen(storage)).load(),
          bench.state({ records: entries('a', 'b') }),
          'the state',
        );
      },
    ]),
  );
}

/** Each write in a call of its own, then closes and opens. */
async function reopenedAfter(
  bench: StorageBench,
  writes: readonly Write[],
): Promise<ReturnType<typeof bench.state>> {
  const storage = await bench.open();
  for (const write of writes) await storage.persist([write], true);
  return (await bench.reopen(storage)).load();
}
