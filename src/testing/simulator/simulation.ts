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
import { type FaultCounters, noFaults } from './counters.js';
import { EventTrail } from './event-trail.js';
import { drawFaultPlan, type FaultPlan, quorumsOf } from './fault-plan.js';
import { Invariants } from './invariants.js';
import { RestlessCaller } from './restless-caller.js';
import { Scheduler } from './scheduler.js';
import { SimulatedClient } from './simulated-client.js';
import { type DiskFaults, SimulatedMachine } from './simulated-machine.js';
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
  /** Told of everything that happens, a line at a time. */
  readonly trace?: (line: string) => void;
}

/** What a run has done. */
export interface SimulationReport extends Readonly<FaultCounters> {
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
  /** How long it took from the end of the faults until a leader served, in election timeouts. */
  readonly leaderAfterTimeouts: number;
  /** Of everything that has happened, in order: the same for every run of this seed. */
  readonly traceHash: string;
}

/** A simulated world broke a promise. The message holds everything that is needed to see it again. */
export class SimulationFailure extends InvariantViolation {
  readonly seed: number;
  readonly step: number;
  /** How many acts of chaos there were before it. */
  readonly acts: number;

  constructor(violation: InvariantViolation, { seed, step, acts, recent }: FailedWorld) {
    super(
      violation.invariant,
      `${violation.detail}\nseed ${seed}, step ${step}. Replay: npm run sim -- --seed ${seed} --trace; with fewer faults: npm run sim -- --seed ${seed} --shrink\nlast events of each node:\n${recent}`,
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
}

/** How long a heartbeat round of the nodes lasts, in ms. */
const ELECTION_TIMEOUT_MS = 100;
/** Within how many election timeouts after the faults a leader must serve. */
const LEADER_WITHIN_TIMEOUTS = 40;
/** How long a world may take, in virtual ms, from the end of its faults to rest. */
const REST_WITHIN_MS = 30_000;
const WALL_START_MS = 1_700_000_000_000;

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
  readonly #machines = new Map<NodeId, SimulatedMachine>();
  readonly #network: MemoryNetwork<HighWaterCommand, HighWaterSnapshot>;
  readonly #disk: DiskFaults;
  readonly #chaos: Chaos;
  readonly #restless: RestlessCaller;
  readonly #random: SeededRandom;
  readonly #counters = noFaults();
  #faulty = true;
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
    this.#trail = new EventTrail(options.trace);
    this.#disk = {
      syncMs: this.#plan.syncMs,
      failure: this.#plan.diskFailure,
      shortWrites: this.#plan.shortWrites,
    };
    const networkRandom = this.#random.fork();
    const lastArrivalMs = new Map<string, number>();
    this.#network = new MemoryNetwork({
      clock: { setTimer: (delayMs, callback) => this.#scheduler.after(delayMs, callback) },
      codecs: { entry: highWaterCommandCodec, snapshot: highWaterSnapshotCodec },
      route: (message) => this.#route(message, networkRandom, lastArrivalMs),
      onSend: (message) => this.#onSend(message),
      deliversLate: true,
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
      counters: this.#counters,
      without: new Set(options.without),
      trace,
    });
  }

  async run(steps: number): Promise<SimulationReport> {
    for (const machine of this.#machines.values()) machine.boot();
    this.#startClients();
    this.#restless.start();
    this.#chaos.start();
    while (this.#steps < steps) await this.#step();
    const leaderAfterMs = await this.#comeToRest();
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
      leaderAfterTimeouts: leaderAfterMs / ELECTION_TIMEOUT_MS,
      traceHash: this.#trail.hash,
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
        },
      );
      this.#machines.set(nodeId, machine);
    }
  }

  #startClients(): void {
    for (let index = 0; index < this.#plan.clients; index++) {
      new SimulatedClient({
        scheduler: this.#scheduler,
        random: this.#random.fork(),
        machines: this.#machines,
        history: this.#invariants.history,
        windows: this.#invariants.windows,
        pauseMs: this.#random.pick([1, 10, 100]),
        maxCount: this.#random.pick([1, 10, 1_000]),
        report: (violation) => this.#report(violation),
      }).start();
    }
  }

  /** One event, all that follows from it in the same turn, and all checks. */
  async #step(): Promise<void> {
    this.#scheduler.runNext();
    this.#steps += 1;
    await settle();
    try {
      this.#invariants.check();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.#report(error);
    }
    if (this.#violation !== undefined) {
      throw new SimulationFailure(this.#violation, {
        seed: this.#options.seed,
        step: this.#steps,
        acts: this.#chaos.acts,
        recent: this.#trail.recent(),
      });
    }
  }

  /** Returns how long it took until a leader served, in ms. */
  async #comeToRest(): Promise<number> {
    this.#trace(0, 'the faults stop');
    this.#faulty = false;
    this.#disk.failure = 0;
    this.#disk.shortWrites = 0;
    this.#disk.syncMs = { min: 0.05, max: 0.3 };
    this.#chaos.stop();
    // The last of them are freezes that have begun before.
    const frozenForMs = Math.max(...[...this.#machines.values()].map(({ clock }) => clock.frozenForMs));
    const stoppedMs = this.#scheduler.nowMs + frozenForMs;
    const servedBefore = this.#invariants.history.count;
    let leaderAfterMs: number | undefined;
    while (!this.#isAtRest(servedBefore)) {
      const passedMs = this.#scheduler.nowMs - stoppedMs;
      if (this.#isLed()) leaderAfterMs ??= passedMs;
      else if (leaderAfterMs === undefined && passedMs > LEADER_WITHIN_TIMEOUTS * ELECTION_TIMEOUT_MS) {
        this.#late(`no leader after ${LEADER_WITHIN_TIMEOUTS} election timeouts`);
      }
      if (passedMs > REST_WITHIN_MS) this.#late(`after ${REST_WITHIN_MS} ms`);
      await this.#step();
      // A disk that failed just before may still bring its node down.
      for (const machine of this.#machines.values()) machine.boot();
    }
    return Math.max(0, leaderAfterMs ?? this.#scheduler.nowMs - stoppedMs);
  }

  #late(when: string): void {
    this.#report(
      new InvariantViolation(
        'when faults stop, there is a leader, everybody agrees and clients are served',
        `${when}: ${this.#describe()}`,
      ),
    );
  }

  /** Whether a member leads in the newest configuration and may serve. */
  #isLed(): boolean {
    return this.#invariants.reference.config.nodes.some((nodeId) => {
      const { host, leases } = this.#machines.get(nodeId) ?? {};
      return (
        host?.status().leadership.role === 'leader' &&
        (this.#plan.leaseMs === 0 || leases?.valid().length === 1)
      );
    });
  }

  #isAtRest(servedBefore: number): boolean {
    if (this.#invariants.history.count <= servedBefore) return false;
    const { config, length } = this.#invariants.reference;
    const hosts = config.nodes.map((nodeId) => this.#machines.get(nodeId)?.host);
    const leaders = hosts.filter((host) => host?.status().leadership.role === 'leader');
    return leaders.length === 1 && hosts.every((host) => host?.log.decidedIdx === length);
  }

  #describe(): string {
    const lines = [...this.#machines.values()].map((machine) => {
      const status = machine.host?.status();
      if (status === undefined) return `node ${machine.nodeId} is down`;
      const { config, role, phase, decidedIdx, acceptedIdx } = status.node.core;
      return `node ${machine.nodeId} is ${role} in ${phase} of configuration ${config.configId} (${config.nodes}), decided ${decidedIdx}, accepted ${acceptedIdx}, oracle ${machine.oracle?.state().role}`;
    });
    return `${lines.join('; ')}; ${this.#invariants.reference.length} decided, ${this.#invariants.history.count} timestamps`;
  }

  #route(
    message: Message<HighWaterCommand, HighWaterSnapshot>,
    random: SeededRandom,
    lastArrivalMs: Map<string, number>,
  ): readonly number[] {
    const { loss, duplication, reordering, delayMs } = this.#plan;
    const baseMs = random.between(delayMs.min, this.#faulty ? delayMs.max : Math.min(delayMs.max, 10));
    if (!this.#faulty) return [baseMs];
    if (random.chance(loss)) {
      this.#counters.messagesLost += 1;
      return [];
    }
    const key = `${message.from}>${message.to}`;
    const { nowMs } = this.#scheduler;
    const inOrderMs = Math.max(baseMs, (lastArrivalMs.get(key) ?? 0) - nowMs);
    const overtakes = random.chance(reordering) && baseMs < inOrderMs;
    if (overtakes) this.#counters.messagesReordered += 1;
    const firstMs = overtakes ? baseMs : inOrderMs;
    lastArrivalMs.set(key, nowMs + firstMs);
    if (!random.chance(duplication)) return [firstMs];
    this.#counters.messagesDuplicated += 1;
    return [firstMs, random.between(0, 50 * delayMs.max)];
  }

  #onSend(message: Message<HighWaterCommand, HighWaterSnapshot>): void {
    this.#messages += 1;
    const machine = this.#machines.get(message.from);
    if (machine === undefined) return;
    const { from, to, body } = message;
    if (body.kind === 'heartbeatRequest' || body.kind === 'heartbeatReply')
      this.#trail.note(this.#scheduler.nowMs, from, to, body.kind);
    else this.#trace(from, `sends ${body.kind} to ${to}`);
    try {
      checkStableClaim(message, machine.model.durable);
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

/** Lets every promise reaction that is due run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
