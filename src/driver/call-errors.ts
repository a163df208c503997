import { ConsensusError, type Epoch, type LeaderState } from '../consensus/index.js';
import { unreachable } from '../errors/index.js';

export function notLeader(): ConsensusError {
  return new ConsensusError('not_leader', 'this node does not lead at that epoch');
}

export function fenced(epoch: Epoch, higher: Epoch): ConsensusError {
  return new ConsensusError('fenced', `epoch ${epoch} is over: epoch ${higher} is known`, { epoch: higher });
}

export function applyPathDead(cause: Error): ConsensusError {
  return new ConsensusError('permanent', `the host folds no more: ${cause.message}`, { cause });
}

export function closed(): ConsensusError {
  return new ConsensusError('closed', 'the driver has been closed');
}

/**
 * Why a call may not go on at `epoch`.
 * @param state the leadership in this very turn.
 * @param folded the highest epoch folded so far. One above `epoch` means that a later leader is at work,
 * whatever `state` says.
 * @returns undefined as long as this node leads at `epoch`; else `fenced` with the highest epoch known above
 * it, or `not_leader`.
 */
export function lossOfLeadership(
  state: LeaderState,
  folded: Epoch,
  epoch: Epoch,
): ConsensusError | undefined {
  const told = epochOfState(state) ?? folded;
  const highest = told < folded ? folded : told;
  if (highest > epoch) return fenced(epoch, highest);
  return state.role === 'leader' && state.epoch === epoch ? undefined : notLeader();
}

/** The epoch that a state names. */
export function epochOfState(state: LeaderState): Epoch | undefined {
  switch (state.role) {
    case 'leader':
      return state.epoch;
    case 'follower':
      return state.leader.epoch;
    case 'unknown':
      return undefined;
    default:
      return unreachable(state);
  }
}
