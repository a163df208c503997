import type { HostStatus } from '../../host/index.js';
import type { NodeId } from '../../omnipaxos/index.js';
import type { DirectoryLosses } from './directory-losses.js';
import { type FaultPlan, quorumsOf } from './fault-plan.js';
import type { Invariants } from './invariants.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedMachine } from './simulated-machine.js';
import { InvariantViolation } from './violation.js';

/** How long a heartbeat round of the nodes lasts, in ms. */
export const ELECTION_TIMEOUT_MS = 100;
/** How long it takes a node to say again what was lost, in election timeouts. */
const RESEND_TIMEOUTS = 5;
/**
 * Within how many election timeouts after the faults a leader must have been elected. Four are the aim, and
 * most worlds need fewer; but what was lost just before has to be said again first, and there may be up to
 * three such messages in a row: that a configuration is over, the state of the next one, and a Prepare.
 */
export const ELECTED_WITHIN_TIMEOUTS = 3 * RESEND_TIMEOUTS;
/**
 * Within how many election timeouts after that, and after its wait for older leases, it must serve: it loads
 * the high-water, and extends it, by one proposal each.
 */
export const SERVES_WITHIN_TIMEOUTS = 2 * RESEND_TIMEOUTS;
/** How long a world may take, in virtual ms, from the end of its faults to rest. */
export const REST_WITHIN_MS = 30_000;

/** How long it took from the end of the faults, in election timeouts. */
export interface Recovery {
  /** Until a leader was elected. */
  readonly electedAfterTimeouts: number;
  /** From there until it might serve, beyond the wait for older leases. */
  readonly servingAfterTimeouts: number;
}

export interface ComingToRestOptions {
  readonly scheduler: Scheduler;
  readonly plan: FaultPlan;
  readonly machines: ReadonlyMap<NodeId, SimulatedMachine>;
  readonly invariants: Invariants;
  readonly losses: DirectoryLosses;
  readonly report: (violation: InvariantViolation) => void;
}

/**
 * What is demanded of a world when its faults are over: soon a leader, then service, in the end agreement;
 * every call that waited has ended, and a directory that was lost is refused for good. Nobody has to do
 * anything for it, but to replace the node of such a directory by another one. Invariant 22.
 */
