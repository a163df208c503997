import type { ConsensusDriver } from '../../consensus/index.js';
import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import { describeHostStop, type HostStopReason, type StandaloneHost } from '../../host/index.js';
import { BALLOT_ZERO, type ClusterConfig, type NodeId } from '../../omnipaxos/index.js';
import type { Grant, Oracle } from '../../oracle/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import { type PeerIdentity, StorageError, type StorageIdentity } from '../../storage/index.js';
import type { MemoryNetwork } from '../../transport/index.js';
import { DiskModel } from './checkers/disk-model.js';
import type { HeldLeases } from './checkers/leases.js';
import { requireNoStepBack } from './checkers/stable-order.js';
import type { FaultCounters } from './counters.js';
import type { FaultPlan } from './fault-plan.js';
import type { Invariants } from './invariants.js';
import { type DiskFaults, MachineDisk, newDisk } from './machine-disk.js';
import type { Scheduler } from './scheduler.js';
import { type ClockFaults, SimulatedClock } from './simulated-clock.js';
import type { DiskDamage, SimulatedDisk, SimulatedDiskOptions } from './simulated-disk.js';
import { SimulatedProcess } from './simulated-process.js';
import { InvariantViolation } from './violation.js';
import { WatchedStorage } from './watched-storage.js';

/** What all machines of a world share. */
export interface MachineWorld {
  readonly scheduler: Scheduler;
  readonly network: MemoryNetwork<HighWaterCommand, HighWaterSnapshot>;
  readonly config: ClusterConfig;
  readonly clusterId: string;
  readonly disk: DiskFaults;
  readonly invariants: Invariants;
  readonly plan: FaultPlan;
  readonly counters: FaultCounters;
  readonly report: (violation: InvariantViolation) => void;
  readonly trace: (nodeId: NodeId, event: string) => void;
}

/** A copy of a directory, and what it was when it was made. */
interface DirectoryCopy {
  readonly disk: SimulatedDisk;
  /** How often it had been opened. */
  readonly incarnation: number;
  /** Whether no process ran: two directories that are exactly the same. */
  readonly isExact: boolean;
}

/** A directory that is not what it was. `lost`: not the one that peers remember; `damaged`: bytes of it have changed. */
type DirectoryState = 'whole' | 'damaged' | 'lost';

/** How often a directory that must not be run is opened again, to see that restarts do not heal it. */
const REFUSED_BOOTS = 2;

/** One machine: a disk and clocks that outlive processes, and at most one process. */
export class SimulatedMachine {
  readonly nodeId: NodeId;
  readonly clock: SimulatedClock;
  /** What the directory that its peers remember holds, as far as that was promised. */
  readonly model: DiskModel;
  /** How its disk treats its processes. */
  readonly disk: MachineDisk;
  readonly #world: MachineWorld;
  readonly #random: SeededRandom;
  readonly #diskOptions: SimulatedDiskOptions;
  #directory: SimulatedDisk;
  #directoryState: DirectoryState = 'whole';
  #copy: DirectoryCopy | undefined;
  #refusedBoots = 0;
  #isRefused = false;
  #identity: StorageIdentity | undefined;
  #remembers: readonly PeerIdentity[] = [];
  #life = 0;
  #state: 'down' | 'booting' | 'up' | 'stopping' = 'down';
  #process: SimulatedProcess | undefined;
  #storage: WatchedStorage | undefined;
  /** What the running process's directory must hold: {@link model}, unless it has lost the one that peers remember. */
  #processModel: DiskModel;
  /** Whether anything has happened to it since it was last looked at. */
  #touched = true;
  #lastDurable: DiskModel['durable'];

  constructor(nodeId: NodeId, world: MachineWorld, random: SeededRandom, clock: ClockFaults) {
    this.nodeId = nodeId;
    this.#world = world;
    this.#random = random;
    const { config, clusterId, counters, disk, plan, scheduler, trace } = world;
    const touch = (): void => this.touch();
    this.clock = new SimulatedClock(scheduler, clock, touch);
    this.#diskOptions = { clusterId, nodeId, config, random: random.fork() };
    this.#directory = newDisk(plan.disks, this.#diskOptions);
    this.disk = new MachineDisk({
      nodeId,
      scheduler,
      random,
      clock: this.clock,
      faults: disk,
      counters,
      trace,
      crash: () => this.crash(),
      touch,
    });
    this.model = new DiskModel(nodeId, {
      config,
      promise: BALLOT_ZERO,
      acceptedRound: BALLOT_ZERO,
      decidedIdx: 0,
      records: [],
    });
    this.#processModel = this.model;
    this.#lastDurable = this.model.durable;
  }

  /** Counts the processes of this machine. */
  get life(): number {
    return this.#life;
  }

  get isDown(): boolean {
    return this.#state === 'down';
  }

  /** Whether its directory must not be run, and every attempt has shown that it is not. */
  get isOut(): boolean {
    return this.#refusedBoots >= REFUSED_BOOTS;
  }

