import { describe, expect, test } from 'vitest';
import { type GateFacts, type GateVerdict, judgeHello } from '../../src/node/index.js';
import { identitiesOf, memoryOf } from '../../src/node/peer-memory.js';
import { type ClusterConfig, hashClusterConfig, type NodeId } from '../../src/omnipaxos/index.js';
import type { PeerIdentity } from '../../src/storage/index.js';
import type { Hello, HelloMember } from '../../src/transport/index.js';
import { THREE } from './scripted-node.js';

function identity(nodeId: NodeId, incarnation = 1, changes: Partial<PeerIdentity> = {}): PeerIdentity {
  return {
    nodeId,
    directoryId: `d00000000000000${nodeId}`,
    incarnation,
    bootId: `b0000000000000${incarnation}${nodeId}`,
    ...changes,
  };
}

function facts(peers: readonly PeerIdentity[] = [], changes: Partial<GateFacts> = {}): GateFacts {
  const { directoryId } = identity(1);
  return {
    identity: {
      clusterId: 'test',
      nodeId: 1,
      directoryId,
      incarnation: 3,
      bootIds: [1, 2, 3].map((incarnation) => identity(1, incarnation).bootId),
    },
    config: THREE,
    configHash: hashClusterConfig(THREE),
    memory: memoryOf(peers),
    ...changes,
  };
}

function hello(
  self: PeerIdentity,
  members: readonly HelloMember[] = [],
  changes: Partial<Hello> = {},
): Hello {
  return {
    clusterId: 'test',
    configId: 1,
    configHash: hashClusterConfig(THREE),
    ...self,
    members: [self, ...members],
    ...changes,
  };
}

function reasonOf(verdict: GateVerdict): string {
  return verdict.kind === 'admit' ? 'admitted' : `${verdict.kind}: ${verdict.reason}`;
}

const OTHER: ClusterConfig = { ...THREE, leaseMs: 250 };

describe('identity gate: who may take part', () => {
  // T06, R13, P10, P13, S10
  const matrix: [string, Hello, GateFacts, string | RegExp][] = [
    ['an unknown member in its first life', hello(identity(2)), facts(), 'admitted'],
    ['a remembered one in the same life', hello(identity(2, 4)), facts([identity(2, 4)]), 'admitted'],
    ['a remembered one in a later life', hello(identity(2, 9)), facts([identity(2, 4)]), 'admitted'],
    ['another cluster', hello(identity(2), [], { clusterId: 'prod' }), facts(), /^refuse: .*cluster "prod"/],
    ['no member: it may be behind, or about to become one', hello(identity(4)), facts(), 'admitted'],
    [
      'no member, when 4,096 nodes are remembered',
      hello(identity(5_000)),
      facts(Array.from({ length: 4_096 }, (_, i) => identity(i + 2))),
      /^refuse: node 5000 is not a member of configuration 1, and 4096 nodes are remembered/,
    ],
    ['the own node id', hello(identity(1)), facts(), /^refuse: it claims to be node 1/],
    [
      'the same configuration with another lease',
      hello(identity(2), [], { configHash: hashClusterConfig(OTHER) }),
      facts(),
      /^refuse: its configuration 1 differs/,
    ],
    [
      'an earlier configuration',
      hello(identity(2), [], { configId: 1, configHash: hashClusterConfig(THREE) }),
      facts([], { config: { ...THREE, configId: 2 }, configHash: 12 }),
      'admitted',
    ],
    [
      'another directory than remembered',
      hello(identity(2, 9, { directoryId: 'd0000000000000ff' })),
      facts([identity(2, 4)]),
      /^refuse: .*remembered with data directory/,
    ],
    ['an earlier life', hello(identity(2, 3)), facts([identity(2, 4)]), /^refuse: .*rolled back/],
    [
      'the same life with another bootId',
      hello(identity(2, 4, { bootId: 'b0000000000000ff' })),
      facts([identity(2, 4)]),
      /^refuse: .*cloned or rolled back/,
    ],
    [
      'a later life that tells the remembered one as it was',
      hello(identity(2, 6), [identity(2, 5), identity(2, 4)]),
      facts([identity(2, 4)]),
      'admitted',
    ],
    [
      'a later life that tells another one in the place of the remembered one',
      hello(identity(2, 6), [identity(2, 5), identity(2, 4, { bootId: 'b0000000000000ff' })]),
      facts([identity(2, 4)]),
      /^refuse: .*incarnation 4 .*cloned or rolled back/,
    ],
    ['one that remembers a life of ours', hello(identity(2), [identity(1, 2)]), facts(), 'admitted'],
    [
      'one that remembers us with another directory',
      hello(identity(2), [identity(1, 1, { directoryId: 'd0000000000000ff' })]),
      facts(),
      /^refuseSelf: .*with data directory d0000000000000ff/,
    ],
    [
      'one that remembers a life of ours that is still to come',
      hello(identity(2), [identity(1, 4)]),
      facts(),
      /^refuseSelf: .*incarnation 4/,
    ],
    [
      'one that remembers a life of ours with another bootId',
      hello(identity(2), [identity(1, 2, { bootId: 'b0000000000000ff' })]),
      facts(),
      /^refuseSelf: .*incarnation 2/,
    ],
    [
      'one that knows two contradicting lives of ours',
      hello(identity(2), [identity(1, 3), identity(1, 3, { bootId: 'b0000000000000ff' })]),
      facts(),
      /^refuseSelf/,
    ],
    [
      'one that is itself refused, and remembers us wrongly: the safe side of both',
      hello(identity(2, 3), [identity(1, 4)]),
      facts([identity(2, 4)]),
      /^refuseSelf/,
    ],
    [
      'one of another cluster that remembers us wrongly: none of our business',
      hello(identity(2), [identity(1, 9)], { clusterId: 'prod' }),
      facts(),
      /^refuse: it belongs to cluster/,
    ],
    [
      'a copy of ourselves that remembers its own next life: it is found out by others, we are not hurt',
      hello(identity(1, 4)),
      facts(),
      /^refuse: it claims to be node 1/,
    ],
  ];
  for (const [situation, stated, known, outcome] of matrix) {
    test(`${situation}: ${String(outcome)}`, () => {
      const reason = reasonOf(judgeHello(stated, known));
      if (typeof outcome === 'string') expect(reason).toBe(outcome);
      else expect(reason).toMatch(outcome);
    });
  }
});

