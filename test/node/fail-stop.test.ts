import { describe, expect, test } from 'vitest';
import type { PaxosNode, StopReason } from '../../src/node/index.js';
import { BALLOT_NUMBER_MAX } from '../../src/omnipaxos/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ballot, ScriptedNode } from './scripted-node.js';

/** Everything that an event of the node tells. */
function eventsOf(node: PaxosNode<string, number>): string[] {
  const events: string[] = [];
  node.events.on('decided', (idx) => void events.push(`decided ${idx}`));
  node.events.on('leadership', ({ role }) => void events.push(role));
  node.events.on('stopped', ({ kind }) => void events.push(`stopped: ${kind}`));
  return events;
}

/** Gives the node every kind of input, and lets much time pass. */
async function provoke(scripted: ScriptedNode): Promise<void> {
  const { clock, node, transport } = scripted;
  const n = ballot(9, 2);
  node.append('more', { forward: true });
  transport.deliver(2, { kind: 'heartbeatRequest', round: 1, incarnation: 1, peerIncarnation: 1 });
  transport.deliver(2, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
  transport.handlers.onConnected(transport.hello(2));
  transport.handlers.onDisconnected(2);
  await clock.advanceAsync(10_000);
}

describe('a write fails', () => {
  // S01
  test('the fsync of an acceptance: what follows is silence, and the reason is told', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    const events = eventsOf(scripted.node);
    scripted.node.append('x', { forward: false });
    scripted.node.append('y', { forward: false });
    await settleMicrotasks();
    scripted.accepted(1);
    const lease = scripted.node.leadership();
    const error = new Error('EIO');
    scripted.storage.fail(error);
    await settleMicrotasks();
    const sent = scripted.transport.sent.length;
    expect(await scripted.node.stopped).toEqual({ kind: 'storageFailed', error });
    expect(scripted.node.append('z', { forward: false })).toEqual({ ok: false, reason: 'stopped' });
    expect(lease.role === 'leader' && lease.lease.isValid()).toBe(false);
    await provoke(scripted);
    expect(scripted.transport.sent.length).toBe(sent);
    expect(scripted.node.leadership()).toEqual({ role: 'unknown' });
    expect(events).toEqual(['unknown', 'stopped: storageFailed']);
    expect(scripted.clock.armedTimers).toBe(0);
  });

  // S01
  test('with messages held and writes gathered behind it: none of them leaves, and none is written', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow();
    scripted.acceptDecide(1, ['a']);
    await settleMicrotasks();
    scripted.acceptDecide(2, ['b']);
    await scripted.taken();
    scripted.storage.fail();
    await provoke(scripted);
    await scripted.node.stop();
    expect(await scripted.taken()).toEqual(['failed', 'close storage']);
  });

  test('the very first one, of a promise: nobody gets a Prepare', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.clock.advanceAsync(105);
    scripted.storage.fail();
    await provoke(scripted);
    expect(scripted.transport.bodies('prepare')).toEqual([]);
    expect((await scripted.node.stopped).kind).toBe('storageFailed');
  });

  test('what a lazy write fails with is final too', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow(1);
    scripted.acceptDecide(1, [], 1);
    await settleMicrotasks();
    scripted.storage.fail();
    await settleMicrotasks();
    expect((await scripted.node.stopped).kind).toBe('storageFailed');
  });

  test('the table of peers: the peer is not admitted, and the node stops', async () => {
    const scripted = new ScriptedNode();
    await scripted.node.start();
    const admission = scripted.transport.connect(2);
    await settleMicrotasks();
    scripted.storage.fail();
    expect(await admission).toEqual({ ok: false, reason: 'this node has stopped' });
    expect((await scripted.node.stopped).kind).toBe('storageFailed');
    await scripted.node.stop();
  });
});

describe('the core or the transport fails', () => {
  // P24
  test('the ballot number is at its end: the node stops with that error and leads nobody', async () => {
    const promise = ballot(BALLOT_NUMBER_MAX, 2);
    const scripted = await ScriptedNode.running({ recovered: { promise, acceptedRound: promise } });
    for (let i = 0; i < 5; i++) {
      const round = scripted.transport.bodies('heartbeatRequest').at(-1)?.round ?? 0;
      for (const peer of [2, 3]) {
        scripted.transport.deliver(peer, {
          kind: 'heartbeatReply',
          round,
          incarnation: 1,
          peerIncarnation: 1,
          ballot: ballot(0, peer),
          leader: promise,
          happy: false,
          promise,
          acceptedIdx: 0,
          decidedIdx: 0,
        });
      }
      await scripted.clock.advanceAsync(100);
    }
    const reason = await scripted.node.stopped;
    expect(reason).toMatchObject({ kind: 'protocolFailed', error: { code: 'ballot_exhausted' } });
    expect(scripted.transport.bodies('prepare')).toEqual([]);
  });

  test('a transport throws in the middle of a batch: the node stops before another batch could follow a part of it', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    scripted.transport.onSend = (message) => {
      if (message.body.kind === 'acceptDecide') throw new Error('a broken transport');
    };
    scripted.node.append('x', { forward: false });
    await settleMicrotasks();
    scripted.transport.onSend = () => {};
    await provoke(scripted);
    expect((await scripted.node.stopped).kind).toBe('protocolFailed');
    expect(await scripted.taken()).toEqual(['acceptDecide to 2', 'close storage']);
  });

  // N02
  test('a transport throws when a held message leaves, behind an fsync: the node stops, and tells why', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow();
    scripted.acceptDecide(1, ['a']);
    await scripted.taken();
    scripted.transport.onSend = (message) => {
      if (message.body.kind === 'accepted') throw new Error('a broken transport');
    };
    scripted.storage.complete();
    await settleMicrotasks();
    expect(scripted.node.status().stopped).toMatchObject({ kind: 'protocolFailed' });
    scripted.transport.onSend = () => {};
    await provoke(scripted);
    expect((await scripted.taken()).slice(0, 3)).toEqual(['done', 'accepted to 2', 'close storage']);
  });

  // N02
  test('transport and storage throw in place of rejecting when they are closed: the node has stopped all the same', async () => {
    const scripted = await ScriptedNode.running();
    const broken = (): never => {
      throw new Error('broken');
    };
    scripted.transport.close = broken;
    scripted.storage.close = broken;
    await scripted.node.stop();
    expect(await scripted.node.stopped).toEqual({ kind: 'closed' });
    expect(scripted.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  });

  test('a transport throws in place of rejecting when it is started: the node has stopped', async () => {
    const scripted = new ScriptedNode();
    const error = new Error('a broken transport');
    scripted.transport.start = () => {
      throw error;
    };
    await expect(scripted.node.start()).rejects.toBe(error);
    expect((await scripted.node.stopped).kind).toBe('transportFailed');
    await scripted.node.stop();
  });

  test('the transport cannot be started: start rejects with its error, storage and transport are closed', async () => {
    const scripted = new ScriptedNode();
    const error = new Error('EADDRINUSE');
    scripted.transport.starting = Promise.reject(error);
    await expect(scripted.node.start()).rejects.toBe(error);
    expect(await scripted.node.stopped).toEqual<StopReason>({ kind: 'transportFailed', error });
    await scripted.node.stop();
    expect([scripted.storage.closed, scripted.transport.closed]).toEqual([1, 1]);
  });
});
