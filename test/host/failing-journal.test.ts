import { expect, test } from 'vitest';
import { SnapshotPolicy } from '../../src/apply/index.js';
import {
  type HighWaterCommand,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../../src/high-water/index.js';
import { StandaloneHost } from '../../src/host/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { initDataDirectory, openJournal } from '../../src/storage/index.js';
import { type FileSystemCall, MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { MemoryNetwork } from '../../src/transport/index.js';

const dataDir = '/data';
const config = { configId: 1, nodes: [1], leaseMs: 0, maxClockDrift: 0.01 };

/** One node whose journal is on a file system in memory. */
class JournalNode {
  readonly fileSystem = new MemoryFileSystem();
  readonly clock = new VirtualClock();
  readonly #random = new SeededRandom(1);
  readonly #network = new MemoryNetwork<HighWaterCommand, HighWaterSnapshot>({ clock: this.clock });
  #lives = 0;

  init(): Promise<void> {
    return initDataDirectory({
      dataDir,
      clusterId: 'one',
      nodeId: 1,
      config,
      peerAddresses: new Map(),
      ...this.#seams(),
    });
  }

  /** Starts it, and waits until it leads. */
  async start(): Promise<StandaloneHost> {
    this.#lives += 1;
    const storage = await openJournal({
      dataDir,
      entryCodec: highWaterCommandCodec,
      snapshotCodec: highWaterSnapshotCodec,
      // So small that the journal begins new segments, by size and by snapshot.
      segmentBytes: 4_096,
      ...this.#seams(),
    });
    const transport = this.#network.transport(1);
    const host = await StandaloneHost.start({
      storage,
      transport,
      clock: this.clock,
      snapshotPolicy: SnapshotPolicy.every(10),
      nextTurn: (call) => queueMicrotask(call),
    });
    for (let ms = 0; ms < 2_000 && host.status().leadership.role !== 'leader'; ms += 10)
      await this.clock.advanceAsync(10);
    return host;
  }

  /** The process is gone. */
  kill(): void {
    this.fileSystem.onCall = undefined;
    this.fileSystem.kill();
    this.#network.kill(1);
  }

  /** The machine's power fails: what was not synced is gone. */
  losePower(): void {
    this.fileSystem.onCall = undefined;
    this.fileSystem.crash();
    this.#network.kill(1);
  }

  /** Fails one call of that kind, once; later ones succeed. */
  failOnce(name: FileSystemCall['name'], code: string): void {
    let failures = 0;
    this.fileSystem.onCall = (call) =>
      call.name === name && failures++ === 0 ? { kind: 'error', code } : undefined;
  }

  #seams() {
    const pid = this.#lives + 1;
    return {
      fileSystem: this.fileSystem,
      random: this.#random,
      processInfo: {
        self: () => Promise.resolve({ pid, startTime: `${pid}`, machineBootId: 'boot' }),
        isGone: (holder: { readonly pid: number }) => Promise.resolve(holder.pid !== pid),
      },
    };
  }
}

async function driven<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  for (let ms = 0; ms < 10_000 && !settled; ms += 10) await clock.advanceAsync(10);
  return promise;
}

// S01, S13
test.each([
  ['fdatasync', 'EIO'],
  ['write', 'ENOSPC'],
] as const)(
  'a journal whose %s fails once with %s: the node stops, says which call on which file, answers nobody, and comes back with all that was acknowledged',
  async (name, code) => {
    const node = new JournalNode();
    await node.init();
    const host = await node.start();
    const { leadership } = host.status();
    if (leadership.role !== 'leader') throw new Error('one node leads by itself');
    expect(await driven(node.clock, host.driver.persistHighWater(10, leadership.epoch))).toBe(10);
    node.failOnce(name, code);
    const failing = driven(node.clock, host.driver.persistHighWater(20, leadership.epoch));
    await expect(failing).rejects.toMatchObject({ code: 'permanent' });
    expect(await driven(node.clock, host.stopped)).toMatchObject({
      kind: 'nodeStopped',
      reason: {
        kind: 'storageFailed',
        error: { code: 'storage_io', call: name, path: expect.stringMatching(/journal-\d+$/), errno: code },
      },
    });
    expect(leadership.lease.isValid()).toBe(false);
    const later = driven(node.clock, host.driver.loadHighWater());
    await expect(later).rejects.toMatchObject({ code: 'permanent' });
    node.kill();
    const again = await node.start();
    expect(await driven(node.clock, again.driver.loadHighWater())).toBeGreaterThanOrEqual(10);
    await driven(node.clock, again.close());
  },
);

const ADVANCES = 40;

/** What came of one life in which one call of the file system failed. */
interface FailingLife {
  readonly node: JournalNode;
  /** Undefined if there were fewer calls. */
  readonly failed: FileSystemCall | undefined;
  /** What was told of the failure: by the opening, or as the reason why the node stopped. */
  readonly told: unknown;
  readonly acknowledged: number;
  /** Calls on the journal that changed something after the failure. */
  readonly changesAfter: readonly string[];
}

