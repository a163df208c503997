import { expectCode, expectEqual, promise, type StorageCaseBodies } from './storage-bench.js';

const peer = { nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' };

/** Opening, identity, the table of peers, closing. */
export const openingCases: StorageCaseBodies = {
  'opening: the first, gives the initial state and the first incarnation': async (bench) => {
    const storage = await bench.open();
    expectEqual(storage.load(), bench.state(), 'the state');
    expectEqual(storage.peers(), [], 'the table of peers');
    expectEqual(storage.identity.incarnation, 1, 'the incarnation');
    expectEqual(storage.identity.bootIds.length, 1, 'the number of bootIds');
  },

  'opening: each further one, raises the incarnation and adds a bootId': async (bench) => {
    const first = await bench.open();
    const second = await bench.reopen(first);
    const third = await bench.reopen(second);
    expectEqual(third.identity.incarnation, 3, 'the incarnation');
    expectEqual(third.identity.bootIds.slice(0, 2), second.identity.bootIds, 'the earlier bootIds');
    expectEqual(new Set(third.identity.bootIds).size, 3, 'the number of distinct bootIds');
    const { directoryId, clusterId, nodeId } = first.identity;
    expectEqual(
      { directoryId, clusterId, nodeId },
      {
        directoryId: third.identity.directoryId,
        clusterId: third.identity.clusterId,
        nodeId: third.identity.nodeId,
      },
      'the identity',
    );
  },

  'opening: a second one at the same time, is refused': async (bench) => {
    const storage = await bench.open();
    expectCode(
      await bench.rejection(() => bench.open(), 'the second opening'),
      'storage_locked',
      'the second',
    );
    await storage.persist([promise(1)], true);
  },

  'load: what was recovered, does not follow later writes': async (bench) => {
    const storage = await bench.open();
    await storage.persist(
      [promise(1), { kind: 'append', fromIdx: 0, records: [{ kind: 'entry', entry: 'a' }] }],
      true,
    );
    expectEqual(storage.load(), bench.state(), 'the state recovered');
  },

  'peers: remembered, they replace the earlier ones and are there after a reopening': async (bench) => {
    const storage = await bench.open();
    await storage.rememberPeers([{ ...peer, nodeId: 3 }]);
    await storage.rememberPeers([peer]);
    expectEqual(storage.peers(), [peer], 'the table');
    const second = await bench.reopen(storage);
    expectEqual(second.peers(), [peer], 'the table after a reopening');
    expectEqual((await bench.reopen(second)).peers(), [peer], 'the table after a second reopening');
  },

  'refused: marked so, no later opening succeeds and each tells the reason': async (bench) => {
    const storage = await bench.open();
    await storage.markRefused('it was cloned');
    await storage.close();
    for (const which of ['the first opening after', 'the second opening after']) {
      const error = await bench.rejection(() => bench.open(), which);
      expectCode(error, 'storage_refused', which);
      expectEqual(String(error).includes('it was cloned'), true, 'whether the reason is told');
    }
  },

  'close: twice, is the same as once; what comes after is refused': async (bench) => {
    const storage = await bench.open();
    const persisted = storage.persist([promise(1)], true);
    await Promise.all([storage.close(), storage.close()]);
    await storage.close();
    await persisted;
    const late = await bench.rejection(storage.persist([promise(2)], true), 'a call after close');
    expectCode(late, 'storage_closed', 'a call after close');
    expectEqual((await bench.open()).load().promise.n, 1, 'the promise');
  },
};
