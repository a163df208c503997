import { describe, expect, test } from 'vitest';
import { MemoryDisk, openMemoryStorage, type Storage } from '../../src/storage/index.js';
import {
  type ConformanceStorage,
  type StorageConformanceOptions,
  type StorageHarness,
  storageConformance,
} from '../../src/testing/storage-conformance.js';
import { TestMachine } from './journal-harness.js';
import { config } from './storage-fixtures.js';

const capabilities = { crash: true, fail: true };

function memoryHarness(): StorageHarness {
  const disk = new MemoryDisk<string, number>({ clusterId: 'test', nodeId: 1, config });
  let failing: 'write' | 'sync' | undefined;
  return {
    config,
    open: () =>
      openMemoryStorage(disk, {
        inject: () => {
          const stage = failing;
          failing = undefined;
          return stage === undefined ? undefined : { error: new Error(`injected in the ${stage}`), stage };
        },
      }),
    crash: () => disk.crash(),
    failNext: (stage) => {
      failing = stage;
    },
    dispose: () => {},
  };
}

async function journalHarness(): Promise<StorageHarness> {
  const machine = new TestMachine();
  await machine.init();
  return {
    config,
    open: () => machine.open(),
    crash: () => machine.crash((_change, i) => i % 2 === 0),
    failNext: (stage) => {
      const failing = stage === 'write' ? 'write' : 'fdatasync';
      machine.fileSystem.onCall = ({ name }) => {
        if (name !== failing) return undefined;
        machine.fileSystem.onCall = undefined;
        return { kind: 'error', code: 'EIO' };
      };
    },
    dispose: () => {},
  };
}

describe('storage conformance: memory', () => {
  for (const { name, run } of storageConformance({ create: memoryHarness, capabilities })) test(name, run);
});

describe('storage conformance: journal', () => {
  for (const { name, run } of storageConformance({ create: journalHarness, capabilities })) test(name, run);
});

/** A memory storage some of whose methods are replaced. */
function withBroken(
  replace: (storage: ConformanceStorage) => Partial<ConformanceStorage>,
): StorageConformanceOptions {
  const create = (): StorageHarness => {
    const harness = memoryHarness();
    return {
      ...harness,
      open: async () => {
        const storage = await harness.open();
        const replaced = replace(storage);
        return new Proxy(storage, {
          get: (target, name) => {
            // A Proxy is asked by name; the names of Partial<Storage> are those of its methods.
            const member: unknown = Reflect.get(replaced, name) ?? Reflect.get(target, name, target);
            return typeof member === 'function' ? member.bind(target) : member;
          },
        });
      },
    };
  };
  return { create, capabilities };
}

/** Storages that break the contract in one way, and a case that must tell. */
const brokenStorages: [string, (storage: ConformanceStorage) => Partial<ConformanceStorage>, string][] = [
  [
    'acknowledges before it is durable',
    (storage) => ({ persist: (writes) => storage.persist(writes, false) }),
    'crash: a synced call and all before it are there',
  ],
  [
    'carries out the writes of a call one by one',
    (storage) => ({
      persist: async (writes, needsSync) => {
        for (const write of writes) await storage.persist([write], needsSync);
      },
    }),
    'refused: a gap, after a write that fits, and with it every later call; nothing of it is written',
  ],
  [
    'accepts an empty write past the end',
    (storage) => ({
      persist: (writes, needsSync) =>
        storage.persist(
          writes.filter((write) => write.kind !== 'append' || write.records.length > 0),
          needsSync,
        ),
    }),
    'refused: an empty append past the end, and with it every later call; nothing of it is written',
  ],
  [
    'forgets decidedIdx',
    (storage) => ({
      persist: (writes, needsSync) =>
        storage.persist(
          writes.filter(({ kind }) => kind !== 'decided'),
          needsSync,
        ),
    }),
    'decided: is stored as told',
  ],
  [
    'forgets stop signs',
    (storage) => ({
      persist: (writes, needsSync) =>
        storage.persist(
          writes.map((write) =>
            write.kind === 'append'
              ? { ...write, records: write.records.filter(({ kind }) => kind === 'entry') }
              : write,
          ),
          needsSync,
        ),
    }),
    'append: a stop sign is a record like any other',
  ],
  [
    'tries again after a failure',
    (storage) => {
      let failed = false;
      return {
        persist: async (writes, needsSync) => {
          if (failed) return;
          await storage.persist(writes, needsSync).catch((error: unknown) => {
            failed = true;
            throw error;
          });
        },
      };
    },
    'failure: of a sync, is final though the next sync would succeed',
  ],
  [
    'swallows a failure',
    (storage) => ({ persist: (writes, needsSync) => storage.persist(writes, needsSync).catch(() => {}) }),
    'failure: of a write, is final though the disk would work again',
  ],
  [
    'keeps remembered peers in memory only',
    (storage) => {
      let peers = storage.peers();
      return {
        peers: () => peers,
        rememberPeers: async (remembered) => {
          peers = remembered;
        },
      };
    },
    'crash: remembered peers are there',
  ],
  [
    'does not keep the mark of refusal',
    () => ({ markRefused: async () => {} }),
    'refused: marked so, no later opening succeeds and each tells the reason',
  ],
  [
    'goes on after close',
    () => ({ close: async () => {} }),
    'close: twice, is the same as once; what comes after is refused',
  ],
];

describe('storage conformance: a storage that breaks the contract, is told so', () => {
  test.each(brokenStorages)('one that %s', async (_name, replace, telling) => {
    const found = storageConformance(withBroken(replace)).find(({ name }) => name === telling);
    await expect(found?.run()).rejects.toMatchObject({ code: 'contract_broken' });
  });

  test('one whose recovered state follows later writes', async () => {
    const create = (): StorageHarness => {
      const disk = new MemoryDisk<string, number>({ clusterId: 'test', nodeId: 1, config });
      return {
        config,
        open: (): Storage<string, number> => {
          const storage = openMemoryStorage(disk);
          storage.load = () => disk.durable;
          return storage;
        },
        dispose: () => {},
      };
    };
    const cases = storageConformance({ create, capabilities: { crash: false, fail: false } });
    const found = cases.find(({ name }) => name.startsWith('load: '));
    await expect(found?.run()).rejects.toMatchObject({ code: 'contract_broken' });
  });

  test('one whose incarnation is the same after a crash', async () => {
    const create = (): StorageHarness => {
      let disk = new MemoryDisk<string, number>({ clusterId: 'test', nodeId: 1, config });
      let before = disk.clone();
      return {
        config,
        open: () => {
          before = disk.clone();
          return openMemoryStorage(disk);
        },
        crash: () => {
          disk = before;
        },
        dispose: () => {},
      };
    };
    const cases = storageConformance({ create, capabilities: { crash: true, fail: false } });
    const found = cases.find(({ name }) => name.startsWith('crash: right after an opening'));
    await expect(found?.run()).rejects.toMatchObject({ code: 'contract_broken' });
  });
});
