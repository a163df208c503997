import { type Epoch, isHighWater, PHYSICAL_MS_MAX, toEpoch } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';

/** Tells one proposal from every other of all nodes and all their lives. */
export interface ProposalId {
  /** The proposer's data directory: 16 lower-case hexadecimal digits. */
  readonly directoryId: string;
  /** The proposer's life, within [1, 2^53 - 1]: raised durably at each start of its directory. */
  readonly incarnation: number;
  /** Counts the proposals of this life, within [1, 2^53 - 1]. */
  readonly seq: number;
}

/**
 * What the oracle writes into the replicated log. The epoch is that of the leader that proposed the command,
 * taken once when its call began.
 */
export type HighWaterCommand =
  /** Raise the high-water to at least `atLeast` ms, unless a higher epoch has been folded before. */
  | { readonly kind: 'advance'; readonly atLeast: number; readonly epoch: Epoch; readonly id: ProposalId }
  /** Changes nothing but the highest epoch folded: when it is folded, everything before it has been. */
  | { readonly kind: 'barrier'; readonly epoch: Epoch; readonly id: ProposalId };

/**
 * What the fold says of a command. `fenced`: an advance of a lower epoch than the highest one folded; it left
 * the high-water as it was. A barrier is always `applied`.
 */
export type FoldVerdict = 'applied' | 'fenced';

/**
 * Negative, zero or positive as `a` was proposed before, is, or was proposed after `b`, both of one
 * directory: by incarnation, then by seq.
 */
export function compareProposals(
  a: Pick<ProposalId, 'incarnation' | 'seq'>,
  b: Pick<ProposalId, 'incarnation' | 'seq'>,
): number {
  return a.incarnation - b.incarnation || a.seq - b.seq;
}

/**
 * Refuses a command that no node can have proposed. A value that could be decided but never served must not
 * get into a state.
 * @throws {InvalidInputError} naming the field.
 */
export function assertCommand(command: HighWaterCommand): void {
  const { kind } = command;
  if (kind !== 'advance' && kind !== 'barrier') {
    throw new InvalidInputError('command.kind', kind, "must be 'advance' or 'barrier'");
  }
  toEpoch(command.epoch);
  assertProposalId('command.id', command.id);
  if (kind === 'advance') assertHighWaterField('command.atLeast', command.atLeast);
}

/** @throws {InvalidInputError} unless the id is well-formed. `field` names it in the error. */
export function assertProposalId(field: string, { directoryId, incarnation, seq }: ProposalId): void {
  if (!/^[0-9a-f]{16}$/.test(directoryId)) {
    throw new InvalidInputError(
      `${field}.directoryId`,
      directoryId,
      'must be 16 lower-case hexadecimal digits',
    );
  }
  assertCount(`${field}.incarnation`, incarnation);
  assertCount(`${field}.seq`, seq);
}

/** @throws {InvalidInputError} unless `value` is a whole number of ms within [0, 2^46 - 1]. */
export function assertHighWaterField(field: string, value: number): void {
  if (!isHighWater(value)) {
    throw new InvalidInputError(field, value, `must be a whole number of ms within [0, ${PHYSICAL_MS_MAX}]`);
  }
}

function assertCount(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidInputError(
      field,
      value,
      `must be a whole number within [1, ${Number.MAX_SAFE_INTEGER}]`,
    );
  }
}
