import { describe, expect, test } from 'vitest';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ballot, ScriptedNode } from './scripted-node.js';

const PREPARE = {
  kind: 'prepare',
  n: ballot(5, 2),
  decidedIdx: 0,
  nAccepted: ballot(0, 0, 0),
  acceptedIdx: 0,
} as const;

describe('order of commits, as a follower', () => {
  // P06
  test('a Prepare arrives: the Promise leaves only after the fsync of the promise', async () => {
    const scripted = await ScriptedNode.running();
    scripted.transport.deliver(2, PREPARE);
    expect(await scripted.taken()).toEqual(['fsync [promise 1.5.0.2]']);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'promise to 2']);
  });

  test('records arrive while an fsync is under way: they go together with the next one, and each Accepted waits for its own', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow();
    scripted.acceptDecide(1, ['a']);
    expect(await scripted.taken()).toEqual(['fsync [append 0+1]']);
    scripted.acceptDecide(2, ['b']);
    await settleMicrotasks();
    scripted.acceptDecide(3, ['c', 'd']);
    expect(await scripted.taken()).toEqual([]);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'accepted to 2', 'fsync [append 1+1, append 2+2]']);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'accepted to 2', 'accepted to 2']);
    expect(scripted.transport.bodies('accepted').map((body) => body.acceptedIdx)).toEqual([0, 1, 2, 4]);
  });

  test('messages of one turn: one write, one Accepted', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow();
    scripted.acceptDecide(1, ['a']);
    scripted.acceptDecide(2, ['b']);
    scripted.acceptDecide(3, ['c']);
    expect(await scripted.taken()).toEqual(['fsync [append 0+3]']);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'accepted to 2']);
  });

  test('a lazy write is under way: an Accepted that claims only what is durable already leaves at once', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow(2);
    scripted.acceptDecide(1, [], 1);
    // Nothing durable is in that batch, so its own Accepted does not wait either.
    expect(await scripted.taken()).toEqual(['accepted to 2', 'write [decided 1]']);
    await scripted.clock.advanceAsync(500);
    expect(await scripted.taken()).toContain('accepted to 2');
    expect(scripted.storage.underWay).toEqual(['write [decided 1]']);
  });

  test('a message without writes of its own waits for the durable writes before it', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow();
    scripted.acceptDecide(1, ['a']);
    await settleMicrotasks();
    // The same leader prepares this node anew: it asked for that by its silence.
    scripted.transport.handlers.onConnected(scripted.transport.hello(2));
    scripted.transport.deliver(2, { ...PREPARE, nAccepted: ballot(5, 2) });
    expect((await scripted.taken()).filter((line) => line.startsWith('promise'))).toEqual([]);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'accepted to 2', 'promise to 2']);
  });

  test('a durable write waits behind a lazy one: their order is kept', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow(1);
    scripted.acceptDecide(1, [], 1);
    await scripted.taken();
    scripted.acceptDecide(2, ['b']);
    expect(await scripted.taken()).toEqual([]);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'fsync [append 1+1]']);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'accepted to 2']);
  });
});

describe('order of commits, as a leader', () => {
  test('it becomes one: Prepare leaves after the fsync of its own promise', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.clock.advanceAsync(105);
    expect(await scripted.taken()).toEqual(['fsync [promise 1.1.0.1]']);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'prepare to 2', 'prepare to 3']);
  });

  // P07
  test('a proposal: AcceptDecide leaves before the own fsync, whose acceptance counts only after it', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    expect(scripted.node.append('x', { forward: false })).toMatchObject({ ok: true, idx: 0 });
    expect(await scripted.taken()).toEqual(['acceptDecide to 2', 'fsync [append 0+1]']);
    scripted.accepted(1);
    await settleMicrotasks();
    expect(scripted.node.log.decidedIdx).toBe(0);
    scripted.storage.complete();
    expect(await scripted.taken()).toEqual(['done', 'decide to 2', 'write [decided 1]']);
    expect(scripted.node.log.decidedIdx).toBe(1);
  });

  test('proposals of one turn: one AcceptDecide and one fsync for all of them', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    for (const entry of ['a', 'b', 'c']) scripted.node.append(entry, { forward: false });
    expect(await scripted.taken()).toEqual(['acceptDecide to 2', 'fsync [append 0+3]']);
  });

  test('the disk is slow: heartbeats are asked and answered all the same', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    scripted.node.append('x', { forward: false });
    await settleMicrotasks();
    const asked = scripted.transport.bodies('heartbeatRequest').length;
    for (let round = 1; round <= 20; round++) {
      scripted.transport.deliver(2, { kind: 'heartbeatRequest', round, incarnation: 1, peerIncarnation: 1 });
      await scripted.clock.advanceAsync(100);
      expect(scripted.transport.bodies('heartbeatReply')).toHaveLength(round);
    }
    expect(scripted.transport.bodies('heartbeatRequest').length - asked).toBe(40);
    expect(scripted.storage.underWay).toEqual(['fsync [append 0+1]']);
  });
});
