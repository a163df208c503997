import type { NodeId } from '../../omnipaxos/index.js';
import { type Grant, OracleError, packTimestamp } from '../../oracle/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import type { TimestampHistory } from './checkers/timestamp-history.js';
import type { Windows } from './checkers/windows.js';
import type { FaultCounters } from './counters.js';
import type { ScheduledEvent, Scheduler } from './scheduler.js';
import type { SimulatedMachine } from './simulated-machine.js';
import { InvariantViolation } from './violation.js';

export interface SimulatedClientOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly machines: ReadonlyMap<NodeId, SimulatedMachine>;
  readonly history: TimestampHistory;
  readonly windows: Windows;
  readonly counters: FaultCounters;
  /** Of each answer: it is under way for seconds. */
  readonly slowReplies: number;
  /** How long it waits for an answer until it asks again, in ms. */
  readonly patienceMs: number;
  /** How often, in ms, and how much a client wants at the most. */
  readonly pauseMs: number;
  readonly maxCount: number;
  readonly report: (violation: InvariantViolation) => void;
}

/** How long an oracle is given, in ms, and how long a client waits at the most once the faults are over. */
const REQUEST_TIMEOUT_MS = 400;

/** A client in a closed loop: asks one node after the other, whoever it thinks leads first, and judges what it is given. */
export class SimulatedClient {
  readonly #options: SimulatedClientOptions;
  #target: NodeId | undefined;
  #attempt = 0;
  #timeout: ScheduledEvent | undefined;
  #patienceMs: number;
  #slowReplies: number;

  constructor(options: SimulatedClientOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs;
    this.#slowReplies = options.slowReplies;
  }

  /** Begins the loop. */
  start(): void {
    this.#pause(0);
  }

  /** The faults stop: no further answer is seconds late, and nodes that are gone cost no more than a short wait each. */
  calm(): void {
    this.#patienceMs = Math.min(this.#patienceMs, REQUEST_TIMEOUT_MS);
    this.#slowReplies = 0;
  }

  #pause(ms: number): void {
    this.#options.scheduler.after(ms, () => this.#call());
  }

  #call(): void {
    const { history, machines, maxCount, random, scheduler } = this.#options;
    // Now and then a client turns to any node, so that a deposed leader and its successor are asked in turns.
    if (random.chance(0.1)) this.#target = undefined;
    const machine = machines.get(this.#target ?? random.pick([...machines.keys()]));
    if (machine === undefined) throw new InvariantViolation('clients know the nodes', String(this.#target));
    this.#attempt += 1;
    const attempt = this.#attempt;
    const call = history.begin();
    const count = 1 + random.below(maxCount);
    const isOpen = (): boolean => this.#attempt === attempt;
    this.#timeout = scheduler.after(this.#patienceMs, () => isOpen() && this.#retry(undefined));
    this.#travel(() => {
      this.#serve(
        machine,
        count,
        (grant) => {
          if (!isOpen()) return;
          const first = packTimestamp(grant.physicalMs, grant.logicalStart);
          const from = `node ${machine.nodeId} in epoch ${grant.epoch.toString(16)}`;
          this.#guard(() => history.end(call, first, grant.count, from));
          this.#target = machine.nodeId;
          this.#timeout?.cancel();
          this.#attempt += 1;
          this.#pause(this.#options.random.between(0, this.#options.pauseMs));
        },
        (leader) => isOpen() && this.#retry(leader),
      );
    });
  }

  /** Runs on the node: a process that dies meanwhile answers nobody. */
  #serve(
    machine: SimulatedMachine,
    count: number,
    onGrant: (grant: Grant) => void,
    onError: (leader?: NodeId) => void,
  ): void {
    const { oracle, life } = machine;
    if (oracle === undefined) return;
    if (machine.clock.deafForMs > 0) {
      this.#options.scheduler.after(machine.clock.deafForMs, () => {
        if (machine.life === life) this.#serve(machine, count, onGrant, onError);
      });
      return;
    }
    machine.grant(count, REQUEST_TIMEOUT_MS)?.then(
      (grant) => {
        if (machine.life !== life || machine.oracle !== oracle) return;
        this.#guard(() => this.#options.windows.granted(grant.epoch, grant.physicalMs));
        this.#travelBack(() => onGrant(grant));
      },
      (error: unknown) => {
        if (!(error instanceof OracleError)) {
          this.#options.report(
            new InvariantViolation('an oracle rejects with its own errors', String(error)),
          );
        }
        const endpoint = error instanceof OracleError ? error.leader?.endpoint : undefined;
        const leader = endpoint === undefined ? undefined : Number(/^node-(\d+):/.exec(endpoint)?.[1]);
        if (machine.life === life) this.#travelBack(() => onError(leader));
      },
    );
  }

  #retry(leader: NodeId | undefined): void {
    this.#timeout?.cancel();
    this.#attempt += 1;
    this.#target = leader;
    this.#pause(this.#options.random.between(1, 30));
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.#options.report(error);
    }
  }

  /** Most answers come soon, some of them seconds later: a failover can be over by then. */
  #travelBack(arrive: () => void): void {
    const { counters, random, scheduler } = this.#options;
    if (!random.chance(this.#slowReplies)) {
      this.#travel(arrive);
      return;
    }
    counters.repliesDelayed += 1;
    scheduler.after(random.between(300, 5_000), arrive);
  }

  #travel(arrive: () => void): void {
    this.#options.scheduler.after(this.#options.random.between(0.1, 3), arrive);
  }
}
