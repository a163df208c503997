import { EPOCH_ZERO, type Epoch, type LeaderState } from '../../../consensus/index.js';
import { InvariantViolation } from '../violation.js';

/** What one leadership stream tells: no state twice in a row, no epoch below an earlier one. Invariant 16. */
export class LeadershipOrder {
  readonly #nodeId: number;
  #last: string | undefined;
  #highest: Epoch = EPOCH_ZERO;

  constructor(nodeId: number) {
    this.#nodeId = nodeId;
  }

  /** @throws {InvariantViolation} if this state must not come after those before it. */
  told(state: LeaderState): void {
    const epoch = epochOf(state) ?? this.#highest;
    if (epoch < this.#highest) {
      throw new InvariantViolation(
        'epochs never fall for anybody who watches',
        `node ${this.#nodeId} was told ${epoch.toString(16)} after ${this.#highest.toString(16)}`,
      );
    }
    this.#highest = epoch;
    const text = `${state.role} ${epochOf(state)?.toString(16)} ${state.role === 'follower' ? state.leader.endpoint : ''}`;
    if (text === this.#last) {
      throw new InvariantViolation(
        'a leadership stream tells changes only',
        `node ${this.#nodeId} was told "${text}" twice in a row`,
      );
    }
    this.#last = text;
  }
}

function epochOf(state: LeaderState): Epoch | undefined {
  switch (state.role) {
    case 'leader':
      return state.epoch;
    case 'follower':
      return state.leader.epoch;
    case 'unknown':
      return undefined;
  }
}
