import { type Epoch, toEpoch } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import { NODE_ID_MAX, type NodeId } from '../omnipaxos/index.js';
import { assertHighWaterField, assertProposalId, type ProposalId } from './high-water-command.js';

/**
 * The newest proposal of one data directory that has been folded: highest incarnation first, then highest
 * seq.
 */
export interface LedgerEntry extends ProposalId {
  /** The node that proposed it: the pid of the command's epoch, since only a leader proposes. */
  readonly nodeId: NodeId;
}

/**
 * The complete state after folding a prefix of the log. It is a function of that prefix alone: two replicas
 * that have folded the same prefix make equal snapshots, with equal bytes.
 */
export interface HighWaterSnapshot {
  /** The high-water in ms, within [0, 2^46 - 1]. */
  readonly value: number;
  /** The highest epoch folded; EPOCH_ZERO if no command was. */
  readonly epoch: Epoch;
  /** At most one entry for each directory, ascending by directoryId. */
  readonly ledger: readonly LedgerEntry[];
  /**
   * The members of the configuration in force, ascending; absent as long as no stop sign has been folded. The
   * fold of the next stop sign needs them, so that what it prunes does not depend on what a replica happens
   * to know otherwise.
   */
  readonly members?: readonly NodeId[];
}

/**
 * Checks a snapshot's rules: ranges, the ledger's order and uniqueness, the members' order and uniqueness.
 * @throws {InvalidInputError} naming the field.
 */
export function assertSnapshot(snapshot: HighWaterSnapshot): void {
  assertHighWaterField('snapshot.value', snapshot.value);
  toEpoch(snapshot.epoch);
  let previous = '';
  for (const [index, entry] of snapshot.ledger.entries()) {
    const field = `snapshot.ledger.${index}`;
    assertProposalId(field, entry);
    if (entry.directoryId <= previous) {
      throw new InvalidInputError(`${field}.directoryId`, entry.directoryId, `must be above '${previous}'`);
    }
    previous = entry.directoryId;
    // 0 is what a host gets that proposes at an epoch of its own making, which need not be the image of a
    // ballot.
    assertNodeId(`${field}.nodeId`, entry.nodeId, 0);
  }
  if (snapshot.members !== undefined) assertMembers('snapshot.members', snapshot.members);
}

function assertMembers(field: string, members: readonly NodeId[]): void {
  let previous = 0;
  for (const [index, member] of members.entries()) {
    assertNodeId(`${field}.${index}`, member, previous + 1);
    previous = member;
  }
}

function assertNodeId(field: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > NODE_ID_MAX) {
    throw new InvalidInputError(field, value, `must be a whole number within [${min}, ${NODE_ID_MAX}]`);
  }
}
