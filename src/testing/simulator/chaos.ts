import { unreachable } from '../../errors/index.js';
import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import type { StandaloneHost } from '../../host/index.js';
import type { NodeId } from '../../omnipaxos/index.js';
import type { MemoryNetwork } from '../../transport/index.js';
import type { SeededRandom } from '../seeded-random.js';
import type { ChaosKind, FaultPlan } from './fault-plan.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedMachine } from './simulated-machine.js';

/** What chaos has done so far. */
export interface ChaosCounters {
  crashes: number;
  restarts: number;
  partitions: number;
  freezes: number;
  wallSteps: number;
  /** Hand-overs of the leadership that a leader has begun. */
  handovers: number;
  takeovers: number;
}

export interface ChaosOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly plan: FaultPlan;
  readonly machines: ReadonlyMap<NodeId, SimulatedMachine>;
  readonly network: MemoryNetwork<HighWaterCommand, HighWaterSnapshot>;
  readonly trace: (nodeId: NodeId, event: string) => void;
}

/** Does to machines and links what the plan says, at random times, until it is stopped. */
export class Chaos {
  readonly counters: ChaosCounters = {
    crashes: 0,
    restarts: 0,
    partitions: 0,
    freezes: 0,
    wallSteps: 0,
    handovers: 0,
    takeovers: 0,
  };
  readonly #options: ChaosOptions;
  #stopped = false;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  start(): void {
    if (Number.isFinite(this.#options.plan.chaosEveryMs)) this.#next();
  }

  /** No further chaos. Links are healed, machines boot; a frozen one goes on when its time is over. */
  stop(): void {
    this.#stopped = true;
    this.#options.network.heal();
    for (const machine of this.#options.machines.values()) machine.boot();
  }

  #next(): void {
    const { scheduler, random, plan } = this.#options;
    scheduler.after(random.between(0, 2 * plan.chaosEveryMs), () => {
      if (this.#stopped) return;
      this.#act(this.#draw());
      this.#next();
    });
  }

  #draw(): ChaosKind {
    const { plan, random } = this.#options;
    // Object.entries forgets that the keys are ChaosKinds; the plan has no others.
    const weights = Object.entries(plan.weights) as [ChaosKind, number][];
    let dice = random.nextFloat() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of weights) {
      dice -= weight;
      if (dice < 0) return kind;
    }
    return 'heal';
  }

  #act(kind: ChaosKind): void {
    const { machines, network, random, trace } = this.#options;
    const nodeIds = [...machines.keys()];
    const nodeId = random.pick(nodeIds);
    const peer = random.pick(nodeIds);
    const machine = machines.get(nodeId);
    if (machine === undefined) return;
    if (kind !== 'restart') trace(nodeId, `chaos: ${kind}`);
    switch (kind) {
      case 'crash':
        this.#crash(machine);
        return;
      case 'crashAll':
        for (const each of machines.values()) this.#crash(each);
        return;
      case 'restart':
        for (const each of machines.values()) if (each.isDown && random.chance(0.7)) this.#restart(each);
        return;
      case 'isolate':
        this.counters.partitions += 1;
        network.isolate(nodeId, true);
        return;
      case 'cutOneWay':
        this.counters.partitions += 1;
        network.setLink(nodeId, peer, false);
        return;
      case 'cutLink':
        this.counters.partitions += 1;
        network.setLink(nodeId, peer, false);
        network.setLink(peer, nodeId, false);
        return;
      case 'star':
        this.#connectOnly(nodeIds.map((other) => [nodeId, other]));
        return;
      case 'chain':
        this.#connectOnly(nodeIds.slice(1).map((other, index) => [nodeIds[index] ?? other, other]));
        return;
      case 'heal':
        network.heal();
        return;
      case 'flap':
        if (nodeId !== peer) network.flap(nodeId, peer);
        return;
      case 'freeze':
        this.counters.freezes += 1;
        machine.clock.freeze(random.between(10, random.pick([100, 1_000, 5_000])));
        return;
      case 'stepWall':
        this.counters.wallSteps += 1;
        machine.clock.stepWall(Math.floor(random.between(-1, 1) * random.pick([10, 10_000, 86_400_000])));
        return;
      case 'reconfigure':
        this.#reconfigure();
        return;
      case 'handOver':
        if (this.#leader()?.transferLeadership(peer).ok === true) this.counters.handovers += 1;
        return;
      case 'takeOver':
        this.counters.takeovers += 1;
        machine.host?.tryBecomeLeader();
        return;
      case 'setPriority':
        machine.host?.setPriority(random.below(4));
        return;
      default:
        unreachable(kind);
    }
  }

  /** A host that takes itself for the leader: there may be several. */
  #leader(): StandaloneHost | undefined {
    const hosts = [...this.#options.machines.values()].flatMap(({ host }) => host ?? []);
    const leaders = hosts.filter((host) => host.status().leadership.role === 'leader');
    return leaders.length === 0 ? undefined : this.#options.random.pick(leaders);
  }

  /** A leader proposes to go on with some of the machines, and sometimes with another lease. */
  #reconfigure(): void {
    const { machines, plan, random } = this.#options;
    const leader = this.#leader();
    if (leader === undefined) return;
    const { config } = leader.status().node.core;
    const drawn = [...machines.keys()].filter(() => random.chance(0.6));
    leader.reconfigure({
      configId: config.configId + 1,
      nodes: drawn.length === 0 ? [random.pick([...machines.keys()])] : drawn,
      leaseMs: plan.leaseMs * random.pick([1, 1, 2, 4]),
      maxClockDrift: config.maxClockDrift,
    });
  }

  #crash(machine: SimulatedMachine): void {
    if (machine.isDown) return;
    this.counters.crashes += 1;
    machine.crash();
  }

  #restart(machine: SimulatedMachine): void {
    this.counters.restarts += 1;
    machine.boot();
  }

  #connectOnly(pairs: readonly (readonly [NodeId, NodeId])[]): void {
    const { machines, network } = this.#options;
    this.counters.partitions += 1;
    const isJoined = (a: NodeId, b: NodeId): boolean =>
      pairs.some(([left, right]) => (left === a && right === b) || (left === b && right === a));
    for (const a of machines.keys())
      for (const b of machines.keys()) if (a !== b) network.setLink(a, b, isJoined(a, b));
  }
}
