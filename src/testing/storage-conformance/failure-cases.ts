import {
  append,
  entries,
  expectEqual,
  expectOneOf,
  promise,
  type StorageBench,
  type StorageCaseBodies,
} from './storage-bench.js';

/** A failing disk. */
export const failureCases: StorageCaseBodies = {
  'failure: of a write, is final though the disk would work again': (bench) => isFinal(bench, 'write'),
  'failure: of a sync, is final though the next sync would succeed': (bench) => isFinal(bench, 'sync'),

  'failure: while peers are remembered, those told are the ones that are durable': async (bench) => {
    const peer = { nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' };
    const more = [peer, { ...peer, nodeId: 3 }];
    const storage = await bench.open();
    await storage.rememberPeers([peer]);
    await turnOfRest();
    bench.failNext('write');
    await bench.rejection(storage.rememberPeers(more), 'the failing call');
    expectEqual(storage.peers(), [peer], 'the table told');
    await storage.close();
    // The failing call may be there or not: nobody was told that it is.
    expectOneOf((await bench.open()).peers(), [[peer], more], 'the table after a reopening');
  },
};

async function isFinal(bench: StorageBench, stage: 'write' | 'sync'): Promise<void> {
  const storage = await bench.open();
  await storage.persist([append(0, 'a')], true);
  await turnOfRest();
  bench.failNext(stage);
  const error = await bench.rejection(storage.persist([append(1, 'b')], true), 'the failing call');
  const later = [
    storage.persist([append(1, 'b')], true),
    storage.persist([promise(1)], false),
    storage.rememberPeers([]),
    storage.markRefused('x'),
  ];
  for (const call of await Promise.allSettled(later)) {
    expectEqual(call.status, 'rejected', 'a later call');
    expectEqual(
      call.status === 'rejected' && call.reason === error,
      true,
      'whether it fails with the same error',
    );
  }
  await storage.close();
  const { records } = (await bench.open()).load();
  // The failing call may be there or not: nobody was told that it is.
  expectEqual(records.slice(0, 1), entries('a'), 'the record that was acknowledged');
  expectEqual(records.length <= 2, true, 'whether nothing came after the failing call');
}

/** So that it is the next call that fails, and nothing that goes on by itself. */
function turnOfRest(): Promise<void> {
  return new Promise<void>((resolve) => setImmediate(resolve));
}
