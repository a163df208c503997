import fc from 'fast-check';
import { type Epoch, PHYSICAL_MS_MAX, toEpoch } from '../../consensus/index.js';
import {
  epochFromBallot,
  type HighWaterCommand,
  type HighWaterSnapshot,
  type LedgerEntry,
  type ProposalId,
} from '../../high-water/index.js';
import { ballotArbitrary, nodeIdArbitrary } from './ballot-arbitrary.js';

/** Any epoch: mostly the images of ballots with small parts, so that equal and neighbouring ones occur. */
export function epochArbitrary(): fc.Arbitrary<Epoch> {
  return fc.oneof(
    { weight: 9, arbitrary: ballotArbitrary().map(epochFromBallot) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(toEpoch) },
  );
}

/** Any high-water in ms: small ones often, and both ends of the range. */
export function highWaterArbitrary(): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: 0, max: 20 }),
    fc.integer({ min: 0, max: PHYSICAL_MS_MAX }),
    fc.constantFrom(0, PHYSICAL_MS_MAX),
  );
}

/** Any data directory's id: one of three often. */
export function directoryIdArbitrary(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom('0000000000000001', '00000000000000aa', 'ffffffffffffffff'),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((id) => id.toString(16).padStart(16, '0')),
  );
}

/** Any proposal's id: small parts often, so that equal, older and newer ones of one directory occur. */
export function proposalIdArbitrary(): fc.Arbitrary<ProposalId> {
  const count = fc.oneof(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  );
  return fc.record({ directoryId: directoryIdArbitrary(), incarnation: count, seq: count });
}

/** Any command: mostly advances. */
export function highWaterCommandArbitrary(): fc.Arbitrary<HighWaterCommand> {
  const common = { epoch: epochArbitrary(), id: proposalIdArbitrary() };
  const advance = fc.record({
    kind: fc.constant('advance' as const),
    atLeast: highWaterArbitrary(),
    ...common,
  });
  const barrier = fc.record({ kind: fc.constant('barrier' as const), ...common });
  return fc.oneof<fc.WeightedArbitrary<HighWaterCommand>[]>(
    { weight: 3, arbitrary: advance },
    { weight: 1, arbitrary: barrier },
  );
}

/** Any snapshot that keeps its rules. */
export function highWaterSnapshotArbitrary(): fc.Arbitrary<HighWaterSnapshot> {
  const entry: fc.Arbitrary<LedgerEntry> = fc
    .record({ id: proposalIdArbitrary(), nodeId: nodeIdArbitrary() })
    .map(({ id, nodeId }) => ({ ...id, nodeId }));
  return fc.record(
    {
      value: highWaterArbitrary(),
      epoch: epochArbitrary(),
      ledger: fc
        .uniqueArray(entry, { selector: ({ directoryId }) => directoryId, maxLength: 8 })
        .map((entries) => entries.sort((a, b) => (a.directoryId < b.directoryId ? -1 : 1))),
      members: fc
        .uniqueArray(nodeIdArbitrary(), { minLength: 1, maxLength: 9 })
        .map((members) => members.sort((a, b) => a - b)),
    },
    { requiredKeys: ['value', 'epoch', 'ledger'] },
  );
}
