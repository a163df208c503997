import type { NodeId } from './ballot.js';

/** A leadership that is being handed over: nothing is proposed any more until the target takes over or the time is up. */
export interface HandOver {
  readonly target: NodeId;
  /** The target was asked to take over. */
  asked: boolean;
  ticksLeft: number;
}
