import { describe, expect, test } from 'vitest';
import { inspectDataDirectory, StorageIoError } from '../../src/storage/index.js';
import type { FileSystemCall, FileSystemFault } from '../../src/testing/memory-file-system.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { recordingLogger } from '../driver/recording-logger.js';
import { fixedHistory } from './fixed-history.js';
import { dataDir, TestMachine } from './journal-harness.js';
import { statesAfter } from './naive-storage.js';
import { callsShownBy } from './recovered-state.js';
import { append, config, promise } from './storage-fixtures.js';

const states = statesAfter(config, fixedHistory);

/** What came of a run of the history with one fault in it. */
interface FaultyRun {
  readonly machine: TestMachine;
  /** What the opening, or the first call that failed, rejected with; undefined if all went well. */
  readonly failure: Error | undefined;
  readonly acknowledged: number;
  /** The call that was made to fail. */
  readonly call: FileSystemCall | undefined;
  /** Whether it was made to fail after the whole history had been carried out: in the last seal, or while the journal was closed. */
  readonly isAtTheEnd: boolean;
  /** The calls that changed a file after the one that failed. */
  readonly changesAfter: readonly string[];
  /** The errors that were logged. */
  readonly logged: readonly unknown[];
}

/** Opens, makes all calls, and closes; `fault` befalls the first call for which it is defined, and no other. */
async function runWithFault(
  fault: (call: FileSystemCall) => FileSystemFault | undefined,
): Promise<FaultyRun> {
  const machine = new TestMachine();
  await machine.init();
  let call: FileSystemCall | undefined;
  let isAtTheEnd = false;
  const changesAfter: string[] = [];
  const logger = recordingLogger();
  machine.fileSystem.onCall = (current) => {
    if (call !== undefined) {
      if (/write|sync|rename|link/.test(current.name)) changesAfter.push(`${current.name} ${current.path}`);
      return undefined;
    }
    const injected = fault(current);
    if (injected !== undefined) {
      call = current;
      isAtTheEnd = acknowledged === fixedHistory.length;
    }
    return injected;
  };
  let failure: Error | undefined;
  let acknowledged = 0;
  try {
    const journal = await machine.open({ logger });
    for (const [i, { writes, needsSync }] of fixedHistory.entries()) {
      await journal.persist(writes, needsSync);
      if (needsSync) acknowledged = i + 1;
    }
    await settleMicrotasks();
    await journal.close();
  } catch (error) {
    // Everything that rejects here rejects with an Error.
    failure = error as Error;
  }
  machine.fileSystem.onCall = undefined;
  const logged = logger.lines.map(({ fields }) => fields['error']).filter((error) => error !== undefined);
  return { machine, failure, acknowledged, call, isAtTheEnd, changesAfter, logged };
}

/** Runs the history once per call that `select` names, with `fault` in that call. */
async function forEachCall(
  select: (call: FileSystemCall) => boolean,
  fault: FileSystemFault,
  check: (run: FaultyRun) => Promise<void>,
): Promise<number> {
  for (let skip = 0; ; skip++) {
    let seen = 0;
    const run = await runWithFault((call) => (select(call) && seen++ === skip ? fault : undefined));
    if (run.call === undefined) return skip;
    try {
      await check(run);
    } catch (error) {
      throw new Error(`${fault.kind} in call ${skip}, ${run.call.name} ${run.call.path}`, { cause: error });
    }
  }
}

/** After a power cut that takes all it may, and after a mere restart, everything acknowledged is there. */
async function expectNothingLost({ machine, acknowledged }: FaultyRun): Promise<void> {
  for (const end of ['crash', 'restart'] as const) {
    const copy = machine.clone();
    copy[end]();
    callsShownBy((await copy.open()).load(), states, acknowledged);
  }
}

const writing = (call: FileSystemCall): boolean => call.name === 'write';