  /** Whether its directory is not the one that its peers remember. */
  get hasLostDirectory(): boolean {
    return this.#directoryState === 'lost';
  }

  /** Whether it is known what a loss of its directory has led to: it is out, or nothing of it was lost. */
  get isSettled(): boolean {
    return this.isOut || this.#directoryState === 'whole';
  }

  /** How many calls its process has made to its driver. */
  get callsBegun(): number {
    return this.#process?.calls.begun ?? 0;
  }

  /** Whether one of the first `count` of them is still open. */
  hasCallsOf(count: number): boolean {
    return this.#process?.calls.hasOneOf(count) === true;
  }

  /** Who its directory is, as of the last opening of the one that peers remember. */
  get identity(): StorageIdentity | undefined {
    return this.#identity;
  }

  /** The peers that its disk remembers. */
  get remembers(): readonly PeerIdentity[] {
    return this.#remembers;
  }

  /** The oracle of the process that runs here. */
  get oracle(): Oracle | undefined {
    return this.#process?.oracle;
  }

  /** Its driver, watched, which the oracle uses as well. */
  get driver(): ConsensusDriver | undefined {
    return this.#process?.driver;
  }

  /** The leases that its process was told of. */
  get leases(): HeldLeases | undefined {
    return this.#process?.leases;
  }

  get host(): StandaloneHost | undefined {
    return this.#process?.host;
  }

  /** What the disk that the running process writes to would show after a power cut. */
  get durable(): DiskModel['durable'] {
    return this.#processModel.durable;
  }

  /** Asks the oracle of the process that runs here. @returns undefined if none does. */
  grant(count: number, timeoutMs: number): Promise<Grant> | undefined {
    return this.#process?.grant(count, timeoutMs);
  }

  /** How often the copy of its directory had been opened when it was made; undefined if there is none. */
  get copiedIncarnation(): number | undefined {
    return this.#copy?.incarnation;
  }

