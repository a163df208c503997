import { SnapshotPolicy } from '../../apply/index.js';
import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import { StandaloneHost } from '../../host/index.js';
import type { ClusterConfig, NodeId } from '../../omnipaxos/index.js';
import { Oracle } from '../../oracle/index.js';
import { type InjectedFailure, type MemoryCall, MemoryDisk, openMemoryStorage } from '../../storage/index.js';
import type { MemoryNetwork } from '../../transport/index.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Advances } from './checkers/advances.js';
import type { Leaderships } from './checkers/leaderships.js';
import { NodeWatch } from './checkers/node-watch.js';
import type { ReferenceLog } from './checkers/reference-log.js';
import type { Scheduler } from './scheduler.js';
import { SimulatedClock } from './simulated-clock.js';
import { InvariantViolation } from './violation.js';

/** How a machine's disk behaves at the moment. */
export interface DiskFaults {
  /** How long a sync takes, in ms. */
  syncMs: { min: number; max: number };
  /** The probability that a call fails, which stops the node. */
  failure: number;
}

/** What all machines of a world share. */
export interface MachineWorld {
  readonly scheduler: Scheduler;
  readonly network: MemoryNetwork<HighWaterCommand, HighWaterSnapshot>;
  readonly config: ClusterConfig;
  readonly clusterId: string;
  readonly disk: DiskFaults;
  readonly reference: ReferenceLog;
  readonly leaderships: Leaderships;
  readonly advances: Advances;
  readonly snapshotEvery: number;
  readonly windowAheadMs: number;
  readonly report: (violation: InvariantViolation) => void;
  readonly trace: (nodeId: NodeId, event: string) => void;
}

interface Process {
  readonly host: StandaloneHost;
  readonly oracle: Oracle;
  readonly watch: NodeWatch;
}

/** One machine: a disk and clocks that outlive processes, and at most one process: a host with an oracle on top. */
export class SimulatedMachine {
  readonly nodeId: NodeId;
  readonly clock: SimulatedClock;
  readonly disk: MemoryDisk<HighWaterCommand, HighWaterSnapshot>;
  readonly #world: MachineWorld;
  readonly #random: SeededRandom;
  #life = 0;
  #state: 'down' | 'booting' | 'up' = 'down';
  #process: Process | undefined;

  constructor(
    nodeId: NodeId,
    world: MachineWorld,
    random: SeededRandom,
    clock: { rate: number; wallMs: number },
  ) {
    this.nodeId = nodeId;
    this.#world = world;
    this.#random = random;
    this.clock = new SimulatedClock(world.scheduler, clock);
    this.disk = new MemoryDisk({ clusterId: world.clusterId, nodeId, config: world.config, random });
  }

  /** Counts the processes of this machine. */
  get life(): number {
    return this.#life;
  }

  get isDown(): boolean {
    return this.#state === 'down';
  }

  /** The oracle of the process that runs here. */
  get oracle(): Oracle | undefined {
    return this.#process?.oracle;
  }

  get host(): StandaloneHost | undefined {
    return this.#process?.host;
  }

  /** Starts a process from what the disk holds. */
  boot(): void {
    if (this.#state !== 'down') return;
    this.#state = 'booting';
    this.#life += 1;
    this.#world.trace(this.nodeId, `boots life ${this.#life}`);
    void this.#start(this.#life);
  }

  /** The power fails: what was not synced is lost, in whole calls, newest first. */
  crash(): void {
    if (this.#state === 'down') return;
    this.#world.trace(this.nodeId, `crashes in life ${this.#life}`);
    this.#end();
    this.disk.crash({ keepUnsynced: (count) => this.#random.below(count + 1) });
  }

  /** Looks at everything that this machine shows. @throws {InvariantViolation} */
  check(): void {
    const process = this.#process;
    if (process === undefined) return;
    process.watch.check(process.host);
    const { leadership } = process.host.status();
    if (leadership.role === 'leader') this.#world.leaderships.see(leadership.epoch, this.nodeId, this.#life);
  }

  async #start(life: number): Promise<void> {
    const { network, scheduler, reference, windowAheadMs, advances, report } = this.#world;
    const clock = this.clock.boot();
    const isAlive = (): boolean => this.#life === life && this.#state !== 'down';
    const watch = new NodeWatch(this.nodeId, reference);
    let host: StandaloneHost | undefined;
    try {
      const storage = openMemoryStorage(this.disk, {
        completeLater: (done, call) => this.#completeLater(isAlive, done, call),
        inject: (call) => this.#inject(call),
      });
      host = await StandaloneHost.start({
        storage,
        transport: network.transport(this.nodeId, () => this.clock.frozenForMs),
        clock,
        nextTurn: (callback) => void clock.setTimer(0, callback),
        clientEndpoint: `node-${this.nodeId}:50551`,
        snapshotPolicy: this.#snapshotPolicy(watch, () => host),
      });
      if (!isAlive()) return;
      const driver = advances.watch(host.driver, this.nodeId, report);
      const oracle = Oracle.start({
        driver,
        clock,
        random: this.#random.fork(),
        windowAheadMs,
        failoverAdvanceMs: Math.min(1_000, windowAheadMs),
      });
      this.#process = { host, oracle, watch };
      this.#state = 'up';
      void host.stopped.then((reason) => this.#onStopped(isAlive, JSON.stringify(reason)));
    } catch (error) {
      if (!isAlive()) return;
      this.#world.trace(this.nodeId, `cannot boot: ${String(error)}`);
      scheduler.after(1, () => isAlive() && this.crash());
    }
  }

  /** Compacts every so many records, and has the log looked at before anything of it goes. */
  #snapshotPolicy(watch: NodeWatch, host: () => StandaloneHost | undefined): SnapshotPolicy {
    return SnapshotPolicy.when(({ appliedIdx, lastFiredIdx }) => {
      const running = host();
      if (running === undefined || appliedIdx - lastFiredIdx < this.#world.snapshotEvery) return false;
      this.#guard(() => watch.checkLog(running));
      return true;
    });
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.#world.report(error);
    }
  }

  /** The node has stopped by itself, since its disk failed or it was removed; the process ends with it. */
  #onStopped(isAlive: () => boolean, reason: string): void {
    if (!isAlive()) return;
    this.#world.trace(this.nodeId, `stops by itself: ${reason}`);
    if (!reason.includes('storageFailed') && !reason.includes('"removed"')) {
      this.#world.report(
        new InvariantViolation(
          'a node stops by itself only when its storage fails or it is removed',
          `node ${this.nodeId}: ${reason}`,
        ),
      );
    }
    this.crash();
  }

  #end(): void {
    this.#state = 'down';
    this.#process = undefined;
    this.clock.kill();
    this.#world.network.kill(this.nodeId);
  }

  #completeLater(isAlive: () => boolean, done: () => void, { needsSync }: MemoryCall): void {
    const { disk, scheduler } = this.#world;
    const complete = (): void => {
      if (!isAlive()) return;
      if (this.clock.frozenForMs > 0) scheduler.after(this.clock.frozenForMs, complete);
      else done();
    };
    scheduler.after(needsSync ? this.#random.between(disk.syncMs.min, disk.syncMs.max) : 0.01, complete);
  }

  #inject({ kind }: MemoryCall): InjectedFailure | undefined {
    if (!this.#random.chance(this.#world.disk.failure)) return undefined;
    this.#world.trace(this.nodeId, `its disk fails a ${kind}`);
    return {
      error: new Error(`injected failure of ${kind}`),
      stage: this.#random.pick(['write', 'sync'] as const),
    };
  }
}
