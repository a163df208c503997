export type { AppliedEvent, ApplyStateEvents, ApplyStateOptions } from './apply-state.js';
export { ApplyState } from './apply-state.js';
export { ballotFromEpoch, epochFromBallot, pidOfEpoch } from './ballot-epoch.js';
export { highWaterCommandCodec, highWaterSnapshotCodec } from './high-water-codecs.js';
export type { FoldVerdict, HighWaterCommand, ProposalId } from './high-water-command.js';
export { assertCommand, compareProposals } from './high-water-command.js';
export type { HighWaterSnapshot, LedgerEntry } from './high-water-snapshot.js';
export { assertSnapshot } from './high-water-snapshot.js';
