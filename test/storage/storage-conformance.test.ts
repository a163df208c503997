import { describe, expect, test } from 'vitest';
import type { StableState } from '../../src/omnipaxos/index.js';
import { MemoryDisk, openMemoryStorage, type Storage } from '../../src/storage/index.js';
import {
  type ConformanceStorage,
  type StorageConformanceOptions,
  type StorageHarness,
  storageConformance,
} from '../../src/testing/storage-conformance.js';
import { TestMachine } from './journal-harness.js';
import { config, type Write } from './storage-fixtures.js';

type State = StableState<string, number>;

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

type Break = (storage: ConformanceStorage) => Partial<ConformanceStorage>;

/** Changes what is handed to `persist`. */
function withWrites(change: (writes: readonly Write[]) => readonly Write[]): Break {
  return (storage) => ({ persist: (writes, needsSync) => storage.persist(change(writes), needsSync) });
}

/** Changes what was recovered. */
function withRecovered(change: (state: State) => State): Break {
  return (storage) => ({ load: () => change(storage.load()) });
}

/** What the storage with a durability skew keeps beside its disk. */
const skewed: { promise: Write | undefined } = { promise: undefined };

/** Storages that break the contract in one way: which case tells it, and what it says. */
const brokenStorages: readonly [string, Break, string, RegExp][] = [
  [
    'forgets promises',
    withWrites((writes) => writes.filter(({ kind }) => kind !== 'promise')),
    'promise: the last one counts',
    /the state: it is .*"promise":\{"configId":0,"n":0/,
  ],
  [
    'carries out overlapping promises in the reverse order',
    (storage) => {
      let waiting: Write[] = [];
      return {
        persist: async (writes, needsSync) => {
          waiting.unshift(...writes.filter(({ kind }) => kind === 'promise'));
          await storage.persist(
            writes.filter(({ kind }) => kind !== 'promise'),
            needsSync,
          );
          const promises = waiting;
          waiting = [];
          await storage.persist(promises, needsSync);
        },
      };
    },
    'calls that overlap: take effect in the order of the calls',
    /the state: it is .*"n":1,.* instead of .*"n":20,/,
  ],
  [
    'keeps promises at once, and the rest when it is synced',
    (storage) => {
      const state = storage.load();
      const { promise } = skewed;
      skewed.promise = undefined;
      return {
        persist: (writes, needsSync) => {
          skewed.promise = writes.findLast(({ kind }) => kind === 'promise') ?? skewed.promise;
          return storage.persist(writes, needsSync);
        },
        load: () => (promise?.kind === 'promise' ? { ...state, promise: promise.promise } : state),
      };
    },
    'crash: of calls that were not synced, a whole and ordered beginning is there',
    /the state: it is .*"n":6,.*"records":\[\]/,
  ],
  [
    'loses the last record',
    withRecovered((state) => ({ ...state, records: state.records.slice(0, -1) })),
    'append: records are added in order',
    /the state: it is .*"records":\[.*"a".*"b"[^c]*\}\]\} instead of/,
  ],
  [
    'gives back a part of a long range',
    withRecovered((state) => ({ ...state, records: state.records.slice(0, 1_000) })),
    'append: a long log comes back whole, and in order',
    /how many records came back: it is 1000 instead of 5000/,
  ],
  [
    'cuts in a sync, and adds its records in a second step',
    (storage) => ({
      persist: async (writes, needsSync) => {
        for (const write of writes) {
          if (write.kind !== 'sync' || write.logSync.snapshot !== undefined) continue;
          await storage.persist([{ ...write, logSync: { ...write.logSync, suffix: [] } }], true);
          const { suffix, syncIdx } = write.logSync;
          return storage.persist([{ kind: 'append', fromIdx: syncIdx, records: suffix }], needsSync);
        }
        return storage.persist(writes, needsSync);
      },
    }),
    'crash: a sync under way is there whole or not at all',
    /after a crash \d+ turns after the call: it is .*"records":\[\{"kind":"entry","entry":"a"\}\]\} instead/,
  ],
  [
    'enters a configuration, and cuts the old tail in a second step',
    (storage) => ({
      persist: async (writes, needsSync) => {
        const [write] = writes;
        if (write?.kind !== 'enterConfig') return storage.persist(writes, needsSync);
        const { config: entered, decidedIdx } = write;
        const first = { configId: entered.configId, n: 0, priority: 0, pid: 0 };
        await storage.persist([{ kind: 'promise', promise: first }], true);
        return storage.persist([{ ...write, decidedIdx }], needsSync);
      },
    }),
    'crash: a change of configuration under way is there whole or not at all',
    /after a crash \d+ turns after the call: it is/,
  ],
  [
    'acknowledges before it is durable',
    (storage) => ({ persist: (writes) => storage.persist(writes, false) }),
    'crash: a synced call and all before it are there',
    /the state: it is .*"records":\[\]\} instead of/,
  ],
  [
    'carries out the writes of a call one by one',
    (storage) => ({
      persist: async (writes, needsSync) => {
        for (const write of writes) await storage.persist([write], needsSync);
      },
    }),
    'refused: a gap, after a write that fits, and with it every later call; nothing of it is written',
    /the state: it is .*"entry":"c"/,
  ],
  [
    'accepts an empty write past the end',
    withWrites((writes) => writes.filter((write) => write.kind !== 'append' || write.records.length > 0)),
    'refused: an empty append past the end, and with it every later call; nothing of it is written',
    /the call: it did not fail/,
  ],
  [
    'forgets decidedIdx',
    withWrites((writes) => writes.filter(({ kind }) => kind !== 'decided')),
    'decided: is stored as told',
    /the state: it is .*"decidedIdx":0.* instead of .*"decidedIdx":1/,
  ],
  [
    'forgets stop signs',
    withWrites((writes) =>
      writes.map((write) =>
        write.kind === 'append'
          ? { ...write, records: write.records.filter(({ kind }) => kind === 'entry') }
          : write,
      ),
    ),
    'append: a stop sign is a record like any other',
    /the number of records: it is 1 instead of 2/,
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
    /a later call: it is "fulfilled" instead of "rejected"/,
  ],
  [
    'swallows a failure',
    (storage) => ({ persist: (writes, needsSync) => storage.persist(writes, needsSync).catch(() => {}) }),
    'failure: of a write, is final though the disk would work again',
    /the failing call: it did not fail/,
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
    /the table: it is \[\] instead of/,
  ],
  [
    'tells remembered peers before they are durable',
    (storage) => {
      let peers = storage.peers();
      return {
        peers: () => peers,
        rememberPeers: async (remembered) => {
          peers = remembered;
          await storage.rememberPeers(remembered);
        },
      };
    },
    'failure: while peers are remembered, those told are the ones that are durable',
    /the table told: it is .*"nodeId":3/,
  ],
  [
    'does not keep the mark of refusal',
    () => ({ markRefused: async () => {} }),
    'refused: marked so, no later opening succeeds and each tells the reason',
    /the first opening after: it did not fail/,
  ],
  [
    'goes on after close',
    () => ({ close: async () => {} }),
    'close: twice, is the same as once; what comes after is refused',
    /a call after close: it did not fail/,
  ],
];

