import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Epoch, type LeaderState, PHYSICAL_MS_MAX, toEpoch } from '../../src/consensus/index.js';
import { FileDriver, initFileDriver } from '../../src/driver/index.js';
import { initDataDirectory } from '../../src/storage/index.js';
import { driverConformance } from '../../src/testing/driver-conformance.js';
import type { FileSystemCallName } from '../../src/testing/memory-file-system.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { dataDir, FileDriverMachine, file, openedFileDriver } from './file-driver-machine.js';
import { watch } from './settlement.js';

async function leadership(driver: FileDriver): Promise<LeaderState> {
  using stream = driver.leadershipEvents();
  const { value } = await stream.next();
  if (value === undefined) throw new Error('the stream has ended');
  return value;
}

async function epochOf(driver: FileDriver): Promise<Epoch> {
  const state = await leadership(driver);
  if (state.role !== 'leader') throw new Error(`it is ${state.role}`);
  return state.epoch;
}

/** Writes into a copy of the file, and makes its checksum right again. */
function altered(machine: FileDriverMachine, alter: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(machine.fileSystem.contents(file));
  alter(bytes);
  bytes.writeUInt32BE(crc32(bytes.subarray(12)), 8);
  return bytes;
}

describe('file driver: conformance', () => {
  const cases = driverConformance({
    create: async () => {
      const { machine, driver } = await openedFileDriver();
      let current = driver;
      return {
        driver,
        reopen: async () => {
          await current.close();
          current = await machine.open();
          return current;
        },
        dispose: () => current.close(),
      };
    },
    capabilities: { leadership: false, stall: false, reopen: true },
  });
  for (const { name, run } of cases) test(name, run);
});