// S13
describe('journal: a call that fails, stops it, and is told', () => {
  test.each(['EIO', 'ENOSPC'])('%s in each call of opening, writing and closing', async (code) => {
    const count = await forEachCall(
      () => true,
      { kind: 'error', code },
      async (run) => {
        const { call, failure, isAtTheEnd, logged } = run;
        // What fails in the last seal, or while the lock is given up, is nobody's call: it is logged.
        const told = isAtTheEnd ? logged[0] : failure;
        expect(told).toMatchObject({ code: 'storage_io', errno: code });
        if (!(told instanceof StorageIoError)) throw new Error('it is of another kind');
        expect(told.call).toBe(call?.name === 'syncDirectory' ? 'fsync' : call?.name);
        // The file system knows a file by the name under which it was opened, the journal by its present one.
        expect(told.path.replace(/\.new$/, '')).toBe(call?.path.replace(/\.new$/, ''));
        if (isAtTheEnd) expect(failure).toBeUndefined();
        await expectNothingLost(run);
      },
    );
    expect(count).toBeGreaterThan(60);
  });

  test('the journal writes nothing more, and rejects every later call with the same error', async () => {
    const count = await forEachCall(writing, { kind: 'error', code: 'EIO' }, async ({ changesAfter }) => {
      expect(changesAfter.filter((change) => change.includes('journal'))).toEqual([]);
    });
    expect(count).toBeGreaterThan(10);
    const machine = new TestMachine();
    await machine.init();
    const journal = await machine.open();
    machine.fileSystem.onCall = ({ name }) =>
      name === 'fdatasync' ? { kind: 'error', code: 'EIO' } : undefined;
    const waiting = [1, 2, 3].map((n) => journal.persist([promise(n)], true));
    const [first] = await Promise.allSettled(waiting);
    machine.fileSystem.onCall = undefined;
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'storage_io', call: 'fdatasync' } });
    const reason = first?.status === 'rejected' ? first.reason : undefined;
    for (const call of [
      ...waiting,
      journal.persist([promise(4)], false),
      journal.rememberPeers([]),
      journal.markRefused('x'),
    ]) {
      await expect(call).rejects.toBe(reason);
    }
    await journal.close();
    expect(machine.fileSystem.names(dataDir)).not.toContain('lock');
  });
});

test('journal: whatever fails, every file that was opened is closed in the end', async () => {
  for (let failing = 0; ; failing++) {
    const machine = new TestMachine();
    await machine.init();
    const first = machine.fileSystem.calls;
    let failed = '';
    const open: string[] = [];
    machine.fileSystem.onCall = ({ index, name, path }) => {
      if (name === 'close') open.splice(open.indexOf(path), 1);
      if (index - first === failing) {
        failed = `${name} ${path}`;
        return { kind: 'error', code: 'EIO' };
      }
      if (name === 'open') open.push(path);
      return undefined;
    };
    const journal = await machine.open().catch(() => undefined);
    for (const { writes, needsSync } of fixedHistory)
      await journal?.persist(writes, needsSync).catch(() => {});
    await journal?.persist([append(0, 'x')], true).catch(() => {});
    await journal?.close();
    expect(open, failed).toEqual([]);
    if (failed === '') break;
  }
});

test('journal: a call that fails in a rotation, no descriptor is closed twice', async () => {
  for (const name of ['close', 'readdir', 'unlink']) {
    const machine = new TestMachine();
    await machine.init();
    const journal = await machine.open();
    const closed: string[] = [];
    machine.fileSystem.onCall = (call) => {
      if (!call.path.includes('journal-') && call.name !== 'readdir') return undefined;
      // Each segment is opened once, under its `.new` name.
      if (call.name === 'close') closed.push(call.path);
      return call.name === name ? { kind: 'error', code: 'EIO' } : undefined;
    };
    const rotating = journal.persist([append(0, 'x'.repeat(5_000))], true);
    await expect(rotating).rejects.toMatchObject({ call: name, errno: 'EIO' });
    await journal.close();
    expect(closed, name).toHaveLength(2);
    expect(new Set(closed).size, name).toBe(2);
  }
});

