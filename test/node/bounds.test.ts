import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors/index.js';
import type { PaxosNodeOptions } from '../../src/node/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ballot, ScriptedNode, THREE } from './scripted-node.js';

function heartbeat(scripted: ScriptedNode, round: number): void {
  scripted.transport.deliver(2, { kind: 'heartbeatRequest', round, incarnation: 1, peerIncarnation: 1 });
}

describe('bounds', () => {
  test('a flood of messages: so many are handled in a turn, the rest in later ones, in order', async () => {
    const turns: (() => void)[] = [];
    const nextTurn = (callback: () => void): void => void turns.push(callback);
    const scripted = await ScriptedNode.running({}, { inboundPerTurn: 4, nextTurn });
    for (let round = 1; round <= 10; round++) heartbeat(scripted, round);
    const answered = (): number[] => scripted.transport.bodies('heartbeatReply').map((reply) => reply.round);
    await settleMicrotasks();
    expect(answered()).toEqual([1, 2, 3, 4]);
    for (const expected of [8, 10]) {
      expect(turns).toHaveLength(1);
      turns.pop()?.();
      await settleMicrotasks();
      expect(answered()).toEqual(Array.from({ length: expected }, (_, at) => at + 1));
    }
    expect(turns).toEqual([]);
  });

  test('more messages wait than may: the newest are dropped and counted; a new connection is never forgotten', async () => {
    const turns: (() => void)[] = [];
    const nextTurn = (callback: () => void): void => void turns.push(callback);
    const options = { inboundPerTurn: 2, inboundQueueLimit: 5, nextTurn };
    const scripted = await ScriptedNode.running({}, options);
    await scripted.follow();
    for (let round = 1; round <= 9; round++) heartbeat(scripted, round);
    scripted.transport.handlers.onConnected(scripted.transport.hello(2));
    await settleMicrotasks();
    while (turns.length > 0) {
      turns.pop()?.();
      await settleMicrotasks();
    }
    expect(scripted.transport.bodies('heartbeatReply')).toHaveLength(5);
    expect(scripted.node.status().counters.inboundDropped).toBe(4);
    expect(scripted.node.status().core.phase).toBe('recover');
  });

  test('a flood waits when the node stops: none of it is handled', async () => {
    const turns: (() => void)[] = [];
    const nextTurn = (callback: () => void): void => void turns.push(callback);
    const scripted = await ScriptedNode.running({}, { inboundPerTurn: 2, nextTurn });
    for (let round = 1; round <= 9; round++) heartbeat(scripted, round);
    await settleMicrotasks();
    await scripted.node.stop();
    for (const turn of turns) turn();
    await settleMicrotasks();
    expect(scripted.transport.bodies('heartbeatReply')).toHaveLength(2);
  });

  test('a leader whose disk does not keep up: proposals are refused at the limit, and taken again after it', async () => {
    const scripted = await ScriptedNode.running({}, { unsyncedRecordLimit: 3 });
    await scripted.lead();
    scripted.node.append('under way', { forward: false });
    await settleMicrotasks();
    for (const entry of ['a', 'b', 'c']) {
      expect(scripted.node.append(entry, { forward: false })).toMatchObject({ ok: true });
      await settleMicrotasks();
    }
    expect(scripted.node.status()).toMatchObject({ gatheredWrites: 3 });
    expect(scripted.node.append('d', { forward: false })).toEqual({
      ok: false,
      reason: 'bufferFull',
      limit: 3,
    });
    scripted.storage.complete();
    await settleMicrotasks();
    expect(scripted.node.append('d', { forward: false })).toMatchObject({ ok: true, idx: 4 });
    expect(scripted.node.status().counters.overloadRefusals).toBe(1);
  });

  test('an entry that takes more bytes than one may: refused with both numbers, and nothing is proposed', async () => {
    const scripted = await ScriptedNode.running(
      {},
      { maxEntryBytes: 1_024, entryBytes: (entry) => entry.length },
    );
    await scripted.lead();
    const { acceptedIdx } = scripted.node.status().core;
    for (const forward of [false, true]) {
      expect(scripted.node.append('x'.repeat(1_025), { forward })).toEqual({
        ok: false,
        reason: 'entryTooLarge',
        bytes: 1_025,
        limit: 1_024,
      });
    }
    expect(scripted.node.status().core).toMatchObject({ acceptedIdx, bufferedProposals: 0 });
    expect(scripted.node.append('x'.repeat(1_024), { forward: false })).toMatchObject({ ok: true });
  });

  test('an entry that cannot be measured: its caller is told, and the node goes on', async () => {
    const refuse = (): number => {
      throw new TypeError('no such entry');
    };
    const scripted = await ScriptedNode.running({}, { entryBytes: refuse });
    await scripted.lead();
    const { acceptedIdx } = scripted.node.status().core;
    expect(() => scripted.node.append('a', { forward: false })).toThrow('no such entry');
    expect(scripted.node.status().core.acceptedIdx).toBe(acceptedIdx);
    expect(scripted.node.leadership()).toMatchObject({ role: 'leader' });
  });

  test('a follower whose disk does not keep up: messages with records are dropped at the limit, heartbeats are answered, and it catches up', async () => {
    const scripted = await ScriptedNode.running({}, { unsyncedRecordLimit: 2 });
    await scripted.follow();
    for (let counter = 1; counter <= 4; counter++) {
      scripted.acceptDecide(counter, [`entry ${counter}`]);
      await settleMicrotasks();
    }
    heartbeat(scripted, 1);
    await settleMicrotasks();
    expect(scripted.node.status().core.acceptedIdx).toBe(3);
    expect(scripted.node.status().counters.overloadRefusals).toBe(1);
    expect(scripted.transport.bodies('heartbeatReply')).toHaveLength(1);
    scripted.storage.completeAll();
    await settleMicrotasks();
    // The next one shows the gap.
    scripted.acceptDecide(5, ['entry 5']);
    await settleMicrotasks();
    expect(scripted.node.status().core.phase).toBe('recover');
  });

  test('more messages wait for the disk than may: dropped and counted, and made good by repetition', async () => {
    const scripted = await ScriptedNode.running({}, { heldMessageLimit: 1 });
    await scripted.follow();
    for (let counter = 1; counter <= 3; counter++) {
      scripted.acceptDecide(counter, [`entry ${counter}`]);
      await settleMicrotasks();
    }
    expect(scripted.node.status()).toMatchObject({ heldMessages: 1, counters: { heldMessagesDropped: 2 } });
    scripted.storage.completeAll();
    await settleMicrotasks();
    expect(scripted.transport.bodies('accepted').at(-1)?.acceptedIdx).toBe(1);
    await scripted.clock.advanceAsync(505);
    expect(scripted.transport.bodies('accepted').at(-1)?.acceptedIdx).toBe(3);
  });
});

