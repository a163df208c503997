import {
  append,
  ballot,
  decided,
  entries,
  expectEqual,
  expectOneOf,
  promise,
  type State,
  type StorageBench,
  type StorageCaseBodies,
  sync,
  type Write,
} from './storage-bench.js';

/** A crash is tried after each number of turns up to this one: between any two steps that a call may be made of. */
const TURNS_MAX = 40;

/** What a loss of power may take, and what not. */
export const crashCases: StorageCaseBodies = {
  'crash: a synced call and all before it are there': async (bench) => {
    const storage = await bench.open();
    await storage.persist([append(0, 'a')], false);
    await storage.persist([decided(1)], false);
    await storage.persist([promise(1)], true);
    const expected = { promise: ballot(1), decidedIdx: 1, records: entries('a') };
    expectEqual((await bench.crash()).load(), bench.state(expected), 'the state');
  },

  'crash: of calls that were not synced, a whole and ordered beginning is there': async (bench) => {
    const storage = await bench.open();
    await storage.persist([promise(1)], true);
    for (let i = 0; i < 5; i++) await storage.persist([append(i, `${i}`), promise(i + 2)], false);
    const state = (await bench.crash()).load();
    const { length } = state.records;
    const records = entries(...Array.from({ length }, (_, i) => `${i}`));
    expectEqual(state, bench.state({ promise: ballot(length + 1), records }), 'the state');
  },

  'crash: a call under way is there whole or not at all': async (bench) => {
    const storage = await bench.open();
    // It need not settle: the machine it was made on is gone.
    void storage.persist([append(0, 'a', 'b'), promise(1)], true).catch(() => {});
    const state = (await bench.crash()).load();
    const whole = bench.state({ promise: ballot(1), records: entries('a', 'b') });
    expectEqual(state, state.records.length === 0 ? bench.state() : whole, 'the state');
  },

  'crash: a sync under way is there whole or not at all': (_bench, place) =>
    isAtomic(place, [sync(1, ['x', 'y'], 1)], {
      acceptedRound: ballot(1),
      decidedIdx: 1,
      records: entries('a', 'x', 'y'),
    }),

  'crash: a sync with a snapshot under way is there whole or not at all': async (bench, place) => {
    const snapshot = bench.snapshot(5);
    const logSync = { snapshot, suffix: entries('f'), syncIdx: 5 };
    await isAtomic(place, [{ kind: 'sync', acceptedRound: ballot(1), logSync, decidedIdx: 6 }], {
      acceptedRound: ballot(1),
      decidedIdx: 6,
      snapshot,
      records: entries('f'),
    });
  },

  'crash: a snapshot under way is there with what it drops, or not at all': async (bench, place) => {
    await isAtomic(place, [decided(3), bench.compact(2)], {
      decidedIdx: 3,
      snapshot: bench.snapshot(2),
      records: entries('c'),
    });
  },

  'crash: a change of configuration under way is there whole or not at all': async (bench, place) => {
    const config = { ...bench.config, configId: bench.config.configId + 1 };
    const first = { configId: config.configId, n: 0, priority: 0, pid: 0 };
    await isAtomic(
      place,
      [{ kind: 'enterConfig', config, logSync: { suffix: [], syncIdx: 2 }, decidedIdx: 2 }],
      { config, promise: first, acceptedRound: first, decidedIdx: 2, records: entries('a', 'b') },
    );
  },

  'crash: right after an opening, its incarnation is not used again': async (bench) => {
    const first = await bench.open();
    const second = await bench.crash();
    expectEqual(second.identity.incarnation, 2, 'the incarnation');
    expectEqual(second.identity.bootIds.slice(0, 1), first.identity.bootIds, 'the earlier bootIds');
  },

  'crash: remembered peers are there': async (bench) => {
    const peer = { nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' };
    const storage = await bench.open();
    await storage.rememberPeers([peer]);
    expectEqual((await bench.crash()).peers(), [peer], 'the table');
  },

  'crash: after a mark of refusal, it is refused still': async (bench) => {
    const storage = await bench.open();
    await storage.markRefused('it was rolled back');
    await bench.rejection(bench.crash(), 'the opening');
  },

  'crash: after a close, nothing is lost': async (bench) => {
    const storage = await bench.open();
    await storage.persist([append(0, 'a'), decided(1)], false);
    await storage.close();
    expectEqual(
      (await bench.crash()).load(),
      bench.state({ decidedIdx: 1, records: entries('a') }),
      'the state',
    );
  },
};

/** On a log of three records: after a crash at any time during the call, either the state before it is there, or the one after it. */
async function isAtomic(
  place: () => Promise<StorageBench>,
  writes: readonly Write[],
  after: Partial<State>,
): Promise<void> {
  for (let turns = 0; turns <= TURNS_MAX; turns++) {
    const bench = await place();
    const storage = await bench.open();
    await storage.persist([promise(1), append(0, 'a', 'b', 'c')], true);
    // It need not settle: the machine it was made on is gone.
    void storage.persist(writes, true).catch(() => {});
    for (let turn = 0; turn < turns; turn++) await undefined;
    const found = (await bench.crash()).load();
    const before = bench.state({ promise: ballot(1), records: entries('a', 'b', 'c') });
    const whole = bench.state({ promise: ballot(1), ...after });
    expectOneOf(found, [before, whole], `the state after a crash ${turns} turns after the call`);
  }
}
