import {
  type HighWaterCommand,
  type HighWaterSnapshot,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../../high-water/index.js';
import type { ClusterConfig, Message, NodeId } from '../../omnipaxos/index.js';
import { SeededRandom } from '../../runtime/index.js';
import { MemoryNetwork } from '../../transport/index.js';
import { Chaos } from './chaos.js';
import { checkStableClaim } from './checkers/stable-claims.js';
import { ComingToRest, type Recovery } from './coming-to-rest.js';
import { type FaultCounters, noFaults } from './counters.js';
import { DirectoryLosses } from './directory-losses.js';
import { EventTrail } from './event-trail.js';
import { type ChaosKind, drawFaultPlan, type FaultPlan, quorumsOf, WALL_START_MS } from './fault-plan.js';
import { Invariants } from './invariants.js';
import type { DiskFaults } from './machine-disk.js';
import { MessageRoutes } from './message-routes.js';
import { RestlessCaller } from './restless-caller.js';
import { Scheduler } from './scheduler.js';
import { SimulatedClient } from './simulated-client.js';
import { SimulatedMachine } from './simulated-machine.js';
import { runTurns } from './turns.js';
import { InvariantViolation } from './violation.js';

/** What to simulate. */
export interface SimulationOptions {
  /** Decides everything: the same seed gives the same run. */
  readonly seed: number;
  /** How many events run under faults; then the faults stop, and the world must come to rest. */
  readonly steps: number;
  /** Replaces parts of the plan that the seed draws. */
  readonly plan?: Partial<FaultPlan>;
  /** Acts of chaos to leave out, by their numbers as traces have them. */
  readonly without?: readonly number[];
  /** Kinds of acts to leave out. */
  readonly withoutKinds?: readonly ChaosKind[];
  /** Told of everything that happens, a line at a time. */
  readonly trace?: (line: string) => void;
}

/** What a run has done. */
export interface SimulationReport extends Readonly<FaultCounters>, Recovery {
  readonly seed: number;
  /** Events, those after the faults included. */
  readonly steps: number;
  readonly simulatedMs: number;
  /** Records decided. */
  readonly decided: number;
  readonly messages: number;
  readonly timestamps: number;
  readonly leaderships: number;
  /** Stop signs decided. */
  readonly reconfigurations: number;
  /** Acts of chaos. */
  readonly acts: number;
  /** Calls of drivers that hurried and careless callers made beside the oracles. */
  readonly restlessCalls: number;
  /** Of everything that has happened, in order: the same for every run of this seed. */
  readonly traceHash: string;
}

/** A simulated world broke a promise. The message holds everything that is needed to see it again. */
export class SimulationFailure extends InvariantViolation {
  /** Of the world: `runSimulation` with it fails in the same way again. */
  readonly seed: number;
  /** At which event. */
  readonly step: number;
  /** How many acts of chaos there were before it. */
  readonly acts: number;

  constructor(violation: InvariantViolation, { seed, step, acts, recent, world }: FailedWorld) {
    super(
      violation.invariant,
      `${violation.detail}\nseed ${seed}, step ${step}. Replay: npm run sim -- ${world} --trace; with fewer faults: npm run sim -- ${world} --shrink\nlast events of each node:\n${recent}`,
    );
    this.seed = seed;
    this.step = step;
    this.acts = acts;
  }
}

interface FailedWorld {
  readonly seed: number;
  readonly step: number;
  readonly acts: number;
  readonly recent: string;
  /** The flags that make this world. */
  readonly world: string;
}

/** Longer than any lease of a world, by a clock of any rate, in ms. */
const CLOCK_TRUST_MS = 1_500;

/**
 * Runs one simulated cluster: whole nodes (core, runner, storage, apply task, driver, oracle) with simulated clocks, network and disks, and
 * clients; checks the invariants after every step; then stops the faults and demands that everybody agrees and is served.
 *
 * One world at a time per process, please: it shares the event loop, not state.
 *
 * Rejects with {@link SimulationFailure}.
 */
export async function runSimulation(options: SimulationOptions): Promise<SimulationReport> {
  const world = new World(options);
  return world.run(options.steps);
}

class World {
  readonly #options: SimulationOptions;
  readonly #scheduler = new Scheduler();
  readonly #plan: FaultPlan;
  readonly #config: ClusterConfig;
  readonly #invariants: Invariants;
  readonly #trail: EventTrail;
  readonly #clients: SimulatedClient[] = [];
  readonly #machines = new Map<NodeId, SimulatedMachine>();
  readonly #network: MemoryNetwork<HighWaterCommand, HighWaterSnapshot>;
  readonly #routes: MessageRoutes;
  readonly #losses: DirectoryLosses;
  readonly #disk: DiskFaults;
  readonly #chaos: Chaos;
  readonly #restless: RestlessCaller;
  readonly #random: SeededRandom;
  readonly #counters = noFaults();
  #messages = 0;
  #steps = 0;
  #violation: InvariantViolation | undefined;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#plan = { ...drawFaultPlan(this.#random), ...options.plan };
    const nodes = Array.from({ length: this.#plan.nodes }, (_, index) => index + 1);
    this.#config = {
      configId: 1,
      nodes,
      leaseMs: this.#plan.leaseMs,
      maxClockDrift: 0.01,
      ...quorumsOf(nodes.length, this.#plan.writeQuorum),
    };
    this.#invariants = new Invariants(this.#config, this.#machines);
    // A configuration of fewer members could not do without one of them.
    this.#losses = new DirectoryLosses(this.#plan.lossOfDirectory && this.#plan.nodes >= 3, this.#machines);
    this.#trail = new EventTrail(options.trace);
    this.#disk = {
      syncMs: this.#plan.syncMs,
      failure: this.#plan.diskFailure,
      shortWrites: this.#plan.shortWrites,
    };
    this.#routes = new MessageRoutes({
      scheduler: this.#scheduler,
      random: this.#random.fork(),
      plan: this.#plan,
      counters: this.#counters,
    });
    this.#network = new MemoryNetwork({
      clock: { setTimer: (delayMs, callback) => this.#scheduler.after(delayMs, callback) },
      codecs: { entry: highWaterCommandCodec, snapshot: highWaterSnapshotCodec },
      route: (message, bytes) => this.#routes.delaysOf(message, bytes),
      onSend: (message) => this.#onSend(message),
      // What was sent to a directory that is gone must not reach the one in its place, which has no memory of
      // that life: its ballots would be led again. Connections see to that, which end with the process.
      deliversLate: (to) => this.#machines.get(to)?.hasLostDirectory !== true,
    });
    this.#makeMachines();
    this.#restless = new RestlessCaller({
      scheduler: this.#scheduler,
      random: this.#random.fork(),
      machines: this.#machines,
      everyMs: this.#plan.restlessEveryMs,
      report: (violation) => this.#report(violation),
    });
    const trace = (nodeId: NodeId, event: string): void => this.#trace(nodeId, event);
    this.#chaos = new Chaos({
      scheduler: this.#scheduler,
      random: this.#random.fork(),
      plan: this.#plan,
      machines: this.#machines,
      network: this.#network,
      routes: this.#routes,
      losses: this.#losses,
      counters: this.#counters,
      withoutKinds: new Set(options.withoutKinds),
      without: new Set(options.without),
      trace,
    });
  }

  async run(steps: number): Promise<SimulationReport> {
    for (const machine of this.#machines.values()) machine.boot();
    this.#startClients();
    this.#restless.start();
    this.#chaos.start();
    await this.#runUntil(() => this.#steps >= steps);
    const recovery = await this.#comeToRest();
    return {
      seed: this.#options.seed,
      steps: this.#steps,
      simulatedMs: Math.floor(this.#scheduler.nowMs),
      decided: this.#invariants.reference.length,
      messages: this.#messages,
      timestamps: this.#invariants.history.count,
      leaderships: this.#invariants.leaderships.count,
      reconfigurations: this.#invariants.reference.reconfigurations,
      acts: this.#chaos.acts,
      restlessCalls: this.#restless.calls,
      traceHash: this.#trail.hash,
      ...recovery,
      ...this.#counters,
    };
  }

  #makeMachines(): void {
    for (let nodeId = 1; nodeId <= this.#plan.nodes + this.#plan.spares; nodeId++) {
      const machine = new SimulatedMachine(
        nodeId,
        {
          scheduler: this.#scheduler,
          network: this.#network,
          config: this.#config,
          clusterId: `world-${this.#options.seed}`,
          disk: this.#disk,
          invariants: this.#invariants,
          plan: this.#plan,
          counters: this.#counters,
          report: (violation) => this.#report(violation),
          trace: (id, event) => this.#trace(id, event),
        },
        this.#random.fork(),
        {
          rate: 1 + this.#random.between(-1, 1) * this.#plan.clockDrift,
          wallMs: WALL_START_MS + Math.floor(this.#random.between(-1, 1) * this.#plan.clockSkewMs),
          trustMs: CLOCK_TRUST_MS,
        },
      );
      this.#machines.set(nodeId, machine);
    }
  }

  #startClients(): void {
    for (let index = 0; index < this.#plan.clients; index++) {
      const client = new SimulatedClient({
        scheduler: this.#scheduler,
        random: this.#random.fork(),
        machines: this.#machines,
        history: this.#invariants.history,
        windows: this.#invariants.windows,
        counters: this.#counters,
        slowReplies: this.#plan.slowReplies,
        patienceMs: this.#random.pick([400, 400, 6_000]),
        pauseMs: this.#random.pick([1, 10, 100]),
        maxCount: this.#random.pick([1, 10, 1_000]),
        report: (violation) => this.#report(violation),
      });
      this.#clients.push(client);
      client.start();
    }
  }

  /** Checks what the last event has led to, by now that everything that follows from it in the same turn has happened. */
  #judge(): void {
    try {
      this.#invariants.check();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.#report(error);
    }
    if (this.#violation === undefined) return;
    throw new SimulationFailure(this.#violation, {
      seed: this.#options.seed,
      step: this.#steps,
      acts: this.#chaos.acts,
      recent: this.#trail.recent(),
      world: flagsOf(this.#options),
    });
  }

  #runUntil(isDone: () => boolean): Promise<void> {
    return runTurns(() => {
      this.#judge();
      if (isDone()) return false;
      this.#scheduler.runNext();
      this.#steps += 1;
      return true;
    });
  }

  async #comeToRest(): Promise<Recovery> {
    this.#trace(0, 'the faults stop');
    this.#routes.calm();
    this.#disk.failure = 0;
    this.#disk.shortWrites = 0;
    this.#disk.syncMs = { min: 0.05, max: 0.3 };
    this.#chaos.stop();
    for (const client of this.#clients) client.calm();
    const rest = new ComingToRest({
      scheduler: this.#scheduler,
      plan: this.#plan,
      machines: this.#machines,
      invariants: this.#invariants,
      losses: this.#losses,
      report: (violation) => this.#report(violation),
    });
    await this.#runUntil(() => rest.look());
    return rest.recovery;
  }

  #onSend(message: Message<HighWaterCommand, HighWaterSnapshot>): void {
    this.#messages += 1;
    const machine = this.#machines.get(message.from);
    if (machine === undefined) return;
    const { from, to, body } = message;
    if (body.kind === 'heartbeatRequest' || body.kind === 'heartbeatReply')
      this.#trail.beats(this.#scheduler.nowMs, from, body.kind, to);
    else this.#trail.sends(this.#scheduler.nowMs, from, body.kind, to);
    try {
      checkStableClaim(message, machine.durable);
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.#report(error);
    }
  }

  #report(violation: InvariantViolation): void {
    this.#violation ??= violation;
  }

  #trace(nodeId: NodeId, event: string): void {
    this.#trail.add(this.#scheduler.nowMs, nodeId, event);
  }
}

/** How the command line is told to make the same world; parts of a plan that were replaced cannot be told so. */
function flagsOf({ seed, steps, without = [], withoutKinds = [] }: SimulationOptions): string {
  return [
    `--seed ${seed} --steps ${steps}`,
    ...(without.length === 0 ? [] : [`--without ${without}`]),
    ...(withoutKinds.length === 0 ? [] : [`--off ${withoutKinds}`]),
  ].join(' ');
}