/** Starts a node, makes advances one after the other until one is refused, and closes it; the call at `skip` of all these fails. */
async function lifeWithFailure(skip: number, code: string): Promise<FailingLife> {
  const node = new JournalNode();
  await node.init();
  let calls = 0;
  let failed: FileSystemCall | undefined;
  const changesAfter: string[] = [];
  node.fileSystem.onCall = (call) => {
    if (failed !== undefined && /journal-/.test(call.path) && /write|sync|rename/.test(call.name))
      changesAfter.push(`${call.name} ${call.path}`);
    if (calls++ !== skip) return undefined;
    failed = call;
    return { kind: 'error', code };
  };
  let told: unknown;
  let acknowledged = 0;
  const host = await node.start().catch((error: unknown) => {
    told = error;
  });
  if (host instanceof StandaloneHost) {
    const { leadership } = host.status();
    const epoch = leadership.role === 'leader' ? leadership.epoch : undefined;
    for (let value = 1; value <= ADVANCES && epoch !== undefined; value++) {
      const answer = await driven(node.clock, host.driver.persistHighWater(value, epoch)).catch(() => 0);
      if (answer === 0) break;
      acknowledged = value;
    }
    if (acknowledged < ADVANCES) {
      told = await driven(node.clock, host.stopped);
      if (leadership.role === 'leader') expect(leadership.lease.isValid()).toBe(false);
      const later = driven(node.clock, host.driver.loadHighWater());
      await expect(later).rejects.toMatchObject({ code: 'permanent' });
    }
    await driven(node.clock, host.close());
  }
  return { node, failed, told, acknowledged, changesAfter };
}

// S01, S13
test.each(['EIO', 'ENOSPC'])(
  'a node, %s in each call of its journal in turn: it does not start or it stops, names call and file, writes no more, and comes back with all that was acknowledged',
  async (code) => {
    const outcomes = { refused: 0, stopped: 0, harmless: 0 };
    const failedCalls = new Set<string>();
    for (let skip = 0; ; skip++) {
      const { acknowledged, changesAfter, failed, node, told } = await lifeWithFailure(skip, code);
      if (failed === undefined) break;
      const where = `${failed.name} ${failed.path}, call ${skip}`;
      const call = failed.name === 'syncDirectory' ? 'fsync' : failed.name;
      const error = { code: 'storage_io', call, errno: code };
      if (told === undefined) {
        // Only what is nobody's call: the last seal, and giving up the lock.
        expect(acknowledged, where).toBe(ADVANCES);
        outcomes.harmless += 1;
      } else if (told instanceof Error) {
        expect(told, where).toMatchObject(error);
        outcomes.refused += 1;
      } else {
        expect(told, where).toMatchObject({ kind: 'nodeStopped', reason: { kind: 'storageFailed', error } });
        outcomes.stopped += 1;
        failedCalls.add(failed.name);
      }
      if (told !== undefined) expect(changesAfter, where).toEqual([]);
      node.kill();
      const again = await node.start();
      const found = await driven(node.clock, again.driver.loadHighWater());
      expect(found, where).toBeGreaterThanOrEqual(acknowledged);
      await driven(node.clock, again.close());
    }
    expect(outcomes.refused).toBeGreaterThan(10);
    expect(outcomes.stopped).toBeGreaterThan(100);
    expect(outcomes.harmless).toBeLessThan(20);
    // Appending, syncing, and each step of beginning a new segment.
    expect([...failedCalls].sort()).toEqual(
      expect.arrayContaining([
        'close',
        'fdatasync',
        'fsync',
        'open',
        'readdir',
        'rename',
        'syncDirectory',
        'unlink',
        'write',
      ]),
    );
  },
);

/** Starts a node and makes advances; returns which of them were acknowledged last, having ended as the machine's power did. */
async function lifeToThePowerCut(node: JournalNode): Promise<number> {
  const host = await node.start();
  const { leadership } = host.status();
  if (leadership.role !== 'leader') throw new Error('one node leads by itself');
  let acknowledged = 0;
  for (let value = 1; value <= ADVANCES; value++)
    acknowledged = await driven(node.clock, host.driver.persistHighWater(value, leadership.epoch));
  node.losePower();
  void host.close();
  return acknowledged;
}

// S13
test('a node, each write and read of whose journal is interrupted and then done by halves: it serves as if nothing were, and comes back from a power cut with all that was acknowledged', async () => {
  const node = new JournalNode();
  await node.init();
  const done = { interrupted: 0, short: 0 };
  let interrupted = false;
  node.fileSystem.onCall = ({ name, path, bytes = 0 }) => {
    if (!/journal-/.test(path) || (name !== 'write' && name !== 'read')) return undefined;
    interrupted = !interrupted;
    if (interrupted) {
      done.interrupted += 1;
      return { kind: 'error', code: 'EINTR' };
    }
    if (name === 'read' || bytes < 2) return undefined;
    done.short += 1;
    return { kind: 'short', bytes: Math.floor(bytes / 2) };
  };
  expect(await lifeToThePowerCut(node)).toBe(ADVANCES);
  expect(done.interrupted).toBeGreaterThan(ADVANCES);
  expect(done.short).toBeGreaterThan(ADVANCES);
  const again = await node.start();
  expect(await driven(node.clock, again.driver.loadHighWater())).toBe(ADVANCES);
  await driven(node.clock, again.close());
});

// S13
test('a node, a write of whose journal does nothing and says so: it stops, and names call and file', async () => {
  const node = new JournalNode();
  await node.init();
  const host = await node.start();
  const { leadership } = host.status();
  if (leadership.role !== 'leader') throw new Error('one node leads by itself');
  node.fileSystem.onCall = ({ name }) => (name === 'write' ? { kind: 'short', bytes: 0 } : undefined);
  const failing = driven(node.clock, host.driver.persistHighWater(1, leadership.epoch));
  await expect(failing).rejects.toMatchObject({ code: 'permanent' });
  expect(await driven(node.clock, host.stopped)).toMatchObject({
    kind: 'nodeStopped',
    reason: {
      kind: 'storageFailed',
      error: { code: 'storage_io', call: 'write', path: expect.stringMatching(/journal-\d+$/) },
    },
  });
});
