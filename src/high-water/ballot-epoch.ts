import { type Epoch, toEpoch } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import {
  BALLOT_NUMBER_MAX,
  type Ballot,
  NODE_ID_MAX,
  type NodeId,
  PRIORITY_MAX,
} from '../omnipaxos/index.js';

/**
 * The image of a ballot as an epoch: `configId << 96 | n << 64 | priority << 48 | pid`. Exact and
 * order-preserving: two ballots have the same epoch only if they are equal, and epochs order as
 * `compareBallots` orders their ballots. The priority must be part of it: it decides between ballots of equal
 * n, so an epoch without it could fall while the ballot rises.
 *
 * @throws {InvalidInputError} naming the field, if one is not a whole number that fits (u32, u32, u16, u48).
 */
export function epochFromBallot(ballot: Ballot): Epoch {
  checkField('configId', ballot.configId, BALLOT_NUMBER_MAX);
  checkField('n', ballot.n, BALLOT_NUMBER_MAX);
  checkField('priority', ballot.priority, PRIORITY_MAX);
  checkField('pid', ballot.pid, NODE_ID_MAX);
  return toEpoch(
    (BigInt(ballot.configId) << 96n) |
      (BigInt(ballot.n) << 64n) |
      (BigInt(ballot.priority) << 48n) |
      BigInt(ballot.pid),
  );
}

/** The ballot whose image is `epoch`: the inverse of {@link epochFromBallot}, defined for every epoch. */
export function ballotFromEpoch(epoch: Epoch): Ballot {
  return {
    configId: Number(epoch >> 96n),
    n: Number((epoch >> 64n) & 0xffff_ffffn),
    priority: Number((epoch >> 48n) & 0xffffn),
    pid: pidOfEpoch(epoch),
  };
}

/** The node that leads at `epoch`: the pid of its ballot. */
export function pidOfEpoch(epoch: Epoch): NodeId {
  return Number(epoch & 0xffff_ffff_ffffn);
}

function checkField(field: keyof Ballot, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new InvalidInputError(`ballot.${field}`, value, `must be a whole number within [0, ${max}]`);
  }
}
