import {
  append,
  ballot,
  decided,
  entries,
  expectEqual,
  promise,
  type StorageCaseBodies,
} from './storage-bench.js';

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