// S01
test('journal: a sync that fails once and then succeeds, acknowledges nothing', async () => {
  const count = await forEachCall(
    ({ name }) => name === 'fdatasync' || name === 'fsync' || name === 'syncDirectory',
    { kind: 'error', code: 'EIO' },
    async (run) => {
      if (run.failure === undefined) expect(run.acknowledged).toBe(fixedHistory.length);
      expect(run.changesAfter.filter((change) => /^fdatasync|^fsync/.test(change))).toEqual([]);
      await expectNothingLost(run);
    },
  );
  expect(count).toBeGreaterThan(10);
});

// S13
describe('journal: a call that does less than it was asked for, goes on where it stopped', () => {
  test.each([1, 20, 100])('each write writes %i bytes at first', async (bytes) => {
    const count = await forEachCall(writing, { kind: 'short', bytes }, async (run) => {
      expect(run.failure).toBeUndefined();
      expect(run.acknowledged).toBe(fixedHistory.length);
      await expectNothingLost(run);
    });
    expect(count).toBeGreaterThan(10);
  });

  test('each write and read is interrupted once', async () => {
    const interruptible = ({ name }: FileSystemCall): boolean => name === 'write' || name === 'read';
    await forEachCall(interruptible, { kind: 'error', code: 'EINTR' }, async (run) => {
      expect(run.failure).toBeUndefined();
      await expectNothingLost(run);
    });
  });

  test('a write that writes nothing, fails rather than try for ever', async () => {
    let failed = 0;
    const count = await forEachCall(writing, { kind: 'short', bytes: 0 }, async (run) => {
      if (run.failure !== undefined) {
        expect(run.failure).toMatchObject({ code: 'storage_io', call: 'write' });
        failed++;
      }
      await expectNothingLost(run);
    });
    // The write of the last seal is nobody's call: its failure is logged.
    expect(failed).toBeGreaterThan(count / 2);
  });

  test('each read gives a few bytes only', async () => {
    const machine = new TestMachine();
    await machine.init();
    const journal = await machine.open();
    for (const { writes, needsSync } of fixedHistory) await journal.persist(writes, needsSync);
    await journal.close();
    const { fileSystem } = machine;
    const open = fileSystem.open.bind(fileSystem);
    fileSystem.open = async (path, mode) => {
      const file = await open(path, mode);
      return { ...file, read: (into, position) => file.read(into.subarray(0, 7), position) };
    };
    const again = await machine.open();
    expect(callsShownBy(again.load(), states, fixedHistory.length)).toBe(fixedHistory.length);
    await again.close();
  });

  test('a write that is interrupted for ever, fails', async () => {
    const machine = new TestMachine();
    await machine.init();
    const journal = await machine.open();
    machine.fileSystem.onCall = ({ name }) =>
      name === 'write' ? { kind: 'error', code: 'EINTR' } : undefined;
    await expect(journal.persist([promise(1)], true)).rejects.toMatchObject({
      call: 'write',
      errno: 'EINTR',
    });
  });
});

// S13
describe('journal: a directory that cannot be written to', () => {
  test.each([
    ['EROFS', /: the file system is read-only\. Mount it/],
    ['EACCES', /: this user may not do that\. Give it the right/],
    ['ENOSPC', /: no space is left\. Make room/],
  ])(
    '%s: opening says which call was refused on which file, and what to do; nothing has changed',
    async (code, hint) => {
      const machine = new TestMachine();
      await machine.init();
      await (await machine.open()).close();
      const before = machine.fileSystem.names(dataDir);
      const changing = new Set(['write', 'rename', 'link', 'unlink', 'mkdir']);
      machine.fileSystem.onCall = ({ name, path }) =>
        changing.has(name) || (name === 'open' && path.endsWith('.new'))
          ? { kind: 'error', code }
          : undefined;
      const opening = machine.open();
      await expect(opening).rejects.toMatchObject({ code: 'storage_io', errno: code });
      await expect(opening).rejects.toThrow(hint);
      await expect(opening).rejects.toThrow(`${dataDir}/lock`);
      expect(machine.fileSystem.names(dataDir)).toEqual(before);
      expect(await inspectDataDirectory(dataDir, machine)).toMatchObject({ acceptedIdx: 0 });
    },
  );
});