describe('file driver: its directory', () => {
  test('made twice, holding something else, or of a node: refused, and left as it is', async () => {
    const { machine, driver } = await openedFileDriver();
    await driver.close();
    await expect(machine.init()).rejects.toMatchObject({
      code: 'storage_already_initialized',
      message: expect.stringContaining(file),
    });
    machine.fileSystem.remove(file);
    machine.fileSystem.put('/data/notes', new Uint8Array(3));
    await expect(machine.init()).rejects.toMatchObject({ code: 'storage_already_initialized' });
    expect(machine.fileSystem.names(dataDir)).toEqual(['notes']);

    const node = new FileDriverMachine();
    await initDataDirectory({
      dataDir,
      clusterId: 'test',
      nodeId: 1,
      config: { configId: 1, nodes: [1], leaseMs: 250, maxClockDrift: 0.01 },
      peerAddresses: new Map(),
      fileSystem: node.fileSystem,
    });
    await expect(node.init()).rejects.toMatchObject({ code: 'storage_already_initialized' });
  });

  test('not there, or empty: refused with the next step, and nothing is made', async () => {
    const machine = new FileDriverMachine();
    const refusal = { code: 'storage_not_initialized', message: expect.stringContaining('initFileDriver') };
    await expect(machine.open()).rejects.toMatchObject(refusal);
    await machine.fileSystem.mkdir(dataDir);
    await expect(machine.open()).rejects.toMatchObject(refusal);
    expect(machine.fileSystem.names(dataDir)).toEqual([]);
  });

  test('a high-water to begin with: it is the first one loaded', async () => {
    const machine = new FileDriverMachine();
    await machine.init(5_000);
    await using driver = await machine.open();
    expect(await driver.loadHighWater()).toBe(5_000);
  });

  test.each([-1, 0.5, Number.NaN, PHYSICAL_MS_MAX + 1])(
    'a high-water of %s to begin with: refused by name, nothing is made',
    async (highWaterMs) => {
      const machine = new FileDriverMachine();
      await expect(machine.init(highWaterMs)).rejects.toMatchObject({ field: 'highWaterMs' });
      expect(machine.fileSystem.names('/')).toEqual([]);
    },
  );

  test.each([
    ['dataDir', { dataDir: '' }],
    ['FileDriver options.callTimeoutMs', { callTimeoutMs: 0 }],
    ['FileDriver options.maxPendingCalls', { maxPendingCalls: 0 }],
  ])('%s out of range: refused by name', async (field, options) => {
    const machine = new FileDriverMachine();
    await machine.init();
    await expect(machine.open(options)).rejects.toMatchObject({ code: 'invalid_input', field });
  });

  test('damaged at any byte, cut at any byte or too long: refused, naming file and next step; the lock is free', async () => {
    const { machine, driver } = await openedFileDriver();
    await driver.close();
    const bytes = machine.fileSystem.contents(file);
    const images = [...bytes.keys()].flatMap((at) => [
      ...[0x01, 0x80, 0xff].map((flip) => bytes.map((byte, i) => (i === at ? byte ^ flip : byte))),
      bytes.subarray(0, at),
    ]);
    images.push(Buffer.concat([bytes, Buffer.from([0])]), new Uint8Array(100_000));
    for (const image of images) {
      machine.fileSystem.put(file, image);
      await expect(machine.open()).rejects.toMatchObject({
        code: 'storage_corrupt',
        file,
        message: expect.stringMatching(/high-water.*highWaterMs above every timestamp/),
      });
      expect(Buffer.compare(machine.fileSystem.contents(file), image)).toBe(0);
    }
    expect(machine.fileSystem.names(dataDir)).toEqual(['high-water']);
  });

  test('its checksum right, but no possible high-water in it, or bytes too many: refused', async () => {
    const { machine, driver } = await openedFileDriver();
    await driver.close();
    const impossible = altered(machine, (bytes) => bytes.writeBigUInt64BE(2n ** 46n, 14));
    const longer = altered(machine, () => {});
    const tooLong = Buffer.concat([longer, Buffer.from([0])]);
    tooLong.writeUInt32BE(crc32(tooLong.subarray(12)), 8);
    for (const image of [impossible, tooLong]) {
      machine.fileSystem.put(file, image);
      await expect(machine.open()).rejects.toMatchObject({ code: 'storage_corrupt', file });
      expect(machine.fileSystem.names(dataDir)).toEqual(['high-water']);
    }
  });

  test('in a newer format: refused, naming the file and what to use', async () => {
    const { machine, driver } = await openedFileDriver();
    await driver.close();
    machine.fileSystem.put(
      file,
      altered(machine, (bytes) => bytes.writeUInt16BE(2, 12)),
    );
    await expect(machine.open()).rejects.toMatchObject({
      code: 'storage_format',
      message: expect.stringMatching(/high-water.*format 2.*Use the release that wrote it/),
    });
  });

  test('its form on disk: as documented, byte by byte', async () => {
    const { machine, driver } = await openedFileDriver();
    await driver.persistHighWater(0x0123_4567_89ab, await epochOf(driver));
    const bytes = Buffer.from(machine.fileSystem.contents(file));
    expect(bytes.subarray(0, 8).toString()).toBe('TSOHIGHW');
    expect(bytes.readUInt32BE(8)).toBe(crc32(bytes.subarray(12)));
    expect(bytes.subarray(12).toString('hex')).toBe(
      `0001${'00000123456789ab'}${'0'.repeat(16)}${'1'.padStart(16, '0')}`,
    );
    await driver.close();
  });

  // S11
  test('opened twice: the second is refused, the first goes on; closed, it can be opened again', async () => {
    const { machine, driver } = await openedFileDriver();
    await expect(machine.open()).rejects.toMatchObject({ code: 'storage_locked' });
    expect(await driver.persistHighWater(10, await epochOf(driver))).toBe(10);
    await driver.close();
    await (await machine.open()).close();
  });

  test('real files, and a directory that cannot be written to: refused, naming it', async () => {
    const real = await fs.mkdtemp(join(tmpdir(), 'file-driver-'));
    try {
      const inner = join(real, 'a', 'b');
      await initFileDriver({ dataDir: inner });
      const driver = await FileDriver.open({ dataDir: inner });
      expect(await driver.persistHighWater(77, await epochOf(driver))).toBe(77);
      await driver.close();
      await using again = await FileDriver.open({ dataDir: inner });
      expect(await again.loadHighWater()).toBe(77);
      expect((await fs.readdir(inner)).sort()).toEqual(['high-water', 'lock']);
    } finally {
      await fs.rm(real, { recursive: true, force: true });
    }
    const machine = new FileDriverMachine();
    await machine.init();
    machine.fileSystem.onCall = ({ name, path }) =>
      name === 'open' && path.endsWith('.new') ? { kind: 'error', code: 'EROFS' } : undefined;
    await expect(machine.open()).rejects.toMatchObject({ code: 'storage_io', errno: 'EROFS' });
    await expect(machine.open()).rejects.toThrow(dataDir);
  });
});

