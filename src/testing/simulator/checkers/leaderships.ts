import type { Epoch } from '../../../consensus/index.js';
import type { Ballot, NodeId } from '../../../omnipaxos/index.js';
import { InvariantViolation } from '../violation.js';
import { ballotText } from './ballot-order.js';

/** Who leads at an epoch, and under which ballot. */
interface Leadership {
  readonly ballot: Ballot;
  readonly nodeId: NodeId;
  readonly life: number;
}

/**
 * One leader per ballot, no ballot led in two lives, and each epoch the exact, order-preserving image of one
 * ballot. Invariants 6 and 16.
 */
export class Leaderships {
  readonly #leaders = new Map<Epoch, Leadership>();

  /** How many leaderships were seen. */
  get count(): number {
    return this.#leaders.size;
  }

  /** @throws {InvariantViolation} if another node, or another life of this one, has led at this epoch, or it is that of another ballot. */
  see(epoch: Epoch, ballot: Ballot, nodeId: NodeId, life: number): void {
    const known = this.#leaders.get(epoch);
    if (known === undefined) {
      this.#first(epoch, { ballot, nodeId, life });
      return;
    }
    const isSameBallot = ballot === known.ballot || ballotText(ballot) === ballotText(known.ballot);
    if (!isSameBallot) this.#notItsEpoch(epoch, ballot);
    if (nodeId === known.nodeId && life === known.life) return;
    throw new InvariantViolation(
      'a ballot is led by one node, in one of its lives',
      `life ${life} of node ${nodeId} leads at epoch ${epoch.toString(16)}, where life ${known.life} of node ${known.nodeId} has led`,
    );
  }

  #first(epoch: Epoch, leadership: Leadership): void {
    const { configId, n, priority, pid } = leadership.ballot;
    const image = (BigInt(configId) << 96n) | (BigInt(n) << 64n) | (BigInt(priority) << 48n) | BigInt(pid);
    if (epoch !== image) this.#notItsEpoch(epoch, leadership.ballot);
    this.#leaders.set(epoch, leadership);
  }

  #notItsEpoch(epoch: Epoch, ballot: Ballot): never {
    throw new InvariantViolation(
      'an epoch stands for one ballot, and epochs order as ballots do',
      `the ballot ${ballotText(ballot)} is told as epoch ${epoch.toString(16)}`,
    );
  }
}
