import type { Epoch } from '../consensus/index.js';

/** Tells one proposal from every other of all nodes and all their lives. */
export interface ProposalId {
  /** The proposer's data directory: 16 lower-case hexadecimal digits. */
  readonly directoryId: string;
  /** The proposer's life: raised durably at each start of its directory. */
  readonly incarnation: number;
  /** Counts the proposals of this life, from 1. */
  readonly seq: number;
}

/**
 * What the oracle writes into the replicated log. The epoch is that of the leader that proposed the command, taken once when
 * its call began.
 */
export type HighWaterCommand =
  /** Raise the high-water to at least `atLeast` ms, unless a higher epoch has been folded before. */
  | { readonly kind: 'advance'; readonly atLeast: number; readonly epoch: Epoch; readonly id: ProposalId }
  /** Changes nothing but the highest epoch folded: when it is folded, everything before it has been. */
  | { readonly kind: 'barrier'; readonly epoch: Epoch; readonly id: ProposalId };

/** What the fold says of a command. `fenced`: an advance of a lower epoch than the highest one folded; it changed nothing. */
export type FoldVerdict = 'applied' | 'fenced';
