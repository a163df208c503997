import type { ClusterConfig, NodeId } from '../../omnipaxos/index.js';
import { Advances } from './checkers/advances.js';
import { requireOnWriteQuorum } from './checkers/disk-quorum.js';
import { LeaderLogs } from './checkers/leader-logs.js';
import { Leaderships } from './checkers/leaderships.js';
import { type HeldLeases, requireOneLease } from './checkers/leases.js';
import { Proposals } from './checkers/proposals.js';
import { ReferenceLog } from './checkers/reference-log.js';
import { TimestampHistory } from './checkers/timestamp-history.js';
import { Windows } from './checkers/windows.js';
import type { SimulatedMachine } from './simulated-machine.js';
import { InvariantViolation } from './violation.js';

/** What is checked of a whole world; what concerns one machine alone is checked by {@link SimulatedMachine.check}. */
export class Invariants {
  readonly proposals = new Proposals();
  readonly leaderships = new Leaderships();
  readonly history = new TimestampHistory();
  readonly windows = new Windows();
  readonly reference: ReferenceLog;
  readonly leaderLogs: LeaderLogs;
  readonly advances: Advances;
  readonly #machines: ReadonlyMap<NodeId, SimulatedMachine>;
  /** How many decided records were looked for on disks. */
  #lookedForIdx = 0;

  constructor(config: ClusterConfig, machines: ReadonlyMap<NodeId, SimulatedMachine>) {
    this.#machines = machines;
    this.reference = new ReferenceLog(config, this.proposals);
    this.leaderLogs = new LeaderLogs(this.reference);
    this.advances = new Advances(this.reference);
  }

  /** To be called after each step, when all that follows from it in the same turn has happened. @throws {InvariantViolation} */
  check(): void {
    let leaseIsValid = false;
    for (const machine of this.#machines.values())
      if (machine.check() && machine.leases?.isAnyValid === true) leaseIsValid = true;
    for (; this.#lookedForIdx < this.reference.length; this.#lookedForIdx++)
      this.#lookFor(this.#lookedForIdx);
    this.advances.check();
    // Without leases a deposed leader may take itself for one for a while. A lease becomes valid only by
    // something that happens to its machine; so there can be two only if a machine that something has
    // happened to has one.
    if (leaseIsValid && this.reference.config.leaseMs > 0) requireOneLease(this.#leases());
  }

  #lookFor(idx: number): void {
    const record = this.reference.entryAt(idx) ?? '';
    requireOnWriteQuorum(idx, record, this.reference.configAt(idx), (nodeId) => {
      const machine = this.#machines.get(nodeId);
      if (machine === undefined) {
        throw new InvariantViolation('members are machines of this world', `there is no node ${nodeId}`);
      }
      return machine.model.durable;
    });
  }

  *#leases(): Generator<readonly [NodeId, HeldLeases]> {
    for (const { nodeId, leases } of this.#machines.values())
      if (leases !== undefined) yield [nodeId, leases];
  }
}
