import fc from 'fast-check';
import {
  BALLOT_NUMBER_MAX,
  type ClusterConfig,
  type FlexibleQuorum,
  type PreviousLease,
} from '../../omnipaxos/index.js';
import { nodeIdArbitrary } from './ballot-arbitrary.js';

/** Any valid config of one to nine nodes, with and without a flexible quorum and leases of the configuration before. */
export function clusterConfigArbitrary(): fc.Arbitrary<ClusterConfig> {
  return fc.uniqueArray(nodeIdArbitrary(), { minLength: 1, maxLength: 9 }).chain((nodes) =>
    fc
      .record({
        configId: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: BALLOT_NUMBER_MAX })),
        flexibleQuorum: fc.option(flexibleQuorumArbitrary(nodes.length), { nil: undefined }),
        lease: leaseArbitrary(),
        previousLease: fc.option(leaseArbitrary(), { nil: undefined }),
      })
      .map(({ configId, flexibleQuorum, lease, previousLease }) => ({
        configId,
        nodes,
        ...(flexibleQuorum === undefined ? {} : { flexibleQuorum }),
        ...lease,
        ...(previousLease === undefined ? {} : { previousLease }),
      })),
  );
}

function leaseArbitrary(): fc.Arbitrary<PreviousLease> {
  return fc.record({
    leaseMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 3_600_000 })),
    maxClockDrift: fc.double({ min: 0, max: 1, noNaN: true }),
  });
}

/** A quorum that keeps its rules, for so many nodes; undefined if there is none (fewer than two nodes). */
function flexibleQuorumArbitrary(nodeCount: number): fc.Arbitrary<FlexibleQuorum | undefined> {
  const quorums: FlexibleQuorum[] = [];
  for (let read = 2; read <= nodeCount; read++) {
    for (let write = 2; write <= read; write++) {
      if (read + write > nodeCount) quorums.push({ readQuorumSize: read, writeQuorumSize: write });
    }
  }
  return quorums.length === 0 ? fc.constant(undefined) : fc.constantFrom(...quorums);
}
