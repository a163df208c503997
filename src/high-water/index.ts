export type { FoldVerdict, HighWaterCommand, ProposalId } from './high-water-command.js';
