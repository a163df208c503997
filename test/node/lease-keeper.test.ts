import { describe, expect, test } from 'vitest';
import type { NodeLeadership } from '../../src/node/index.js';
import type { ClusterConfig } from '../../src/omnipaxos/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ballot, ScriptedNode, THREE } from './scripted-node.js';

const LEASED: ClusterConfig = { ...THREE, leaseMs: 250 };

function isValid(leadership: NodeLeadership): boolean {
  return leadership.role === 'leader' && leadership.lease.isValid();
}

/** Peer 2 answers the last heartbeat round, under this ballot. */
function answer(scripted: ScriptedNode, promise = ballot(1, 1)): void {
  scripted.transport.deliver(2, {
    kind: 'heartbeatReply',
    round: scripted.transport.bodies('heartbeatRequest').at(-1)?.round ?? 0,
    incarnation: 1,
    peerIncarnation: 1,
    ballot: ballot(1, 2),
    leader: promise,
    happy: true,
    promise,
    acceptedIdx: 0,
    decidedIdx: 0,
  });
}

describe('lease of a node that leads', () => {
  test('a new leader whose peer knows nothing: not reported before the wait is over, then told by an event', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    const told: string[] = [];
    scripted.node.events.on('leadership', ({ role }) => {
      told.push(`${role} after ${scripted.clock.monotonicMs() - electedMs} ms`);
    });
    await scripted.lead();
    const electedMs = scripted.clock.monotonicMs();
    expect(scripted.node.status().core.leadership.role).toBe('leader');
    expect(scripted.node.leadership()).toEqual({ role: 'unknown' });
    expect(scripted.node.status()).toMatchObject({ role: 'unknown', leaseWaitMs: 252.5 });
    // It leads all the same: what others propose is decided meanwhile.
    expect(scripted.node.append('x', { forward: true })).toMatchObject({ outcome: 'appended' });
    await scripted.clock.advanceAsync(252);
    expect(told).toEqual([]);
    await scripted.clock.advanceAsync(1);
    expect(told).toEqual(['leader after 252.5 ms']);
    expect(scripted.node.status()).toMatchObject({ role: 'leader', leaseWaitMs: 0 });
  });

  test('it is reported, and its heartbeats are not answered: the role stays, the lease is not valid; answered: valid; again not: lapsed', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    await scripted.lead();
    await scripted.clock.advanceAsync(260);
    const leadership = scripted.node.leadership();
    expect([leadership.role, isValid(leadership)]).toEqual(['leader', false]);
    // The round that is open left a while ago.
    const asked = scripted.transport.bodies('heartbeatRequest').length;
    while (scripted.transport.bodies('heartbeatRequest').length === asked)
      await scripted.clock.advanceAsync(1);
    answer(scripted);
    await settleMicrotasks();
    expect(isValid(leadership)).toBe(true);
    await scripted.clock.advanceAsync(248);
    expect(isValid(leadership)).toBe(true);
    await scripted.clock.advanceAsync(2);
    expect([scripted.node.leadership().role, isValid(leadership)]).toEqual(['leader', false]);
  });

  // O01
  test('an answer comes late: the lease counts from when its round left', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    await scripted.lead();
    await scripted.clock.advanceAsync(260);
    const leadership = scripted.node.leadership();
    const asked = scripted.transport.bodies('heartbeatRequest').length;
    while (scripted.transport.bodies('heartbeatRequest').length === asked)
      await scripted.clock.advanceAsync(1);
    await scripted.clock.advanceAsync(60);
    answer(scripted);
    await settleMicrotasks();
    expect(isValid(leadership)).toBe(true);
    await scripted.clock.advanceAsync(188);
    expect(isValid(leadership)).toBe(true);
    await scripted.clock.advanceAsync(2);
    expect(isValid(leadership)).toBe(false);
  });

  // R19
  test('time passes between two questions of one turn: the clocks are read anew for each', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    await scripted.lead();
    await scripted.clock.advanceAsync(260);
    answer(scripted);
    await settleMicrotasks();
    const leadership = scripted.node.leadership();
    expect(isValid(leadership)).toBe(true);
    // O03: the machine slept.
    scripted.clock.stepWall(1_000);
    expect(isValid(leadership)).toBe(false);
    scripted.clock.stepWall(-1_000);
    expect(isValid(leadership)).toBe(true);
  });

  test('leadership is lost during the wait: it is never reported, and the wait leaves no timer', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    const told: string[] = [];
    scripted.node.events.on('leadership', ({ role }) => void told.push(role));
    await scripted.lead();
    const n = ballot(7, 3);
    scripted.transport.deliver(3, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
    await scripted.clock.advanceAsync(1_000);
    expect(told).toEqual([]);
    scripted.storage.completeAll();
    await scripted.node.stop();
    expect(scripted.clock.armedTimers).toBe(0);
  });

  test('stopped during the wait: no timer is left', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    await scripted.lead();
    await scripted.node.stop();
    expect(scripted.clock.armedTimers).toBe(0);
  });

  test('leases are off: a leader is reported at once, and its lease is valid as long as it leads', async () => {
    const scripted = await ScriptedNode.running({ config: { ...THREE, leaseMs: 0 } });
    await scripted.lead();
    const leadership = scripted.node.leadership();
    expect([leadership.role, isValid(leadership)]).toEqual(['leader', true]);
    scripted.clock.stepWall(1_000_000);
    expect(isValid(leadership)).toBe(true);
  });
});