  /** Starts a process from what the disk holds. */
  boot(): void {
    if (this.#state !== 'down' || this.isOut) return;
    this.touch();
    this.#state = 'booting';
    this.#life += 1;
    if (this.#life > 1) this.#world.counters.restarts += 1;
    this.#world.trace(this.nodeId, `boots life ${this.#life}`);
    void this.#start(this.#life);
  }

  /** The power fails: what was not synced may be lost. */
  crash(): void {
    if (this.#state === 'down') return;
    this.touch();
    const { counters, trace } = this.#world;
    trace(this.nodeId, `crashes in life ${this.#life}`);
    counters.crashes += 1;
    if (this.#state === 'booting') counters.crashesInRecovery += 1;
    this.#end();
    const { torn, lost } = this.#directory.crash();
    counters.tornWrites += torn;
    counters.lostWrites += lost;
    if (torn + lost > 0) trace(this.nodeId, `loses ${lost} writes, and parts of ${torn}`);
  }

  /**
   * The process is asked to stop in order; `then` is called once it has, with whether its storage was closed
   * without an error. Nothing happens unless it is up.
   */
  stop(then: (isClean: boolean) => void = () => {}): void {
    if (this.#state !== 'up' || this.#process === undefined || this.#storage === undefined) return;
    const life = this.#life;
    const { counters, trace } = this.#world;
    const storage = this.#storage;
    this.touch();
    this.#state = 'stopping';
    trace(this.nodeId, `is asked to stop in life ${life}`);
    void this.#process.stop().then(() => {
      if (this.#life !== life || this.#state !== 'stopping') return;
      trace(this.nodeId, `has stopped in life ${life}`);
      counters.orderlyStops += 1;
      this.touch();
      this.#end();
      this.#directory.exit();
      then(storage.isClosed);
    });
  }

  /** Keeps a copy of its directory, as it would be after a power cut right now, unless there is one. */
  copyDirectory(): void {
    if (this.#copy !== undefined || this.#directoryState !== 'whole' || this.#identity === undefined) return;
    const { incarnation } = this.#identity;
    this.#copy = { disk: this.#directory.copy(), incarnation, isExact: this.#state === 'down' };
    this.#world.trace(this.nodeId, `its directory is copied in incarnation ${incarnation}`);
  }

  /** Its directory is wiped and made anew, or set back to the copy. Its process, if there is one, loses its power before. */
  loseDirectory(how: 'wiped' | 'setBack'): void {
    const { counters, plan, trace } = this.#world;
    this.crash();
    if (how === 'wiped') {
      counters.wipedDirectories += 1;
      this.#directory = newDisk(plan.disks, { ...this.#diskOptions, random: this.#random.fork() });
    } else {
      if (this.#copy === undefined) return;
      if (this.#copy.isExact) counters.clonedDirectories += 1;
      else counters.restoredDirectories += 1;
      this.#directory = this.#copy.disk;
    }
    this.#directoryState = 'lost';
    trace(this.nodeId, how === 'wiped' ? 'its directory is wiped' : 'its directory is set back to the copy');
  }

  /** Bytes of its directory change, once its process has stopped in order. @returns whether they have. */
  damageDirectory(kind: DiskDamage): boolean {
    if (this.#state !== 'down' || this.#directoryState !== 'whole') return false;
    const where = this.#directory.damage(kind);
    if (where === undefined) return false;
    this.#world.counters.damagedDirectories += 1;
    this.#directoryState = 'damaged';
    this.#world.trace(this.nodeId, `its directory is damaged: ${where}`);
    return true;
  }

  /** Something is about to happen to it, so it must be looked at. */
  touch(): void {
    this.#touched = true;
  }

  /**
   * Looks at everything that this machine shows, if anything has happened to it since the last look.
   * @returns whether it has looked.
   * @throws {InvariantViolation}
   */
  check(): boolean {
    if (!this.#touched) return false;
    this.#touched = false;
    const { durable } = this.model;
    if (durable !== this.#lastDurable) {
      requireNoStepBack(this.nodeId, this.#lastDurable, durable);
      this.#lastDurable = durable;
    }
    this.#process?.check();
    return true;
  }

  async #start(life: number): Promise<void> {
    const { invariants, scheduler, trace } = this.#world;
    const isAlive = (): boolean => this.#life === life && this.#state !== 'down';
    const isLost = this.#directoryState === 'lost';
    try {
      const opened = await this.#directory.open(this.disk.behaviour(isAlive));
      if (!isAlive()) return;
      // What a directory that must not be run holds is judged by nobody.
      const model = isLost ? new DiskModel(this.nodeId, opened.load()) : this.model;
      if (!isLost) {
        model.recovered(opened.load());
        invariants.proposals.lifeBegan(opened.identity);
        this.#identity = opened.identity;
        this.#remembers = opened.peers();
      }
      const storage = new WatchedStorage(opened, model, (peers) => {
        if (!isLost) this.#remembers = peers;
      });
      const process = new SimulatedProcess({
        nodeId: this.nodeId,
        life,
        world: this.#world,
        clock: this.clock,
        random: this.#random,
        storage,
        model,
        isLost,
        touch: () => this.touch(),
      });
      this.#processModel = model;
      const host = await process.start(isAlive);
      if (host === undefined || !isAlive()) return;
      if (this.#directoryState === 'damaged') {
        // What was damaged did not matter: all that was promised has been found.
        trace(this.nodeId, 'the damage has lost nothing');
        this.#directoryState = 'whole';
      }
      this.#process = process;
      this.#storage = storage;
      this.#state = 'up';
      void host.stopped.then((reason) => this.#onStopped(isAlive, reason));
    } catch (error) {
      if (!isAlive()) return;
      trace(this.nodeId, `cannot boot: ${String(error)}`);
      this.#judgeBootFailure(error);
      scheduler.after(1, () => isAlive() && this.crash());
    }
  }

  /** The node has stopped by itself, since its disk failed, it was removed or its directory was refused; the process ends with it. */
  #onStopped(isAlive: () => boolean, reason: HostStopReason): void {
    if (!isAlive() || this.#state === 'stopping') return;
    const text = describeHostStop(reason);
    this.#world.trace(this.nodeId, `stops by itself: ${text}`);
    const cause = reason.kind === 'nodeStopped' ? reason.reason.kind : reason.kind;
    if (cause === 'refused' && this.#directoryState === 'lost') this.#countRefusal();
    else if (cause !== 'storageFailed' && cause !== 'removed') {
      this.#world.report(
        new InvariantViolation(
          'a node stops by itself only when its storage fails, it is removed, or its directory is not what its peers remember',
          `node ${this.nodeId}: ${text}`,
        ),
      );
    }
    this.crash();
  }

  #end(): void {
    this.#state = 'down';
    this.#process = undefined;
    this.#storage = undefined;
    this.#processModel = this.model;
    this.clock.kill();
    this.#world.network.kill(this.nodeId);
  }

  /** Power cuts and failing disks are no excuse for damage, nor for a refusal; and what was refused stays refused. */
  #judgeBootFailure(error: unknown): void {
    const { report } = this.#world;
    if (error instanceof InvariantViolation) report(error);
    if (!(error instanceof StorageError)) return;
    const { code } = error;
    const isRefused = code === 'storage_refused' && this.#directoryState === 'lost';
    const isDamaged = code === 'storage_corrupt' && this.#directoryState === 'damaged';
    if (isRefused || isDamaged) {
      this.#refusedBoots += 1;
      if (isDamaged) this.#countRefusal();
      return;
    }
    if (code !== 'storage_refused' && code !== 'storage_corrupt') return;
    report(
      new InvariantViolation(
        'no power cut and no failing disk damages a directory, or has it refused',
        String(error),
      ),
    );
  }

  /** A refusal that its disk could not note comes again. */
  #countRefusal(): void {
    if (!this.#isRefused) this.#world.counters.refusals += 1;
    this.#isRefused = true;
  }
}
