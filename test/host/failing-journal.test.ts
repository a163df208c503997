import { expect, test } from 'vitest';
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
      ...this.#seams(),
    });
    const transport = this.#network.transport(1);
    const host = await StandaloneHost.start({
      storage,
      transport,
      clock: this.clock,
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
