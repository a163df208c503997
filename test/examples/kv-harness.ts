import type { ConsensusDriver } from '../../src/index.js';
import type {
  DriverCapabilities,
  DriverHarness,
  HostCapabilities,
  HostHarness,
} from '../../src/testing/index.js';
import { KvWorld } from './kv-world.js';

export const KV_HOST_CAPABILITIES: HostCapabilities = { leadership: true, breakApply: true, reopen: true };
export const KV_DRIVER_CAPABILITIES: DriverCapabilities = { leadership: true, stall: true, reopen: true };

/** The node under test, preferred as leader. */
const NODE = 1;
const OTHERS = [2, 3];
/** Small, so that many cases cross a snapshot. */
const SNAPSHOT_EVERY = 8;

/** Three nodes of the store, and somebody who writes to it all the time. */
class KvHarness {
  readonly world = new KvWorld([NODE, ...OTHERS]);
  readonly #held: (() => void)[] = [];
  #stalled = false;
  #writes = 0;

  async start(): Promise<void> {
    await this.startNode();
    // While it is stalled the others' disks hold everything back: nothing is decided, and nobody else is elected.
    const storage = {
      completeLater: (done: () => void): void =>
        void (this.#stalled ? this.#held.push(done) : queueMicrotask(done)),
    };
    await this.world.start(OTHERS, { storage, snapshotEvery: SNAPSHOT_EVERY });
    await this.world.leader(OTHERS);
    await this.write();
  }

  startNode(): Promise<void> {
    return this.world.start([NODE], { priority: 9, snapshotEvery: SNAPSHOT_EVERY });
  }

  get node() {
    return this.world.node(NODE);
  }

  /** The log carries the store's own entries between those of the oracle. */
  async write(but: readonly number[] = []): Promise<void> {
    this.#writes += 1;
    const [, leader] = await this.world.leader(but);
    await this.world.drive(leader.put(`key-${this.#writes}`, `${this.#writes}`));
  }

  stall(): void {
    this.#stalled = true;
  }

  endStall(): void {
    this.#stalled = false;
    for (const done of this.#held.splice(0)) done();
  }

  async lose(): Promise<void> {
    this.world.network.isolate(NODE, true);
    this.endStall();
    const [, other] = await this.world.leader([NODE]);
    await this.write([NODE]);
    await this.world.drive(other.driver.loadHighWater());
    const { epoch } = other.highWater.applyState;
    this.world.network.isolate(NODE, false);
    await this.world.until(() => {
      const { applyState } = this.node.highWater;
      const leadership = this.node.highWater.leadership();
      return applyState.epoch >= epoch && leadership.role === 'follower' ? true : undefined;
    });
  }

  async regain(): Promise<void> {
    for (;;) {
      const [nodeId] = await this.world.leader();
      if (nodeId === NODE) break;
      this.world.network.isolate(nodeId, true);
      await this.world.leader([nodeId]);
      this.world.network.isolate(nodeId, false);
      await this.world.pass(300);
    }
    await this.write();
  }

  async reopen(): Promise<void> {
    await this.world.close(NODE);
    await this.startNode();
    await this.regain();
  }

  async dispose(): Promise<void> {
    this.endStall();
    await this.world[Symbol.asyncDispose]();
  }
}

/** The high-water half of a store's node, as the driver sees it. */
export async function kvHostHarness(): Promise<HostHarness> {
  const kv = new KvHarness();
  await kv.start();
  return {
    host: kv.node.highWater,
    until: (condition) => kv.world.until(() => condition() || undefined).then(() => {}),
    leadership: { lose: () => kv.lose(), regain: () => kv.regain() },
    breakApply: () => {
      kv.node.highWater.applyState.fold = () => {
        throw new Error('this fold fails');
      };
    },
    reopen: async () => {
      await kv.reopen();
      return kv.node.highWater;
    },
    dispose: () => kv.dispose(),
  };
}

/** The driver of a store's node, as an oracle sees it. */
export async function kvDriverHarness(): Promise<DriverHarness> {
  const kv = new KvHarness();
  await kv.start();
  return {
    driver: kv.node.driver,
    drive: (work) => kv.world.drive(work),
    leadership: { lose: () => kv.lose(), regain: () => kv.regain() },
    stall: {
      begin: () => kv.stall(),
      end: () => kv.endStall(),
      passTime: (ms) => kv.world.pass(ms),
    },
    reopen: async (): Promise<ConsensusDriver> => {
      await kv.reopen();
      return kv.node.driver;
    },
    dispose: () => kv.dispose(),
  };
}