// S13
describe('file driver: opening on a failing disk', () => {
  test.each(['EIO', 'ENOSPC'])(
    '%s in each call in turn: told by call and file, or harmless; nothing is lost',
    async (code) => {
      for (let skip = 0; ; skip++) {
        const { machine, driver } = await openedFileDriver();
        const epoch = await epochOf(driver);
        await driver.persistHighWater(77, epoch);
        await driver.close();
        machine.restart();
        let calls = 0;
        let failed: string | undefined;
        machine.fileSystem.onCall = ({ name, path }) => {
          if (calls++ !== skip) return undefined;
          failed = `${name} ${path}`;
          return { kind: 'error', code };
        };
        const opened = await machine.open().catch((error: unknown) => error);
        machine.fileSystem.onCall = undefined;
        if (failed === undefined) {
          expect(skip).toBeGreaterThan(8);
          return;
        }
        if (opened instanceof FileDriver) await opened.close();
        else expect(opened, failed).toMatchObject({ code: 'storage_io', errno: code });
        machine.restart();
        await using again = await machine.open();
        expect(await again.loadHighWater(), failed).toBe(77);
        expect((await epochOf(again)) > epoch, failed).toBe(true);
      }
    },
  );
});

describe('file driver: leadership', () => {
  test('each opening is a new leadership, also if nothing was written in the one before', async () => {
    const { machine, driver } = await openedFileDriver();
    expect(await leadership(driver)).toMatchObject({ role: 'leader', epoch: 1n });
    machine.restart();
    const second = await machine.open();
    expect(await epochOf(second)).toBe(2n);
    await second.close();
    const third = await machine.open();
    expect(await epochOf(third)).toBe(3n);
    await expect(third.persistHighWater(5, toEpoch(2n))).rejects.toMatchObject({ code: 'fenced', epoch: 3n });
    await expect(third.persistHighWater(5, toEpoch(4n))).rejects.toMatchObject({ code: 'not_leader' });
    expect(await third.loadHighWater()).toBe(0);
    await third.close();
  });

  test('closed: the lease is void in that very turn', async () => {
    const { driver } = await openedFileDriver();
    const stream = driver.leadershipEvents();
    const { value } = await stream.next();
    if (value?.role !== 'leader') throw new Error('it does not lead');
    expect(value.lease.isValid()).toBe(true);
    const closing = driver.close();
    expect(value.lease.isValid()).toBe(false);
    expect(await stream.next()).toMatchObject({ done: true });
    await closing;
  });
});