describe('identity gate: what is learned', () => {
  function learned(stated: Hello, known: GateFacts): readonly PeerIdentity[] {
    const verdict = judgeHello(stated, known);
    if (verdict.kind !== 'admit') throw new Error(verdict.reason);
    return identitiesOf(verdict.memory);
  }

  test('a new peer, and the members that it remembers, but no stranger and not ourselves', () => {
    const stated = hello(identity(2), [identity(3, 7), identity(4), identity(1, 1)]);
    expect(learned(stated, facts())).toEqual([identity(2), identity(3, 7)]);
  });

  test('the highest incarnation of a directory wins', () => {
    expect(learned(hello(identity(2, 5), [identity(3, 2)]), facts([identity(3, 7), identity(2, 4)]))).toEqual(
      [identity(3, 7), identity(2, 5)],
    );
    expect(learned(hello(identity(2), [identity(3, 9)]), facts([identity(3, 7)]))).toContainEqual(
      identity(3, 9),
    );
  });

  test('nothing is new: the very same memory, so that nothing needs to be written', () => {
    const known = facts([identity(2), identity(3, 7)]);
    const verdict = judgeHello(hello(identity(2), [identity(3, 5)]), known);
    expect(verdict.kind === 'admit' && verdict.memory === known.memory).toBe(true);
  });

  // R15
  for (const [situation, seenElsewhere] of [
    [
      'a wiped node, met by one that never saw it before',
      identity(3, 9, { directoryId: 'd0000000000000ff' }),
    ],
    ['a clone that met another peer in the same life', identity(3, 7, { bootId: 'b0000000000000ff' })],
  ] as const) {
    test(`${situation}: both memories are kept, and neither directory passes any more, in any later life`, () => {
      const known = facts([identity(3, 7)]);
      const verdict = judgeHello(hello(identity(2), [seenElsewhere]), known);
      if (verdict.kind !== 'admit') throw new Error(verdict.reason);
      expect(identitiesOf(verdict.memory)).toEqual([identity(3, 7), seenElsewhere, identity(2)]);
      const after = { ...known, memory: memoryOf(identitiesOf(verdict.memory)) };
      for (const incarnation of [7, 8, 12]) {
        for (const { directoryId, bootId } of [identity(3, incarnation), seenElsewhere]) {
          const later = hello(identity(3, incarnation, { directoryId, bootId }));
          expect(reasonOf(judgeHello(later, after))).toMatch(/^refuse: .*two contradicting identities/);
        }
      }
      // A third story adds nothing.
      const third = hello(identity(2), [identity(3, 20)]);
      expect(judgeHello(third, after)).toMatchObject({ kind: 'admit' });
      expect(learned(third, after)).toEqual(identitiesOf(after.memory));
    });
  }
});