describe('options', () => {
  type Options = Partial<PaxosNodeOptions<string, number>>;
  const refused: [string, Options, string][] = [
    ['a tick of no time', { tickMs: 0 }, 'node options.tickMs'],
    ['a tick that is no number', { tickMs: Number.NaN }, 'node options.tickMs'],
    ['a fraction of ticks', { electionTickTimeout: 2.5 }, 'node options.electionTickTimeout'],
    ['no resend period', { resendMessageTickTimeout: 0 }, 'node options.resendMessageTickTimeout'],
    ['a priority beyond u16', { priority: 65_536 }, 'node options.priority'],
    ['a negative buffer', { proposalBufferLimit: -1 }, 'node options.proposalBufferLimit'],
    ['no record may wait', { unsyncedRecordLimit: 0 }, 'node options.unsyncedRecordLimit'],
    ['no message may wait', { heldMessageLimit: 0 }, 'node options.heldMessageLimit'],
    [
      'more to handle than may wait',
      { inboundPerTurn: 9, inboundQueueLimit: 8 },
      'node options.inboundPerTurn',
    ],
    ['an endpoint with a scheme', { clientEndpoint: 'http://a:1' }, 'node options.clientEndpoint'],
  ];
  for (const [situation, options, field] of refused) {
    test(`${situation}: refused, naming ${field}`, () => {
      expect(() => new ScriptedNode({}, options)).toThrow(
        expect.objectContaining({ name: InvalidInputError.name, field }),
      );
    });
  }

  test('an option that does not exist: refused', () => {
    const options: object = { tickMillis: 10 };
    expect(() => new ScriptedNode({}, options)).toThrow(/tickMillis/);
  });

  test('a storage of a node that is no member of its configuration: it asks the members, and takes no part', async () => {
    const scripted = await ScriptedNode.running({ nodeId: 4 });
    expect(scripted.node.status().core).toMatchObject({ isMember: false, takesPart: false });
    await scripted.transport.connect(1);
    await scripted.taken();
    await scripted.clock.advance(500);
    expect(await scripted.taken()).toEqual(['fetchDecided to 1', 'fetchDecided to 2', 'fetchDecided to 3']);
  });

  // R13
  test('a lease shorter than 2.5 election timeouts: refused; of that length, or none: taken', () => {
    const withLease = (leaseMs: number): ScriptedNode =>
      new ScriptedNode({ config: { ...THREE, leaseMs } }, { tickMs: 20, electionTickTimeout: 5 });
    expect(() => withLease(249)).toThrow(
      expect.objectContaining({ field: 'cluster config.leaseMs', value: 249 }),
    );
    withLease(250);
    withLease(0);
  });

  test('the status is a picture: life, role, core, peers, counters', async () => {
    const scripted = new ScriptedNode();
    expect(scripted.node.status()).toMatchObject({ life: 'new', role: 'unknown', connectedPeers: [] });
    await scripted.node.start();
    await scripted.connect(3);
    await scripted.connect(2);
    expect(scripted.node.status()).toMatchObject({
      nodeId: 1,
      clusterId: 'test',
      directoryId: '0000000000000001',
      incarnation: 1,
      life: 'running',
      connectedPeers: [2, 3],
      core: { promise: ballot(0, 0, 0) },
    });
    scripted.transport.handlers.onDisconnected(3);
    expect(scripted.node.status().connectedPeers).toEqual([2]);
    await scripted.node.stop();
    expect(scripted.node.status()).toMatchObject({ life: 'stopped', stopped: { kind: 'closed' } });
  });
});
