import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acquireLock, type HeldLock, lockStatus } from '../../src/storage/lock-file.js';
import { nodeProcessInfo, type ProcessIdentity, type ProcessInfo } from '../../src/storage/process-info.js';
import { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { countingRandom, dataDir, openedMachine, TestMachine } from './journal-harness.js';

const path = '/lock';

/** The processes of one machine: those in `running`. */
function processInfo(pid: number, running: ReadonlySet<number>): ProcessInfo {
  return {
    self: () => Promise.resolve({ pid, startTime: '1', machineBootId: 'boot' }),
    isGone: (holder) => Promise.resolve(!running.has(holder.pid)),
  };
}

describe('lock: of a data directory', () => {
  // S11
  test('opened twice, the second is refused and the first goes on', async () => {
    const { machine, journal } = await openedMachine();
    await expect(machine.open()).rejects.toMatchObject({ code: 'storage_locked' });
    await journal.close();
    await machine.open();
  });

  // S11
  test('left by a crash, it is replaced', async () => {
    const { machine } = await openedMachine();
    expect(machine.fileSystem.names(dataDir)).toContain('lock');
    machine.restart();
    await machine.open();
    expect(machine.fileSystem.names(dataDir)).toEqual(['identity', 'journal-3', 'lock']);
  });

  test('that names nobody, is left in place, with the next step in the error', async () => {
    const machine = new TestMachine();
    await machine.init();
    for (const text of ['', 'not JSON', '{"pid":0}']) {
      machine.fileSystem.put(`${dataDir}/lock`, Buffer.from(text));
      await expect(machine.open()).rejects.toMatchObject({
        code: 'storage_locked',
        message: expect.stringContaining('remove this file'),
      });
      expect(machine.fileSystem.names(dataDir)).toContain('lock');
    }
  });

  test('after an opening that fails, it is free', async () => {
    const { machine, journal } = await openedMachine();
    await journal.close();
    machine.fileSystem.remove(machine.segmentFile());
    for (let i = 0; i < 2; i++) {
      await expect(machine.open()).rejects.toMatchObject({ code: 'storage_corrupt' });
    }
  });
});

describe('lock: several processes at once', () => {
  // Every interleaving that the schedule finds: each call of the file system waits for its turn.
  test('a stale lock, is replaced by one of them at most', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (scheduler, contenders) => {
        const fileSystem = new MemoryFileSystem();
        const stale = { pid: 1, startTime: '1', machineBootId: 'boot', token: 'stale' };
        fileSystem.put(path, Buffer.from(JSON.stringify(stale)));
        const random = countingRandom();
        const running = new Set(Array.from({ length: contenders }, (_, i) => i + 2));
        const scheduled = new Proxy(fileSystem, {
          get: (target, name) => {
            const member: unknown = Reflect.get(target, name, target);
            if (typeof member !== 'function') return member;
            return (...args: unknown[]) =>
              scheduler
                .schedule(Promise.resolve(), String(name))
                .then(() => Reflect.apply(member, target, args));
          },
        });
        const taken: HeldLock[] = [];
        const attempts = [...running].map((pid) =>
          acquireLock(path, { fileSystem: scheduled, processInfo: processInfo(pid, running), random }).then(
            (lock) => void taken.push(lock),
            (error: { code: string }) => expect(error.code).toBe('storage_locked'),
          ),
        );
        await scheduler.waitFor(Promise.all(attempts));
        expect(taken.length).toBeLessThanOrEqual(1);
        expect(fileSystem.names('/').filter((name) => name !== 'lock')).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('one that died while it replaced a stale lock, stops nobody', async () => {
    const rehearsal = new MemoryFileSystem();
    const seams = { random: countingRandom(), processInfo: processInfo(2, new Set([2])) };
    const stale = Buffer.from(
      JSON.stringify({ pid: 1, startTime: '1', machineBootId: 'boot', token: 'stale' }),
    );
    rehearsal.put(path, stale);
    await acquireLock(path, { ...seams, fileSystem: rehearsal });
    for (let stop = 0; stop < rehearsal.calls; stop++) {
      const fileSystem = new MemoryFileSystem();
      fileSystem.put(path, stale);
      fileSystem.onCall = ({ index }) => (index >= stop ? { kind: 'hang' } : undefined);
      void acquireLock(path, { ...seams, fileSystem });
      await new Promise((resolve) => setImmediate(resolve));
      fileSystem.onCall = undefined;
      const next = { fileSystem, random: countingRandom(), processInfo: processInfo(3, new Set([3])) };
      next.random.nextId = () => 'another';
      await acquireLock(path, next);
    }
  });

  test.each([false, true])(
    'a call that fails while it is taken (a stale one is there: %s): nothing of it is left',
    async (hasStale) => {
      const stale = { pid: 1, startTime: '1', machineBootId: 'boot', token: 'stale' };
      for (let failing = 0; ; failing++) {
        const fileSystem = new MemoryFileSystem();
        if (hasStale) fileSystem.put(path, Buffer.from(JSON.stringify(stale)));
        const seams = { fileSystem, random: countingRandom(), processInfo: processInfo(2, new Set([2])) };
        let failed = '';
        fileSystem.onCall = ({ index, name, path: at }) => {
          if (index !== failing) return undefined;
          failed = `${name} ${at}`;
          return { kind: 'error', code: 'EIO' };
        };
        const outcome = await acquireLock(path, seams).catch((error: unknown) => error);
        if (failed === '') break;
        expect(outcome, failed).toMatchObject({ code: 'storage_io', errno: 'EIO' });
        // The same process may try again.
        await (await acquireLock(path, seams)).release();
      }
    },
  );

  test('given up between the attempt and the look at who holds it: refused, to be tried again', async () => {
    const fileSystem = new MemoryFileSystem();
    const seams = { fileSystem, random: countingRandom() };
    await acquireLock(path, { ...seams, processInfo: processInfo(2, new Set([2, 3])) });
    fileSystem.onCall = ({ name, path: at }) => {
      if (name === 'stat' && at === path) fileSystem.remove(path);
      return undefined;
    };
    const mine = { ...seams, processInfo: processInfo(3, new Set([2, 3])) };
    await expect(acquireLock(path, mine)).rejects.toMatchObject({
      code: 'storage_locked',
      message: expect.stringMatching(/given it up by now\. Try again/),
    });
    fileSystem.onCall = undefined;
    await acquireLock(path, mine);
    expect(fileSystem.names('/')).toEqual(['lock']);
  });

  test('released, it is free; a lock that somebody else holds by now is left alone', async () => {
    const fileSystem = new MemoryFileSystem();
    const seams = { fileSystem, random: countingRandom() };
    const lock = await acquireLock(path, { ...seams, processInfo: processInfo(2, new Set([2])) });
    await lock.release();
    expect(fileSystem.names('/')).toEqual([]);
    const second = await acquireLock(path, { ...seams, processInfo: processInfo(2, new Set([2])) });
    await acquireLock(path, { ...seams, processInfo: processInfo(3, new Set([3])) });
    await second.release();
    expect(fileSystem.names('/')).toEqual(['lock']);
  });
});

describe('lock: to somebody who only looks', () => {
  test('free, held, left by one that is gone, or unreadable', async () => {
    const fileSystem = new MemoryFileSystem();
    const running = new Set([2]);
    const status = () => lockStatus(path, fileSystem, processInfo(3, running));
    expect(await status()).toEqual({ kind: 'free' });
    await acquireLock(path, { fileSystem, random: countingRandom(), processInfo: processInfo(2, running) });
    const holder = { pid: 2, startTime: '1', machineBootId: 'boot' };
    expect(await status()).toEqual({ kind: 'held', holder });
    running.clear();
    expect(await status()).toEqual({ kind: 'free' });
    fileSystem.put(path, Buffer.from('{"pid":0}'));
    expect(await status()).toEqual({ kind: 'unreadable' });
    fileSystem.onCall = ({ name }) => (name === 'open' ? { kind: 'error', code: 'EACCES' } : undefined);
    expect(await status()).toEqual({ kind: 'unreadable' });
  });
});

describe('process info: of this machine', () => {
  test('this process, runs', async () => {
    const self = await nodeProcessInfo.self();
    expect(self.pid).toBe(process.pid);
    expect(await nodeProcessInfo.isGone(self)).toBe(false);
  });

  test('a process that has ended, one of another start time and one of another boot are gone', async () => {
    const self = await nodeProcessInfo.self();
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    const ended: ProcessIdentity = { ...self, pid: child.pid ?? 0, startTime: '' };
    expect(await nodeProcessInfo.isGone(ended)).toBe(true);
    if (process.platform === 'linux') {
      expect(await nodeProcessInfo.isGone({ ...self, startTime: '1' })).toBe(true);
      expect(await nodeProcessInfo.isGone({ ...self, machineBootId: 'another' })).toBe(true);
    }
  });

  test('where start and boot are not known, a running pid counts as the holder', async () => {
    expect(await nodeProcessInfo.isGone({ pid: process.pid, startTime: '', machineBootId: '' })).toBe(false);
  });
});