describe('lease of a cluster of one', () => {
  async function alone(config: Partial<ClusterConfig>): Promise<ScriptedNode> {
    const storage = { config: { ...LEASED, nodes: [1], ...config }, auto: true };
    const scripted = await ScriptedNode.running(storage);
    await scripted.clock.advanceAsync(105);
    expect(scripted.node.status().core.leadership.role).toBe('leader');
    return scripted;
  }

  test('the same single node since the beginning: no wait, and a lease that needs nobody', async () => {
    const scripted = await alone({});
    expect(isValid(scripted.node.leadership())).toBe(true);
  });

  // R11
  test('a single node of a later configuration: somebody else may have led before, it waits', async () => {
    const scripted = await alone({ configId: 2 });
    expect(scripted.node.leadership()).toEqual({ role: 'unknown' });
    await scripted.clock.advanceAsync(260);
    expect(isValid(scripted.node.leadership())).toBe(true);
  });
});

describe('lease, as a follower', () => {
  test('a Promise states, when it leaves, how long ago the last answer to the older leader was', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    await scripted.follow();
    await scripted.clock.advanceAsync(1_000);
    scripted.transport.deliver(2, { kind: 'heartbeatRequest', round: 9, incarnation: 1, peerIncarnation: 1 });
    await scripted.clock.advanceAsync(30);
    // Another peer asks: that renews nobody's lease.
    scripted.transport.deliver(3, { kind: 'heartbeatRequest', round: 9, incarnation: 1, peerIncarnation: 1 });
    await scripted.clock.advanceAsync(30);
    const n = ballot(7, 3);
    scripted.transport.deliver(3, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
    await scripted.clock.advanceAsync(40);
    scripted.storage.complete();
    await settleMicrotasks();
    expect(scripted.transport.bodies('promise').at(-1)).toMatchObject({ n, msSinceLowerBallotReply: 100 });
    // Answers under the new promise count for the new leader; a repeated Promise tells of the older one only.
    scripted.transport.deliver(3, {
      kind: 'heartbeatRequest',
      round: 10,
      incarnation: 1,
      peerIncarnation: 1,
    });
    await scripted.clock.advanceAsync(400);
    const promises = scripted.transport.bodies('promise');
    expect(promises.length).toBeGreaterThanOrEqual(3);
    expect(promises.at(-1)?.msSinceLowerBallotReply).toBeGreaterThan(400);
  });

  test('a node that has just started: its earlier life may have answered up to its end', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    await scripted.clock.advanceAsync(40);
    await scripted.follow();
    expect(scripted.transport.bodies('promise').at(-1)?.msSinceLowerBallotReply).toBe(40);
  });

  test('the message that the core made is not changed: a copy is stamped', async () => {
    const scripted = await ScriptedNode.running({ config: LEASED });
    await scripted.clock.advanceAsync(40);
    await scripted.follow();
    const n = ballot(7, 3);
    scripted.transport.deliver(3, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
    scripted.storage.completeAll();
    await settleMicrotasks();
    await scripted.clock.advanceAsync(1_200);
    const stamps = scripted.transport
      .bodies('promise')
      .filter((body) => body.n.pid === 3)
      .map((body) => body.msSinceLowerBallotReply);
    expect(new Set(stamps).size).toBe(stamps.length);
    expect(stamps.length).toBeGreaterThanOrEqual(2);
  });
});
