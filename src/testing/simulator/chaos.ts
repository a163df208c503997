import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import type { NodeId } from '../../omnipaxos/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import type { MemoryNetwork } from '../../transport/index.js';
import { CHAOS_ACTS } from './chaos-acts.js';
import type { FaultCounters } from './counters.js';
import type { DirectoryLosses } from './directory-losses.js';
import type { ChaosKind, FaultPlan } from './fault-plan.js';
import type { MessageRoutes } from './message-routes.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedMachine } from './simulated-machine.js';

export interface ChaosOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly plan: FaultPlan;
  readonly machines: ReadonlyMap<NodeId, SimulatedMachine>;
  readonly network: MemoryNetwork<HighWaterCommand, HighWaterSnapshot>;
  readonly routes: MessageRoutes;
  readonly losses: DirectoryLosses;
  readonly counters: FaultCounters;
  /** Kinds that are left out. */
  readonly withoutKinds: ReadonlySet<ChaosKind>;
  /** Numbers of acts that are left out. */
  readonly without: ReadonlySet<number>;
  readonly trace: (nodeId: NodeId, event: string) => void;
}

/** What one act of chaos works on. */
export interface ChaosStage extends ChaosOptions {
  /** A node and another one, or the same, drawn for this act. */
  readonly nodeId: NodeId;
  readonly peer: NodeId;
  readonly machine: SimulatedMachine;
  /** Whether the faults are over. */
  isOver(): boolean;
}

/**
 * Does to machines and links what the plan says, at random times, until it is stopped. Acts are numbered from 0; when each
 * comes and what it draws depends on nothing but the seed, so that any of them can be left out.
 */
export class Chaos {
  readonly #options: ChaosOptions;
  #stopped = false;
  #acts = 0;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  /** How many acts there were so far, those left out included. */
  get acts(): number {
    return this.#acts;
  }

  start(): void {
    if (Number.isFinite(this.#options.plan.chaosEveryMs)) this.#next();
  }

  /** No further chaos. Links are healed, machines boot; a frozen one goes on when its time is over. */
  stop(): void {
    this.#stopped = true;
    this.#options.network.heal();
    for (const machine of this.#options.machines.values()) {
      machine.disk.relieve();
      machine.boot();
    }
  }

  #next(): void {
    const { scheduler, random, plan } = this.#options;
    scheduler.after(random.between(0, 2 * plan.chaosEveryMs), () => {
      if (this.#stopped) return;
      const number = this.#acts++;
      const own = random.fork();
      if (!this.#options.without.has(number)) this.#act(number, own);
      this.#next();
    });
  }

  #act(number: number, random: SeededRandom): void {
    const { machines, trace, withoutKinds } = this.#options;
    const kind = this.#draw(random);
    const nodeId = random.pick([...machines.keys()]);
    const peer = random.pick([...machines.keys()]);
    const machine = machines.get(nodeId);
    if (machine === undefined || withoutKinds.has(kind)) return;
    trace(nodeId, `chaos ${number}: ${kind}`);
    for (const each of machines.values()) each.touch();
    CHAOS_ACTS[kind]({
      ...this.#options,
      random,
      nodeId,
      peer,
      machine,
      isOver: () => this.#stopped,
    });
  }

  #draw(random: SeededRandom): ChaosKind {
    // Object.entries forgets that the keys are ChaosKinds; the plan has no others.
    const weights = Object.entries(this.#options.plan.weights) as [ChaosKind, number][];
    let dice = random.nextFloat() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of weights) {
      dice -= weight;
      if (dice < 0) return kind;
    }
    return 'heal';
  }
}
