import { SnapshotPolicy } from '../../apply/index.js';
import type { ConsensusDriver } from '../../consensus/index.js';
import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import { describeHostStop, type HostStatus, type HostStopReason, StandaloneHost } from '../../host/index.js';
import { BALLOT_ZERO, type ClusterConfig, type NodeId } from '../../omnipaxos/index.js';
import { Oracle } from '../../oracle/index.js';
import type { Clock, SeededRandom } from '../../runtime/index.js';
import { StorageCorruptError } from '../../storage/index.js';
import type { MemoryNetwork } from '../../transport/index.js';
import { requireWithinBounds } from './checkers/bounds.js';
import { DiskModel } from './checkers/disk-model.js';
import { requireIndexOrder } from './checkers/index-order.js';
import { HeldLeases } from './checkers/leases.js';
import { NodeWatch } from './checkers/node-watch.js';
import { OpenCalls } from './checkers/open-calls.js';
import { requireNoStepBack } from './checkers/stable-order.js';
import type { FaultCounters } from './counters.js';
import type { FaultPlan } from './fault-plan.js';
import type { Invariants } from './invariants.js';
import { JournalDisk } from './journal-disk.js';
import type { Scheduler } from './scheduler.js';
import { SimulatedClock } from './simulated-clock.js';
import {
  type DiskBehaviour,
  type DiskFault,
  MemoryBackedDisk,
  type SimulatedDisk,
} from './simulated-disk.js';
import { InvariantViolation } from './violation.js';
import { watchDriver } from './watched-driver.js';
import { watchStorage } from './watched-storage.js';

/** How a machine's disk behaves at the moment. */
export interface DiskFaults {
  /** How long a sync takes, in ms. */
  syncMs: { min: number; max: number };
  /** The probability that a call fails, which stops the node. */
  failure: number;
  /** The probability that a write is cut short, and says so. */
  shortWrites: number;
}

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

interface Process {
  readonly host: StandaloneHost;
  readonly driver: ConsensusDriver;
  readonly oracle: Oracle;
  readonly watch: NodeWatch;
  readonly leases: HeldLeases;
  readonly calls: OpenCalls;
}

/** How many calls a driver lets wait. */
const PENDING_CALLS_MAX = 64;
/** How many proposals a core buffers while it becomes leader. */
const BUFFERED_PROPOSALS_MAX = 16;

/** One machine: a disk and clocks that outlive processes, and at most one process: a host with an oracle on top. */
export class SimulatedMachine {
  readonly nodeId: NodeId;
  readonly clock: SimulatedClock;
  /** What its disk holds, as far as that was promised. */
  readonly model: DiskModel;
  readonly #disk: SimulatedDisk;
  readonly #world: MachineWorld;
  readonly #random: SeededRandom;
  #life = 0;
  #state: 'down' | 'booting' | 'up' = 'down';
  #process: Process | undefined;
  /** The power fails in the call of the disk after so many others. */
  #callsUntilCrash = Number.POSITIVE_INFINITY;
  #fullUntilMs = 0;
  /** Whether anything has happened to it since it was last looked at. */
  #touched = true;
  #lastDurable: DiskModel['durable'];

