import fc from 'fast-check';
import {
  BALLOT_NUMBER_MAX,
  BALLOT_ZERO,
  type Ballot,
  NODE_ID_MAX,
  type NodeId,
  PRIORITY_MAX,
} from '../../omnipaxos/index.js';

/** Any node's number, small ones often, so that equal ones occur. */
export function nodeIdArbitrary(): fc.Arbitrary<NodeId> {
  return fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: NODE_ID_MAX }));
}

/** Any ballot, `BALLOT_ZERO` included; small parts often, so that equal and neighbouring ones occur. */
export function ballotArbitrary(): fc.Arbitrary<Ballot> {
  const part = (max: number): fc.Arbitrary<number> =>
    fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max }));
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant(BALLOT_ZERO) },
    {
      weight: 9,
      arbitrary: fc.record({
        configId: part(BALLOT_NUMBER_MAX),
        n: part(BALLOT_NUMBER_MAX),
        priority: part(PRIORITY_MAX),
        pid: part(NODE_ID_MAX),
      }),
    },
  );
}