describe('file driver: advances', () => {
  test('many at once: written together, each told at least its own, in two writes', async () => {
    const { machine, driver } = await openedFileDriver();
    const epoch = await epochOf(driver);
    let writes = 0;
    machine.fileSystem.onCall = ({ name }) => {
      if (name === 'rename') writes += 1;
      return undefined;
    };
    const asked = [30, 10, 50, 20, 40];
    const answers = await Promise.all(asked.map((atLeast) => driver.persistHighWater(atLeast, epoch)));
    // What the first write has reached needs no second one.
    expect(answers).toEqual([30, 30, 50, 30, 50]);
    expect(writes).toBe(2);
    expect(await driver.persistHighWater(7, epoch)).toBe(50);
    expect(writes).toBe(2);
    expect(driver.pendingCalls).toBe(0);
    await driver.close();
  });

  /** A driver whose disk does not answer any more, and calls that wait for it. */
  async function stalled(maxPendingCalls = 10) {
    const clock = new VirtualClock();
    const { machine, driver } = await openedFileDriver({ clock, maxPendingCalls });
    const epoch = await epochOf(driver);
    machine.fileSystem.onCall = ({ name }) => (name === 'fsync' ? { kind: 'hang' } : undefined);
    return { clock, driver, epoch, machine };
  }

  test('the disk does not answer: deadline, signal and close each end their calls, and leave nothing armed', async () => {
    const { clock, driver, epoch } = await stalled();
    const aborter = new AbortController();
    const deadline = watch(driver.persistHighWater(10, epoch, { timeoutMs: 50 }));
    const aborted = watch(driver.persistHighWater(11, epoch, { signal: aborter.signal }));
    const byDefault = watch(driver.persistHighWater(12, epoch));
    aborter.abort(new Error('enough'));
    await clock.advanceAsync(50);
    expect([deadline.outcome, aborted.outcome, byDefault.outcome]).toEqual([
      'transient',
      'thrown: enough',
      undefined,
    ]);
    await clock.advanceAsync(4_950);
    expect(byDefault.outcome).toBe('transient');
    expect(await driver.loadHighWater()).toBe(0);
    const last = watch(driver.persistHighWater(13, epoch));
    void driver.close();
    await settleMicrotasks();
    expect(last.outcome).toBe('closed');
    expect(clock.armedTimers).toBe(0);
    expect(driver.pendingCalls).toBe(0);
  });

  test('too many wait: one beyond is transient', async () => {
    const { driver, epoch } = await stalled(1);
    const first = watch(driver.persistHighWater(10, epoch));
    await expect(driver.persistHighWater(11, epoch)).rejects.toMatchObject({ code: 'transient' });
    void driver.close();
    await first.ended;
    expect(first.outcome).toBe('closed');
  });

  // S11
  test('closed while it writes: the lock is kept until that write has ended, so that it undoes nothing', async () => {
    const { machine, driver } = await openedFileDriver();
    const epoch = await epochOf(driver);
    const order: string[] = [];
    machine.fileSystem.onCall = ({ name, path }) => {
      if (name === 'rename' || name === 'unlink') order.push(`${name} ${path}`);
      return undefined;
    };
    // A slow disk: the lock could be given up many times over before the name is in place.
    const { fileSystem } = machine;
    const rename = fileSystem.rename.bind(fileSystem);
    fileSystem.rename = async (oldPath, newPath) => {
      for (let turn = 0; turn < 100; turn++) await undefined;
      await rename(oldPath, newPath);
    };
    const waiting = watch(driver.persistHighWater(10, epoch));
    await driver.close();
    expect(waiting.outcome).toBe('closed');
    expect(order).toEqual([`rename ${file}`, 'unlink /data/lock']);
  });

  // S01, S13
  test.each<[FileSystemCallName, string]>([
    ['open', 'ENOSPC'],
    ['write', 'ENOSPC'],
    ['fsync', 'EIO'],
    ['close', 'EIO'],
    ['rename', 'EIO'],
    ['syncDirectory', 'EIO'],
  ])(
    'its %s fails: permanent for this call and all later ones, nothing is written again, a restart reads what is there',
    async (call, code) => {
      const { machine, driver } = await openedFileDriver();
      const stream = driver.leadershipEvents();
      const first = await stream.next();
      if (first.value?.role !== 'leader') throw new Error('it does not lead');
      const { epoch, lease } = first.value;
      await driver.persistHighWater(10, epoch);
      let failures = 0;
      machine.fileSystem.onCall = ({ name }) => {
        if (name !== call || failures > 0) return undefined;
        failures += 1;
        return { kind: 'error', code };
      };
      const failed = [driver.persistHighWater(20, epoch), driver.persistHighWater(30, epoch)];
      for (const each of failed) {
        await expect(each).rejects.toMatchObject({ code: 'permanent', cause: { errno: code } });
      }
      expect(lease.isValid()).toBe(false);
      expect((await stream.next()).value).toEqual({ role: 'unknown' });
      const { calls } = machine.fileSystem;
      await expect(driver.persistHighWater(40, epoch)).rejects.toMatchObject({ code: 'permanent' });
      await expect(driver.loadHighWater()).rejects.toMatchObject({ code: 'permanent' });
      expect(machine.fileSystem.calls).toBe(calls);
      await driver.close();
      const next = await machine.open();
      expect([10, 20]).toContain(await next.loadHighWater());
      expect(await epochOf(next)).toBe(2n);
      await next.close();
    },
  );

  test('a write that is interrupted or short: it goes on, and is whole', async () => {
    const { machine, driver } = await openedFileDriver();
    let writes = 0;
    machine.fileSystem.onCall = ({ name }) => {
      if (name !== 'write') return undefined;
      writes += 1;
      return writes % 2 === 0 ? { kind: 'error', code: 'EINTR' } : { kind: 'short', bytes: 5 };
    };
    await driver.persistHighWater(1234, await epochOf(driver));
    machine.fileSystem.onCall = undefined;
    machine.restart();
    await using again = await machine.open();
    expect(await again.loadHighWater()).toBe(1234);
  });
});
