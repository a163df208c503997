import { describe, expect, test } from 'vitest';
import { inspectDataDirectory } from '../../src/storage/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { withEntryCodec } from '../codec/test-codecs.js';
import { dataDir, openedMachine, peerAddresses, TestMachine } from './journal-harness.js';
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
} from './storage-fixtures.js';

describe('journal: opening', () => {
  test('a new directory, gives the initial state and the first incarnation', async () => {
    const { journal } = await openedMachine();
    expect(journal.identity).toMatchObject({ clusterId: 'test', nodeId: 1, incarnation: 1 });
    expect(journal.identity.bootIds).toHaveLength(1);
    expect(journal.peerAddresses).toEqual(peerAddresses);
    expect(journal.peers()).toEqual([]);
    expect(journal.load()).toEqual({
      config,
      promise: { configId: 0, n: 0, priority: 0, pid: 0 },
      acceptedRound: { configId: 0, n: 0, priority: 0, pid: 0 },
      decidedIdx: 0,
      records: [],
    });
  });

  // S10
  test('again after close, everything is there and the incarnation has risen', async () => {
    const { machine, journal } = await openedMachine();
    const peers = [
      { nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' },
    ];
    await journal.persist([promise(2), append(0, 'a', 'b', 'c')], true);
    await journal.persist([sync(1, ['x', 'y'], 1, 2)], true);
    await journal.persist([decided(2)], false);
    await journal.rememberPeers(peers);
    expect(journal.peers()).toEqual(peers);
    await journal.close();

    const again = await machine.open();
    expect(again.load()).toMatchObject({
      promise: { n: 2 },
      acceptedRound: { n: 2 },
      decidedIdx: 2,
      records: [entry('a'), entry('x'), entry('y')],
    });
    expect(again.peers()).toEqual(peers);
    expect(again.identity.directoryId).toBe(journal.identity.directoryId);
    expect(again.identity.incarnation).toBe(2);
    expect(again.identity.bootIds).toEqual([...journal.identity.bootIds, again.identity.bootIds[1]]);
  });

  test('after a power cut, the incarnation of the opening that was cut short counts', async () => {
    const { machine } = await openedMachine();
    machine.crash();
    expect((await machine.open()).identity.incarnation).toBe(2);
  });

  // S08
  test('after a power cut, an acknowledged stop sign and entry into a configuration are there', async () => {
    const { machine, journal } = await openedMachine();
    await journal.persist([{ kind: 'append', fromIdx: 0, records: [entry('a'), stopSign] }], true);
    machine.crash();
    const second = await machine.open();
    expect(second.load().records).toEqual([entry('a'), stopSign]);
    await second.persist(
      [{ kind: 'enterConfig', config: nextConfig, logSync: { suffix: [], syncIdx: 2 }, decidedIdx: 2 }],
      true,
    );
    machine.crash();
    expect((await machine.open()).load()).toMatchObject({
      config: nextConfig,
      promise: { configId: 2, n: 0 },
      decidedIdx: 2,
      records: [entry('a'), stopSign],
    });
  });

  // S03, R06
  test('after a power cut, decidedIdx is what was stored last, above or below the snapshot', async () => {
    const { machine, journal } = await openedMachine();
    await journal.persist([append(0, 'a', 'b'), decided(1)], true);
    await journal.persist([decided(2)], false);
    machine.crash();
    const second = await machine.open();
    expect(second.load()).toMatchObject({ decidedIdx: 1, records: [entry('a'), entry('b')] });
    await second.persist([compact(2), promise(1)], true);
    machine.crash();
    expect((await machine.open()).load()).toMatchObject({
      decidedIdx: 1,
      snapshot: snapshotAt(2),
      records: [],
    });
  });

  // S10
  test('marked as refused, never opens again and leaves no lock', async () => {
    const { machine, journal } = await openedMachine();
    await journal.markRefused('it was rolled back');
    machine.crash();
    for (let i = 0; i < 2; i++) {
      await expect(machine.open()).rejects.toMatchObject({
        code: 'storage_refused',
        message: expect.stringContaining('it was rolled back'),
      });
    }
    expect(machine.fileSystem.names(dataDir)).not.toContain('lock');
  });
});

describe('journal: batches', () => {
  test('calls of one turn, share one write and one sync', async () => {
    const { machine, journal } = await openedMachine();
    const calls: string[] = [];
    machine.fileSystem.onCall = ({ name }) => {
      calls.push(name);
      return undefined;
    };
    await Promise.all([0, 1, 2].map((i) => journal.persist([append(i, `${i}`)], true)));
    await settleMicrotasks();
    // The second write is the seal.
    expect(calls).toEqual(['write', 'fdatasync', 'write']);
  });

  test('calls during a sync, share the next one', async () => {
    const { machine, journal } = await openedMachine({ segmentBytes: 65_536 });
    const persisted: Promise<void>[] = [];
    let syncs = 0;
    machine.fileSystem.onCall = ({ name }) => {
      if (name === 'fdatasync' && syncs++ === 0) {
        for (let i = 1; i < 64; i++) persisted.push(journal.persist([append(i, `${i}`)], true));
      }
      return undefined;
    };
    await journal.persist([append(0, '0')], true);
    await Promise.all(persisted);
    expect(persisted).toHaveLength(63);
    expect(syncs).toBe(2);
  });

  test('a batch that would pass maxBatchBytes, is split, in order', async () => {
    const { machine, journal } = await openedMachine({ maxBatchBytes: 4_096, segmentBytes: 65_536 });
    const writes: number[] = [];
    machine.fileSystem.onCall = ({ name, bytes }) => {
      if (name === 'write') writes.push(bytes ?? 0);
      return undefined;
    };
    const order: number[] = [];
    const text = 'x'.repeat(3_000);
    await Promise.all(
      [0, 1, 2].map(async (i) => {
        await journal.persist([append(i, text)], true);
        order.push(i);
      }),
    );
    expect(writes.filter((bytes) => bytes > 3_000)).toHaveLength(3);
    expect(order).toEqual([0, 1, 2]);
  });

  test('a call that needs no sync, resolves when written, before the sync of its batch', async () => {
    const { machine, journal } = await openedMachine();
    machine.fileSystem.onCall = ({ name }) => (name === 'fdatasync' ? { kind: 'hang' } : undefined);
    const synced = journal.persist([append(0, 'a')], true);
    await journal.persist([decided(1)], false);
    const state = await Promise.race([
      synced.then(() => 'resolved'),
      settleMicrotasks().then(() => 'pending'),
    ]);
    expect(state).toBe('pending');
  });

  test('a call without writes that needs a sync, makes all before it durable', async () => {
    const { machine, journal } = await openedMachine();
    await journal.persist([append(0, 'a')], false);
    await journal.persist([], true);
    machine.crash();
    expect((await machine.open()).load().records).toEqual([entry('a')]);
  });

  test('idle after a sync, one seal is written and then none', async () => {
    const { machine, journal } = await openedMachine();
    let writes = 0;
    machine.fileSystem.onCall = ({ name }) => {
      if (name === 'write') writes++;
      return undefined;
    };
    await journal.persist([append(0, 'a')], true);
    for (let i = 0; i < 5; i++) await settleMicrotasks();
    expect(writes).toBe(2);
    // A lazy write after the seal needs none: nothing new is durable.
    await journal.persist([decided(1)], false);
    for (let i = 0; i < 5; i++) await settleMicrotasks();
    expect(writes).toBe(3);
  });

  test('what is handed in, may be changed in the next turn', async () => {
    const { machine, journal } = await openedMachine();
    const bytes = { kind: 'append', fromIdx: 0, records: [entry('a')] } as const;
    const writes = [bytes];
    const persisted = journal.persist(writes, true);
    writes.length = 0;
    await persisted;
    machine.crash();
    expect((await machine.open()).load().records).toEqual([entry('a')]);
  });
});

describe('journal: segments', () => {
  test('full, it goes on in a new one that begins with the whole state; the older one is removed', async () => {
    const { machine, journal } = await openedMachine();
    const before = machine.segmentFile();
    for (let i = 0; i < 60; i++) await journal.persist([append(i, `entry ${i}`), promise(i + 1)], true);
    expect(machine.segmentFile()).not.toBe(before);
    machine.crash();
    const state = (await machine.open()).load();
    expect(state.records).toEqual(Array.from({ length: 60 }, (_, i) => entry(`entry ${i}`)));
    expect(state.promise.n).toBe(60);
  });

  test('a new one holds the remembered peers and the openings, too', async () => {
    const { machine, journal } = await openedMachine();
    const before = machine.segmentFile();
    const peers = [
      { nodeId: 2, directoryId: '00000000000000aa', incarnation: 7, bootId: '00000000000000bb' },
    ];
    await journal.rememberPeers(peers);
    await journal.persist([append(0, 'x'.repeat(5_000))], true);
    expect(machine.segmentFile()).not.toBe(before);
    machine.crash();
    const again = await machine.open();
    expect(again.peers()).toEqual(peers);
    expect(again.identity.incarnation).toBe(2);
  });

  test('half used, a snapshot moves it into a new one that is small again', async () => {
    const { machine, journal } = await openedMachine();
    const before = machine.segmentFile();
    await journal.persist([append(0, 'x'.repeat(2_500))], true);
    await journal.persist([compact(1)], false);
    const after = machine.segmentFile();
    expect(after).not.toBe(before);
    expect(Buffer.from(machine.fileSystem.contents(after)).includes('xxxx')).toBe(false);
    machine.crash();
    expect((await machine.open()).load()).toMatchObject({ snapshot: snapshotAt(1), records: [] });
  });

  test('hardly used, a snapshot is one more record', async () => {
    const { machine, journal } = await openedMachine();
    const before = machine.segmentFile();
    await journal.persist([append(0, 'a'), compact(1)], true);
    expect(machine.segmentFile()).toBe(before);
  });

  test('one write larger than a segment, makes a segment large enough', async () => {
    const { machine, journal } = await openedMachine();
    const text = 'y'.repeat(100_000);
    await journal.persist([append(0, text)], true);
    await journal.persist([append(1, 'z')], true);
    machine.crash();
    expect((await machine.open()).load().records).toEqual([entry(text), entry('z')]);
  });

  test('a state of many records, is written in parts and read as one', async () => {
    const { machine, journal } = await openedMachine();
    const texts = Array.from({ length: 3_000 }, (_, i) => `${i}`);
    await journal.persist([append(0, ...texts), compact(10)], true);
    machine.crash();
    machine.restart();
    const state = (await machine.open()).load();
    expect(state.records).toEqual(texts.slice(10).map(entry));
  });

  // S04
  test('everything compacted, indexes go on counting after a restart', async () => {
    const { machine, journal } = await openedMachine();
    await journal.persist([append(0, 'a', 'b'), decided(2), compact(2)], true);
    machine.crash();
    const second = await machine.open();
    await expect(second.persist([append(2, 'c')], true)).resolves.toBeUndefined();
    machine.crash();
    expect((await machine.open()).load()).toMatchObject({ snapshot: snapshotAt(2), records: [entry('c')] });
  });

  // S06
  test('a sync with a snapshot, is one step', async () => {
    const { machine, journal } = await openedMachine();
    await journal.persist([append(0, 'old')], true);
    await journal.persist([syncWithSnapshot(9, ['new'], 10)], true);
    machine.crash();
    expect((await machine.open()).load()).toMatchObject({
      snapshot: snapshotAt(9),
      records: [entry('new')],
      decidedIdx: 10,
    });
  });
});

describe('journal: what is refused is final, and nothing of it is written', () => {
  // S05, S07, S18
  test('a write that does not fit', async () => {
    const { machine, journal } = await openedMachine();
    const first = journal.persist([append(0, 'a')], true);
    const gap = { code: 'invalid_input', field: 'writes.1.fromIdx' };
    await expect(journal.persist([append(1, 'b'), append(9, 'c')], true)).rejects.toMatchObject(gap);
    await expect(journal.persist([append(1, 'b')], true)).rejects.toMatchObject(gap);
    await expect(journal.rememberPeers([])).rejects.toMatchObject(gap);
    await first;
    await journal.close();
    expect((await machine.open()).load().records).toEqual([entry('a')]);
  });

  // S07
  test('an entry that its codec cannot encode, after others that it can', async () => {
    const machine = new TestMachine();
    await machine.init();
    const cause = new Error('cannot encode');
    const { entry: entryCodec } = withEntryCodec({
      encode: (value, writer) => {
        if (value === 'bad') throw cause;
        writer.string(value);
      },
    });
    const journal = await machine.open({ entryCodec });
    await expect(journal.persist([promise(1), append(0, 'a', 'b', 'bad')], true)).rejects.toMatchObject({
      cause,
    });
    await journal.close();
    expect((await machine.open()).load()).toMatchObject({ promise: { n: 0 }, records: [] });
  });

  test('more waiting than maxPendingBytes', async () => {
    const { journal } = await openedMachine({ maxPendingBytes: 4_096 });
    const first = journal.persist([append(0, 'x'.repeat(3_000))], true);
    const second = journal.persist([append(1, 'x'.repeat(3_000))], true);
    await expect(second).rejects.toMatchObject({ code: 'storage_overloaded' });
    await first;
    await expect(journal.persist([promise(1)], true)).rejects.toMatchObject({ code: 'storage_overloaded' });
    await journal.close();
  });

  test('a call after close', async () => {
    const { journal } = await openedMachine();
    await journal.close();
    await journal.close();
    await expect(journal.persist([promise(1)], true)).rejects.toMatchObject({ code: 'storage_closed' });
  });
});

test('journal: close, carries out what was asked for and makes lazy writes durable', async () => {
  const { machine, journal } = await openedMachine();
  const persisted = journal.persist([append(0, 'a'), decided(1)], false);
  await journal.close();
  await persisted;
  machine.crash();
  expect((await machine.open()).load()).toMatchObject({ decidedIdx: 1, records: [entry('a')] });
});

test('journal: a segment that is filled to its end, keeps its size: there is room for the seal, or a new one is begun', async () => {
  const freeBytes = async (): Promise<number> => {
    const { machine, journal } = await openedMachine();
    await journal.persist([append(0, '')], true);
    const { usedBytes, bytes } = (await inspectDataDirectory(dataDir, machine)).segment;
    await journal.close();
    return bytes - usedBytes;
  };
  const free = await freeBytes();
  // From one that leaves room for a seal and more to one that does not fit itself.
  for (let length = free - 120; length <= free + 60; length++) {
    const { machine, journal } = await openedMachine();
    await journal.persist([append(0, 'x'.repeat(length))], true);
    await settleMicrotasks();
    await journal.close();
    expect((await machine.open()).load().records, `${length} of ${free}`).toEqual([
      entry('x'.repeat(length)),
    ]);
  }
});

test('journal: close, leaves nothing that is not durable: the seal is, too', async () => {
  for (const needsSync of [true, false]) {
    const { machine, journal } = await openedMachine();
    await journal.persist([append(0, 'a')], needsSync);
    await journal.close();
    const unsynced = machine.fileSystem.unsynced.filter(({ kind }) => kind === 'write');
    expect(unsynced).toEqual([]);
  }
});

test('journal: stale records behind a cut tail, are never taken for later ones', async () => {
  const { machine, journal } = await openedMachine();
  await journal.persist([append(0, 'a')], true);
  // Three batches of equal size; the first is lost, the others survive the crash behind it.
  for (let i = 1; i < 4; i++) await journal.persist([append(i, `${i}`)], false);
  const changes = machine.fileSystem.unsynced.length;
  machine.crash((_change, index) => index > changes - 3);
  const second = await machine.open();
  expect(second.load().records).toEqual([entry('a')]);
  await second.persist([append(1, 'x')], true);
  machine.crash();
  expect((await machine.open()).load().records).toEqual([entry('a'), entry('x')]);
});
