import { describe, expect, test } from 'vitest';
import { EPOCH_ZERO, toEpoch } from '../../src/consensus/index.js';
import { ApplyState, epochFromBallot, type HighWaterCommand } from '../../src/high-water/index.js';
import { NodeHighWaterHost, type ProposingNode } from '../../src/host/index.js';
import type { NodeLeadership } from '../../src/node/index.js';
import type { AppendOptions, AppendResult, Ballot, StopSign } from '../../src/omnipaxos/index.js';

const ballot: Ballot = { configId: 1, n: 4, priority: 2, pid: 1 };
const epoch = epochFromBallot(ballot);
const directoryId = '00000000000000aa';
const command: HighWaterCommand = {
  kind: 'advance',
  atLeast: 5,
  epoch,
  id: { directoryId, incarnation: 3, seq: 1 },
};

/** A node that answers as it is told. */
class FakeNode implements ProposingNode {
  readonly nodeId = 1;
  readonly directoryId = directoryId;
  readonly incarnation = 3;
  result: AppendResult = { ok: true, outcome: 'appended', idx: 0, ballot };
  state: NodeLeadership = { role: 'unknown' };
  readonly appended: [HighWaterCommand, AppendOptions][] = [];

  append(entry: HighWaterCommand, options: AppendOptions): AppendResult {
    this.appended.push([entry, options]);
    return this.result;
  }

  leadership(): NodeLeadership {
    return this.state;
  }
}

function setUp(): { node: FakeNode; host: NodeHighWaterHost; changes: () => number } {
  const node = new FakeNode();
  const host = new NodeHighWaterHost(node, new ApplyState());
  let changes = 0;
  host.events.on('change', () => {
    changes += 1;
  });
  return { node, host, changes: () => changes };
}

function stopSignTo(...nodes: number[]): StopSign {
  return { nextConfig: { configId: 2, nodes, leaseMs: 250, maxClockDrift: 0.01 } };
}

describe('node port: proposing', () => {
  test("command is appended at its epoch's very ballot, and never forwarded", () => {
    const { node, host } = setUp();
    expect(host.propose(command)).toEqual({ ok: true });
    expect(node.appended).toEqual([[command, { forward: false, ballot }]]);
    expect(host.identity).toEqual({ nodeId: 1, directoryId, incarnation: 3 });
  });

  // D09
  test.each<[string, AppendResult, string]>([
    ['does not lead in that ballot', { ok: false, reason: 'notLeader' }, 'not_leader'],
    ['takes no entry of that size', { ok: false, reason: 'entryTooLarge', bytes: 9, limit: 8 }, 'permanent'],
    ['has too many proposals', { ok: false, reason: 'bufferFull', limit: 8 }, 'transient'],
    ['has a stop sign accepted', { ok: false, reason: 'pendingReconfiguration' }, 'transient'],
    ['has stopped', { ok: false, reason: 'stopped' }, 'permanent'],
  ])('node %s', (_, result, reason) => {
    const { node, host } = setUp();
    node.result = result;
    expect(host.propose(command)).toMatchObject({ ok: false, reason });
  });

  test.each<AppendResult>([
    { ok: true, outcome: 'forwarded', to: 2 },
    { ok: true, outcome: 'buffered' },
  ])('node has $outcome what it must not, the proposal does not count', (result) => {
    const { node, host } = setUp();
    node.result = result;
    expect(host.propose(command)).toMatchObject({ ok: false, reason: 'transient' });
  });

  // D09
  test.each([
    ['a member of the next configuration', stopSignTo(1, 2), 'transient'],
    ['removed by it', stopSignTo(2, 3), 'permanent'],
  ])('stop sign is folded, this node is %s', (_, stopSign, reason) => {
    const { node, host } = setUp();
    node.result = { ok: false, reason: 'pendingReconfiguration' };
    host.fold({ kind: 'stopSign', idx: 0, stopSign });
    expect(host.propose(command)).toMatchObject({ ok: false, reason });
  });

  // D09
  test.each([
    ['a member again by then', [1, 4], 'transient'],
    ['removed by one that it covers', [2, 3], 'permanent'],
  ])('a snapshot from beyond later stop signs is folded, this node is %s', (_, members, reason) => {
    const { node, host } = setUp();
    const before = members.includes(1) ? stopSignTo(2, 3) : stopSignTo(1, 2);
    host.fold({ kind: 'stopSign', idx: 0, stopSign: before });
    const config = { ...stopSignTo(...members).nextConfig, configId: 3 };
    const value = { value: 0, epoch: EPOCH_ZERO, ledger: [] };
    host.fold({ kind: 'snapshot', snapshot: { value, compactedIdx: 5, config } });
    node.result = { ok: false, reason: 'pendingReconfiguration' };
    expect(host.propose(command)).toMatchObject({ ok: false, reason });
  });
});

describe('node port: leadership', () => {
  // D05, D07
  test("node leads, the epoch is the exact image of its ballot and the lease is the node's", () => {
    const { node, host } = setUp();
    let valid = true;
    node.state = { role: 'leader', ballot, lease: { isValid: () => valid } };
    const state = host.leadership();
    if (state.role !== 'leader') throw new Error(`expected a leader, not ${state.role}`);
    expect(state.epoch).toBe(toEpoch((1n << 96n) | (4n << 64n) | (2n << 48n) | 1n));
    expect(state.lease.isValid()).toBe(true);
    valid = false;
    expect(state.lease.isValid()).toBe(false);
  });

  test('node follows, epoch and endpoint are told, the endpoint only if it is known', () => {
    const { node, host } = setUp();
    node.state = { role: 'follower', ballot, endpoint: 'b:1' };
    expect(host.leadership()).toEqual({ role: 'follower', leader: { epoch, endpoint: 'b:1' } });
    node.state = { role: 'follower', ballot };
    expect(host.leadership()).toEqual({ role: 'follower', leader: { epoch } });
    node.state = { role: 'unknown' };
    expect(host.leadership()).toEqual({ role: 'unknown' });
  });

  // A09
  test('apply path has failed, nobody leads, the lease is void, proposals are refused for good', () => {
    const { node, host, changes } = setUp();
    node.state = { role: 'leader', ballot, lease: { isValid: () => true } };
    const state = host.leadership();
    const failure = new Error('fold failed');
    host.fail(failure);
    host.fail(new Error('another'));
    expect(changes()).toBe(1);
    expect(host.applyFailure()).toBe(failure);
    expect(host.leadership()).toEqual({ role: 'unknown' });
    expect(state.role === 'leader' && state.lease.isValid()).toBe(false);
    expect(host.propose(command)).toMatchObject({ ok: false, reason: 'permanent' });
    expect(node.appended).toEqual([]);
  });
});

describe('node port: folding', () => {
  test('entries, stop signs and snapshots, go to the apply state', () => {
    const { host } = setUp();
    host.fold({ kind: 'entry', idx: 0, entry: command });
    expect(host.applyState).toMatchObject({ highWater: 5, epoch });
    host.fold({ kind: 'stopSign', idx: 1, stopSign: stopSignTo(1, 2) });
    expect(host.applyState.snapshot().members).toEqual([1, 2]);
    const value = { ...host.applyState.snapshot(), value: 90 };
    const config = stopSignTo(1).nextConfig;
    host.fold({ kind: 'snapshot', snapshot: { value, compactedIdx: 9, config } });
    expect(host.applyState.highWater).toBe(90);
  });
});