/** The cases that an implementation fails, with what each says. */
async function failuresOf(options: StorageConformanceOptions): Promise<ReadonlyMap<string, unknown>> {
  const failures = new Map<string, unknown>();
  for (const { name, run } of storageConformance(options)) {
    await run().catch((error: unknown) => failures.set(name, error));
  }
  return failures;
}

describe('storage conformance: a storage that breaks the contract, is told so', () => {
  test.each(brokenStorages)('one that %s', async (_name, replace, telling, reason) => {
    const failures = await failuresOf(withBroken(replace));
    expect([...failures.keys()]).toContain(telling);
    expect(failures.get(telling)).toMatchObject({
      code: 'contract_broken',
      message: expect.stringMatching(reason),
    });
  });

  test('each by a case of its own', () => {
    const telling = brokenStorages.map(([, , name]) => name);
    expect(new Set(telling).size).toBe(telling.length);
  });

  test('one that lets a second owner in', async () => {
    const create = (): StorageHarness => {
      const disk = new MemoryDisk<string, number>({ clusterId: 'test', nodeId: 1, config });
      let opened = 0;
      return {
        config,
        open: () => openMemoryStorage(opened++ === 0 ? disk : disk.clone()),
        dispose: () => {},
      };
    };
    const failures = await failuresOf({ create, capabilities: { crash: false, fail: false } });
    expect(failures.get('opening: a second one at the same time, is refused')).toMatchObject({
      code: 'contract_broken',
      message: expect.stringMatching(/the second opening: it did not fail/),
    });
  });

  test('one that loses in close what was not synced', async () => {
    const create = (): StorageHarness => {
      const disk = new MemoryDisk<string, number>({ clusterId: 'test', nodeId: 1, config });
      return {
        config,
        open: () => {
          const storage = openMemoryStorage(disk);
          // What was asked for completes; what is not synced by then is gone.
          storage.close = async () => {
            await new Promise<void>((resolve) => setImmediate(resolve));
            disk.crash();
          };
          return storage;
        },
        crash: () => disk.crash(),
        dispose: () => {},
      };
    };
    const failures = await failuresOf({ create, capabilities: { crash: true, fail: false } });
    expect(failures.get('crash: after a close, nothing is lost')).toMatchObject({ code: 'contract_broken' });
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
    const failures = await failuresOf({ create, capabilities: { crash: false, fail: false } });
    expect([...failures.keys()]).toEqual(['load: what was recovered, does not follow later writes']);
    expect([...failures.values()]).toMatchObject([{ code: 'contract_broken' }]);
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
    const failures = await failuresOf({ create, capabilities: { crash: true, fail: false } });
    expect(failures.get('crash: right after an opening, its incarnation is not used again')).toMatchObject({
      code: 'contract_broken',
      message: expect.stringMatching(/the incarnation: it is 1 instead of 2/),
    });
  });
});
