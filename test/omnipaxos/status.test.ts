import { describe, expect, test } from 'vitest';
import { CoreCluster } from './core-cluster.js';

const ROUND_TICKS = 5;

describe('status', () => {
  test('a leader with one follower cut off: role, ballot, indexes, who was heard, and how far each follower is', () => {
    const cluster = new CoreCluster(3);
    expect(cluster.electLeader()).toBe(3);
    const ballot = { configId: 1, n: 1, priority: 0, pid: 3 };
    cluster.isolate(1);
    cluster.core(3).append('a', { forward: false });
    cluster.settle();
    const leading = {
      nodeId: 3,
      config: cluster.config,
      isMember: true,
      takesPart: true,
      role: 'leader',
      phase: 'accept',
      leadership: { role: 'leader', ballot },
      handOverTarget: undefined,
      promise: ballot,
      acceptedRound: ballot,
      // Round 3 began in the step in which it came to lead.
      election: { currentBallot: ballot, leader: ballot, happy: true, round: 3, lastHeard: [1, 2] },
      compactedIdx: 0,
      decidedIdx: 1,
      acceptedIdx: 1,
      ownAcceptedIdx: 1,
      followers: [
        { nodeId: 1, standing: 'synced', acceptedIdx: 0, sentIdx: 1 },
        { nodeId: 2, standing: 'synced', acceptedIdx: 1, sentIdx: 1 },
      ],
      bufferedProposals: 0,
    };
    const before = cluster.core(3).status();
    expect(before).toEqual(leading);
    cluster.ticks(2 * ROUND_TICKS);
    expect(cluster.core(3).status()).toEqual({
      ...leading,
      election: { ...leading.election, round: 5, lastHeard: [2] },
    });
    cluster.core(3).snapshot(1, 'a');
    cluster.core(3).transferLeadership(2);
    expect(cluster.core(3).status()).toMatchObject({
      role: 'leader',
      phase: 'accept',
      leadership: { role: 'unknown' },
      handOverTarget: 2,
      compactedIdx: 1,
    });
    // What was handed out is a picture: it does not change with the node.
    expect(before).toMatchObject({
      compactedIdx: 0,
      handOverTarget: undefined,
      followers: leading.followers,
    });
  });

  test('a follower, and a node that nobody has prepared yet', () => {
    const cluster = new CoreCluster(3);
    const floor = { configId: 0, n: 0, priority: 0, pid: 0 };
    const first = { configId: 1, n: 1, priority: 0, pid: 1 };
    cluster.core(1).append('a', { forward: true });
    expect(cluster.core(1).status()).toEqual({
      nodeId: 1,
      config: cluster.config,
      isMember: true,
      takesPart: true,
      role: 'follower',
      phase: 'none',
      leadership: { role: 'unknown' },
      handOverTarget: undefined,
      promise: floor,
      acceptedRound: floor,
      election: { currentBallot: first, leader: first, happy: true, round: 1, lastHeard: [] },
      compactedIdx: 0,
      decidedIdx: 0,
      acceptedIdx: 0,
      ownAcceptedIdx: undefined,
      followers: [],
      bufferedProposals: 1,
    });
    expect(cluster.electLeader()).toBe(3);
    const ballot = { ...first, pid: 3 };
    cluster.ticks(ROUND_TICKS);
    expect(cluster.core(1).status()).toMatchObject({
      role: 'follower',
      phase: 'accept',
      leadership: { role: 'follower', ballot },
      promise: ballot,
      acceptedRound: ballot,
      election: { currentBallot: first, leader: ballot, happy: true },
      decidedIdx: 1,
      acceptedIdx: 1,
      ownAcceptedIdx: undefined,
      followers: [],
      bufferedProposals: 0,
    });
  });

  test('a leader in phase prepare: it leads nobody yet, and tells whose promise it awaits', () => {
    const cluster = new CoreCluster(3);
    cluster.filter = ({ body, from }) => body.kind !== 'promise' || from !== 1;
    cluster.node(3).slowDisk = true;
    cluster.ticks(2 * ROUND_TICKS);
    expect(cluster.core(3).status()).toMatchObject({
      role: 'leader',
      phase: 'prepare',
      leadership: { role: 'unknown' },
      ownAcceptedIdx: 0,
      followers: [
        { nodeId: 1, standing: 'unpromised', acceptedIdx: 0, sentIdx: 0 },
        { nodeId: 2, standing: 'unpromised', acceptedIdx: 0, sentIdx: 0 },
      ],
    });
  });
});