  constructor(
    nodeId: NodeId,
    world: MachineWorld,
    random: SeededRandom,
    clock: { rate: number; wallMs: number },
  ) {
    this.nodeId = nodeId;
    this.#world = world;
    this.#random = random;
    this.clock = new SimulatedClock(world.scheduler, clock, () => this.touch());
    const { config, clusterId, plan } = world;
    const Disk = plan.disks === 'journal' ? JournalDisk : MemoryBackedDisk;
    this.#disk = new Disk({ clusterId, nodeId, config, random: random.fork() });
    this.model = new DiskModel(nodeId, {
      config,
      promise: BALLOT_ZERO,
      acceptedRound: BALLOT_ZERO,
      decidedIdx: 0,
      records: [],
    });
    this.#lastDurable = this.model.durable;
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

  /** Starts a process from what the disk holds. */
  boot(): void {
    if (this.#state !== 'down') return;
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
    const { torn, lost } = this.#disk.crash();
    counters.tornWrites += torn;
    counters.lostWrites += lost;
    if (torn + lost > 0) trace(this.nodeId, `loses ${lost} writes, and parts of ${torn}`);
  }

  /** The power fails in the call of the disk after `calls` others, if this process comes to that. */
  crashInCall(calls: number): void {
    this.#callsUntilCrash = calls;
  }

  /** For so long in ms there is no room left on the disk. */
  fillDisk(durationMs: number): void {
    this.#fullUntilMs = this.#world.scheduler.nowMs + durationMs;
  }

  /** Takes back what has been prepared for the future. */
  relieve(): void {
    this.#callsUntilCrash = Number.POSITIVE_INFINITY;
    this.#fullUntilMs = 0;
  }

  /** Something is about to happen to it, so it must be looked at. */
  touch(): void {
    this.#touched = true;
  }

  /** Looks at everything that this machine shows, if anything has happened to it since the last look. @throws {InvariantViolation} */
  check(): void {
    if (!this.#touched) return;
    this.#touched = false;
    const { durable } = this.model;
    if (durable !== this.#lastDurable) requireNoStepBack(this.nodeId, this.#lastDurable, durable);
    this.#lastDurable = durable;
    if (this.#process !== undefined) this.#checkProcess(this.#process);
  }

  #checkProcess({ host, watch, calls }: Process): void {
    const status = host.status();
    const { apply, leadership, node } = status;
    const { acceptedIdx, acceptedRound, phase, role } = node.core;
    watch.check(host, status);
    requireIndexOrder(this.nodeId, { ...node.core, appliedIdx: apply.appliedIdx });
    this.#checkBounds(status, calls, watch.recoveredIdx);
    calls.check({
      nowMs: this.clock.monotonicMs(),
      frozenUntilMs: this.clock.frozenUntilMs,
      leads: leadership.role === 'leader',
    });
    if (leadership.role === 'leader')
      this.#world.invariants.leaderships.see(leadership.epoch, this.nodeId, this.#life);
    if (role === 'leader' && phase === 'accept') {
      const written = (): DiskModel['durable'] => this.model.written();
      this.#world.invariants.leaderLogs.see({
        nodeId: this.nodeId,
        ballot: acceptedRound,
        acceptedIdx,
        written,
      });
    }
  }

  #checkBounds({ apply, node }: HostStatus, calls: OpenCalls, recoveredIdx: number): void {
    const { snapshotEvery, applyChunk, nodes, spares } = this.#world.plan;
    const { compactedIdx } = node.core;
    requireWithinBounds(this.nodeId, {
      'calls that wait': [calls.count, PENDING_CALLS_MAX],
      'buffered proposals': [node.core.bufferedProposals, BUFFERED_PROPOSALS_MAX],
      // The policy counts from the last snapshot that was tried, or from the start of the process.
      'applied records above the last snapshot': [
        apply.appliedIdx - Math.max(compactedIdx, recoveredIdx),
        (snapshotEvery + applyChunk.items) * (1 + apply.snapshots.failed),
      ],
      'entries of the ledger': [this.model.durable.snapshot?.value.ledger.length ?? 0, nodes + spares],
    });
  }

  async #start(life: number): Promise<void> {
    const { network, scheduler, plan, report } = this.#world;
    const { advances, proposals, reference } = this.#world.invariants;
    const { windowAheadMs, applyChunk } = plan;
    const clock = this.clock.boot();
    const isAlive = (): boolean => this.#life === life && this.#state !== 'down';
    const watch = new NodeWatch(this.nodeId, reference);
    let host: StandaloneHost | undefined;
    try {
      const storage = await this.#disk.open(this.#behaviour(isAlive));
      if (!isAlive()) return;
      this.model.recovered(storage.load());
      proposals.lifeBegan(storage.identity);
      host = await StandaloneHost.start({
        storage: watchStorage(storage, this.model),
        transport: network.transport(this.nodeId, () => {
          // The network asks before it delivers anything.
          this.touch();
          return this.clock.frozenForMs;
        }),
        clock: withSlowApplier(clock, applyChunk.restMs),
        nextTurn: (callback) => void clock.setTimer(0, callback),
        clientEndpoint: `node-${this.nodeId}:50551`,
        applyChunkItems: applyChunk.items,
        maxPendingCalls: PENDING_CALLS_MAX,
        proposalBufferLimit: BUFFERED_PROPOSALS_MAX,
        snapshotPolicy: this.#snapshotPolicy(watch, () => host),
      });
      if (!isAlive()) return;
      const leases = new HeldLeases();
      const calls = new OpenCalls(this.nodeId);
      const { monotonicMs } = clock;
      const driver = watchDriver(host.driver, {
        nodeId: this.nodeId,
        advances,
        proposals,
        calls,
        leases,
        monotonicMs,
        report,
      });
      const oracle = Oracle.start({
        driver,
        clock,
        random: this.#random.fork(),
        windowAheadMs,
        failoverAdvanceMs: Math.min(1_000, windowAheadMs),
      });
      this.#process = { host, driver, oracle, watch, leases, calls };
      this.#state = 'up';
      void host.stopped.then((reason) => this.#onStopped(isAlive, reason));
    } catch (error) {
      if (!isAlive()) return;
      this.#world.trace(this.nodeId, `cannot boot: ${String(error)}`);
      this.#judgeBootFailure(error);
      scheduler.after(1, () => isAlive() && this.crash());
    }
  }

  /** Compacts every so many records, and has the log looked at before anything of it goes. */
  #snapshotPolicy(watch: NodeWatch, host: () => StandaloneHost | undefined): SnapshotPolicy {
    return SnapshotPolicy.when(({ appliedIdx, lastFiredIdx }) => {
      const running = host();
      if (running === undefined || appliedIdx - lastFiredIdx < this.#world.plan.snapshotEvery) return false;
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
  #onStopped(isAlive: () => boolean, reason: HostStopReason): void {
    if (!isAlive()) return;
    const text = describeHostStop(reason);
    this.#world.trace(this.nodeId, `stops by itself: ${text}`);
    const cause = reason.kind === 'nodeStopped' ? reason.reason.kind : reason.kind;
    if (cause !== 'storageFailed' && cause !== 'removed') {
      this.#world.report(
        new InvariantViolation(
          'a node stops by itself only when its storage fails or it is removed',
          `node ${this.nodeId}: ${text}`,
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

  /** Power cuts and failing disks are no excuse for damage. */
  #judgeBootFailure(error: unknown): void {
    if (error instanceof InvariantViolation) this.#world.report(error);
    if (!(error instanceof StorageCorruptError)) return;
    this.#world.report(
      new InvariantViolation('no power cut and no failing disk damages a directory', String(error)),
    );
  }

  #behaviour(isAlive: () => boolean): DiskBehaviour {
    return {
      take: (kind, done) => this.#completeLater(isAlive, kind, done),
      fault: (kind) => (isAlive() ? this.#fault(kind) : undefined),
    };
  }

  #completeLater(isAlive: () => boolean, kind: 'sync' | 'write', done: () => void): void {
    if (!isAlive()) return;
    const { disk, scheduler, counters } = this.#world;
    const crashes = this.#callsUntilCrash-- === 0;
    const crashesBefore = crashes && this.#random.chance(0.5);
    const complete = (): void => {
      if (!isAlive()) return;
      this.touch();
      if (this.clock.frozenForMs > 0) {
        scheduler.after(this.clock.frozenForMs, complete);
        return;
      }
      if (crashes) counters.crashesInWrites += 1;
      if (crashesBefore) this.crash();
      else done();
      // In the turn after: the call has been carried out, and what follows from it has been said.
      if (crashes) scheduler.after(0, () => isAlive() && this.crash());
    };
    scheduler.after(
      kind === 'sync' ? this.#random.between(disk.syncMs.min, disk.syncMs.max) : 0.01,
      complete,
    );
  }

  #fault(kind: 'sync' | 'write' | 'read'): DiskFault | undefined {
    const { disk, scheduler, counters, trace } = this.#world;
    const fault = this.#drawFault(kind, scheduler.nowMs < this.#fullUntilMs, disk);
    if (fault === undefined || fault === 'short') return fault;
    counters.diskFailures += 1;
    if (kind === 'sync') counters.fsyncFailures += 1;
    trace(this.nodeId, `its disk ${fault === 'full' ? 'is full' : `fails a ${kind}`}`);
    return fault;
  }

  #drawFault(kind: 'sync' | 'write' | 'read', isFull: boolean, faults: DiskFaults): DiskFault | undefined {
    if (isFull && kind === 'write') return 'full';
    if (this.#random.chance(faults.failure)) return 'fails';
    return kind === 'write' && this.#random.chance(faults.shortWrites) ? 'short' : undefined;
  }
}

/** The same clock, but whoever only yields to the event loop, as the applier does after each chunk, gets `restMs` of rest. */
function withSlowApplier(clock: Clock, restMs: number): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs === 0 ? restMs : delayMs, callback),
  };
}