export class ComingToRest {
  readonly #options: ComingToRestOptions;
  /** When the faults were over: the last of them are processes that stand still and have begun to before. */
  readonly #sinceMs: number;
  readonly #servedBefore: number;
  /** Of each process that had calls open then: how many it had begun. */
  readonly #openCalls: ReadonlyMap<NodeId, { readonly life: number; readonly begun: number }>;
  #electedMs: number | undefined;
  #servingMs: number | undefined;
  #leaseWaitMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ComingToRestOptions) {
    this.#options = options;
    const machines = [...options.machines.values()];
    this.#sinceMs = options.scheduler.nowMs + Math.max(...machines.map(({ clock }) => clock.deafForMs));
    this.#servedBefore = options.invariants.history.count;
    this.#openCalls = new Map(
      machines.map(({ nodeId, life, callsBegun }) => [nodeId, { life, begun: callsBegun }]),
    );
  }

  /** As far as it is known. */
  get recovery(): Recovery {
    const electedMs = this.#electedMs ?? this.#passedMs;
    const servingMs = this.#servingMs ?? this.#passedMs;
    return {
      electedAfterTimeouts: electedMs / ELECTION_TIMEOUT_MS,
      servingAfterTimeouts: Math.max(0, servingMs - electedMs - this.#leaseWaitMs) / ELECTION_TIMEOUT_MS,
    };
  }

  /** To be called after each step. Reports what is late. @returns whether the world is at rest. */
  look(): boolean {
    for (const machine of this.#options.machines.values()) {
      // A disk that failed just before may still bring its node down.
      machine.boot();
    }
    const passedMs = this.#passedMs;
    this.#lookForLeader(passedMs);
    if (this.#isAtRest()) return true;
    if (passedMs > REST_WITHIN_MS) this.#late(`after ${REST_WITHIN_MS} ms`);
    this.#replaceVictim();
    return false;
  }

  get #passedMs(): number {
    return Math.max(0, this.#options.scheduler.nowMs - this.#sinceMs);
  }

  #lookForLeader(passedMs: number): void {
    if (this.#servingMs !== undefined) return;
    for (const [machine, { leadership, node }] of this.#members()) {
      const { phase, role } = node.core;
      if (role !== 'leader' || phase !== 'accept') continue;
      this.#electedMs ??= passedMs;
      this.#leaseWaitMs = Math.max(this.#leaseWaitMs, node.leaseWaitMs);
      const mayServe = this.#options.plan.leaseMs === 0 || machine.leases?.isAnyValid === true;
      if (leadership.role === 'leader' && mayServe) this.#servingMs = passedMs;
    }
    if (this.#electedMs === undefined) {
      if (passedMs > ELECTED_WITHIN_TIMEOUTS * ELECTION_TIMEOUT_MS)
        this.#late(`no leader after ${ELECTED_WITHIN_TIMEOUTS} election timeouts`);
      return;
    }
    const withinMs = SERVES_WITHIN_TIMEOUTS * ELECTION_TIMEOUT_MS;
    if (this.#servingMs === undefined && passedMs > this.#electedMs + this.#leaseWaitMs + withinMs)
      this.#late(
        `no leader serves ${SERVES_WITHIN_TIMEOUTS} election timeouts after its wait for older leases`,
      );
  }

  *#members(): Generator<readonly [SimulatedMachine, HostStatus]> {
    const { invariants, machines } = this.#options;
    for (const nodeId of invariants.reference.config.nodes) {
      const machine = machines.get(nodeId);
      const status = machine?.host?.status();
      if (machine !== undefined && status !== undefined) yield [machine, status];
    }
  }

  #isAtRest(): boolean {
    const { invariants, losses, machines } = this.#options;
    if (this.#servingMs === undefined || invariants.history.count <= this.#servedBefore) return false;
    const { config, length } = invariants.reference;
    if (losses.victim !== undefined) {
      const victim = machines.get(losses.victim);
      if (victim?.isSettled !== true || config.nodes.includes(losses.victim)) return false;
    }
    for (const machine of machines.values()) {
      const before = this.#openCalls.get(machine.nodeId);
      if (before?.life === machine.life && machine.hasCallsOf(before.begun)) return false;
    }
    const hosts = config.nodes.map((nodeId) => machines.get(nodeId)?.host);
    const leaders = hosts.filter((host) => host?.status().leadership.role === 'leader');
    return leaders.length === 1 && hosts.every((host) => host?.log.decidedIdx === length);
  }

  /** The one thing that somebody has to do: a node whose directory is lost is replaced by one that has another number. */
  #replaceVictim(): void {
    const { invariants, losses, machines, plan, scheduler } = this.#options;
    const { victim } = losses;
    const { nowMs } = scheduler;
    const { config } = invariants.reference;
    if (victim === undefined || !config.nodes.includes(victim) || nowMs < this.#askedMs + ELECTION_TIMEOUT_MS)
      return;
    this.#askedMs = nowMs;
    const staying = config.nodes.filter((nodeId) => nodeId !== victim);
    const spare = [...machines.keys()].find((nodeId) => nodeId !== victim && !staying.includes(nodeId));
    const nodes = spare === undefined ? staying : [...staying, spare];
    for (const [machine, { leadership }] of this.#members()) {
      if (leadership.role !== 'leader') continue;
      machine.host?.reconfigure({
        configId: config.configId + 1,
        nodes,
        ...quorumsOf(nodes.length, undefined),
        leaseMs: plan.leaseMs,
        maxClockDrift: config.maxClockDrift,
      });
    }
  }

  #late(when: string): void {
    this.#options.report(
      new InvariantViolation(
        'when faults stop, there is a leader, everybody agrees and clients are served',
        `${when}: ${this.#describe()}`,
      ),
    );
  }

  #describe(): string {
    const { invariants, machines } = this.#options;
    const lines = [...machines.values()].map((machine) => {
      const status = machine.host?.status();
      if (status === undefined) return `node ${machine.nodeId} is ${machine.isOut ? 'out for good' : 'down'}`;
      const { config, role, phase, decidedIdx, acceptedIdx } = status.node.core;
      return `node ${machine.nodeId} is ${role} in ${phase} of configuration ${config.configId} (${config.nodes}), decided ${decidedIdx}, accepted ${acceptedIdx}, oracle ${machine.oracle?.state().role}`;
    });
    return `${lines.join('; ')}; ${invariants.reference.length} decided, ${invariants.history.count} timestamps`;
  }
}
