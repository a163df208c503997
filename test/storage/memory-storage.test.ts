import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryDisk, type MemoryStorageOptions, openMemoryStorage } from '../../src/storage/index.js';
import { append, compact, config, decided, entry, promise } from './storage-fixtures.js';

function newDisk(): MemoryDisk<string, number> {
  return new MemoryDisk<string, number>({ clusterId: 'test', nodeId: 1, config });
}

/** Collects completions, for the test to run when it likes. */
function manualCompletions(): { readonly options: MemoryStorageOptions; readonly done: (() => void)[] } {
  const done: (() => void)[] = [];
  return { options: { completeLater: (complete) => void done.push(complete) }, done };
}

/** Whether a promise has settled by now, and how. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const pending = Symbol('pending');
  try {
    return (await Promise.race([promise, Promise.resolve(pending)])) === pending ? 'pending' : 'resolved';
  } catch {
    return 'rejected';
  }
}

test('memory storage: closed and opened again, everything is there', async () => {
  const disk = newDisk();
  const first = openMemoryStorage(disk);
  await first.persist([promise(2), append(0, 'a', 'b')], true);
  await first.persist([decided(1)], false);
  await first.rememberPeers([
    { nodeId: 2, directoryId: '00000000000000aa', incarnation: 1, bootId: '00000000000000bb' },
  ]);
  await first.close();

  const second = openMemoryStorage(disk);
  expect(second.load()).toMatchObject({ decidedIdx: 1, records: [entry('a'), entry('b')] });
  expect(second.peers()).toHaveLength(1);
  expect(second.identity).toMatchObject({ directoryId: first.identity.directoryId, incarnation: 2 });
  expect(second.identity.bootIds.slice(0, 1)).toEqual(first.identity.bootIds);
});

test('memory storage: what was recovered, does not follow later writes', async () => {
  const storage = openMemoryStorage(newDisk());
  await storage.persist([append(0, 'a')], true);
  expect(storage.load().records).toEqual([]);
});

test('memory storage: a synced call, makes everything before it durable as well', async () => {
  const disk = newDisk();
  const storage = openMemoryStorage(disk);
  await storage.persist([append(0, 'a'), decided(1)], false);
  expect(disk.unsyncedOperations).toBe(1);
  expect(disk.durable.records).toEqual([]);
  await storage.persist([promise(1)], true);
  expect(disk.unsyncedOperations).toBe(0);
  expect(disk.durable).toMatchObject({ decidedIdx: 1, records: [entry('a')] });
});

// S02, S03, S06
test('memory storage: a crash, leaves what was synced and a whole, ordered prefix of the rest', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 12 }),
      fc.nat({ max: 12 }),
      async (needsSync, keepUnsynced) => {
        const disk = newDisk();
        const storage = openMemoryStorage(disk);
        // Call i makes two changes in one step: appends entry i and promises ballot i + 1.
        for (const [i, sync] of needsSync.entries())
          await storage.persist([append(i, `${i}`), promise(i + 1)], sync);
        const synced = needsSync.lastIndexOf(true) + 1;
        disk.crash({ keepUnsynced });
        const survivors = Math.min(needsSync.length, synced + keepUnsynced);
        const state = openMemoryStorage(disk).load();
        expect(state.records).toEqual(Array.from({ length: survivors }, (_, i) => entry(`${i}`)));
        expect(state.promise.n).toBe(survivors);
      },
    ),
  );
});

test('memory storage: a crash before the completion, the call never settles and nothing of it is there', async () => {
  const disk = newDisk();
  const { options, done } = manualCompletions();
  const storage = openMemoryStorage(disk, options);
  const persisted = storage.persist([append(0, 'a')], true);
  disk.crash();
  for (const complete of done) complete();
  expect(await stateOf(persisted)).toBe('pending');
  expect(openMemoryStorage(disk).load().records).toEqual([]);
  await expect(storage.persist([append(1, 'b')], true)).rejects.toMatchObject({ code: 'storage_closed' });
});

test('memory storage: a crash may keep by a function of how many are unsynced', async () => {
  const disk = newDisk();
  const storage = openMemoryStorage(disk);
  for (let i = 0; i < 3; i++) await storage.persist([append(i, `${i}`)], false);
  disk.crash({ keepUnsynced: (unsynced) => unsynced - 1 });
  expect(disk.durable.records).toHaveLength(2);
});

describe('memory storage: completions under control of the caller', () => {
  test('a call is durable and resolved only when it is completed', async () => {
    const disk = newDisk();
    const { options, done } = manualCompletions();
    const storage = openMemoryStorage(disk, options);
    const first = storage.persist([append(0, 'a')], true);
    const second = storage.persist([append(1, 'b')], true);
    expect(await stateOf(first)).toBe('pending');
    expect(disk.durable.records).toEqual([]);
    done[1]?.();
    expect(disk.durable.records).toHaveLength(2);
    expect(await stateOf(second)).toBe('resolved');
    expect(await stateOf(first)).toBe('pending');
    done[0]?.();
    expect(await stateOf(first)).toBe('resolved');
  });

  test('close waits for what was asked for', async () => {
    const disk = newDisk();
    const { options, done } = manualCompletions();
    const storage = openMemoryStorage(disk, options);
    const persisted = storage.persist([append(0, 'a')], true);
    const closed = storage.close();
    expect(await stateOf(closed)).toBe('pending');
    expect(() => openMemoryStorage(disk)).toThrow(expect.objectContaining({ code: 'storage_locked' }));
    done[0]?.();
    await persisted;
    await closed;
    openMemoryStorage(disk);
  });
});

describe('memory storage: failures are final', () => {
  const error = new Error('injected');

  test('before the write: nothing of it is there, later calls reject with the same error', async () => {
    const disk = newDisk();
    const storage = openMemoryStorage(disk, {
      inject: ({ index }) => (index === 1 ? { error, stage: 'write' } : undefined),
    });
    await storage.persist([append(0, 'a')], true);
    await expect(storage.persist([append(1, 'b')], true)).rejects.toBe(error);
    await expect(storage.persist([append(1, 'b')], false)).rejects.toBe(error);
    await expect(storage.rememberPeers([])).rejects.toBe(error);
    await storage.close();
    expect(openMemoryStorage(disk).load().records).toEqual([entry('a')]);
  });

  // S01
  test('in the sync: not acknowledged, later calls reject with the same error, a crash may lose it', async () => {
    const disk = newDisk();
    const storage = openMemoryStorage(disk, {
      inject: ({ index }) => (index === 0 ? { error, stage: 'sync' } : undefined),
    });
    await expect(storage.persist([append(0, 'a')], true)).rejects.toBe(error);
    await expect(storage.persist([append(1, 'b')], true)).rejects.toBe(error);
    await storage.close();
    expect(disk.durable.records).toEqual([]);
    disk.crash();
    expect(openMemoryStorage(disk).load().records).toEqual([]);
  });

  // S07
  test('a write that does not fit: nothing of its call is there', async () => {
    const disk = newDisk();
    const storage = openMemoryStorage(disk);
    const failing = storage.persist([append(0, 'a'), append(7, 'b')], true);
    await expect(failing).rejects.toMatchObject({ code: 'invalid_input', field: 'writes.1.fromIdx' });
    await expect(storage.persist([append(0, 'a')], true)).rejects.toMatchObject({ code: 'invalid_input' });
    await storage.close();
    expect(openMemoryStorage(disk).load().records).toEqual([]);
  });

  test('a call made before the one that fails, still completes', async () => {
    const disk = newDisk();
    const { options, done } = manualCompletions();
    const storage = openMemoryStorage(disk, options);
    const first = storage.persist([append(0, 'a')], true);
    await expect(storage.persist([compact(9)], true)).rejects.toMatchObject({ code: 'invalid_input' });
    done[0]?.();
    await first;
    expect(disk.durable.records).toEqual([entry('a')]);
  });
});

// S11
test('memory storage: opened twice, the second is refused', () => {
  const disk = newDisk();
  openMemoryStorage(disk);
  expect(() => openMemoryStorage(disk)).toThrow(expect.objectContaining({ code: 'storage_locked' }));
});

test('memory storage: marked as refused, never opens again', async () => {
  const disk = newDisk();
  const storage = openMemoryStorage(disk);
  await storage.markRefused('it was cloned');
  await storage.close();
  for (let i = 0; i < 2; i++) {
    expect(() => openMemoryStorage(disk)).toThrow(expect.objectContaining({ code: 'storage_refused' }));
    expect(() => openMemoryStorage(disk)).toThrow(/it was cloned/);
  }
});

test('memory storage: after close, refuses calls; closing twice is the same', async () => {
  const storage = openMemoryStorage(newDisk());
  await storage.close();
  await storage.close();
  await expect(storage.persist([], true)).rejects.toMatchObject({ code: 'storage_closed' });
});

test('memory storage: a clone, has the same identity and its own future', async () => {
  const disk = newDisk();
  const storage = openMemoryStorage(disk);
  await storage.persist([append(0, 'a')], true);
  const copy = disk.clone();
  await storage.persist([append(1, 'b')], true);
  expect(copy.durable.records).toEqual([entry('a')]);
  const cloned = openMemoryStorage(copy);
  expect(cloned.identity.directoryId).toBe(storage.identity.directoryId);
  expect(cloned.identity.incarnation).toBe(2);
});
