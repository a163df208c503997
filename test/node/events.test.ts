import { describe, expect, test } from 'vitest';
import type { PaxosNode } from '../../src/node/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ScriptedNode } from './scripted-node.js';

type TestNode = PaxosNode<string, number>;

/** What a listener may try. */
const CALLS: Record<string, (node: TestNode) => unknown> = {
  append: (node) => node.append('nested', { forward: true }),
  snapshot: (node) => {
    try {
      node.snapshot(node.log.decidedIdx, 0);
    } catch {
      // There may be nothing to compact.
    }
  },
  stop: (node) => node.stop(),
  start: (node) => node.start().catch(() => {}),
  status: (node) => node.status(),
  subscribe: (node) => node.events.on('decided', () => {}),
};

describe('events', () => {
  test('they come in order, after what they tell of has been carried out', async () => {
    const scripted = await ScriptedNode.running();
    const { node, trace } = scripted;
    node.events.on('leadership', (leadership) => void trace.push(`leadership: ${leadership.role}`));
    node.events.on('decided', (idx) => void trace.push(`decided: ${idx}, read ${node.log.decidedIdx}`));
    await scripted.clock.advanceAsync(105);
    scripted.storage.complete();
    await settleMicrotasks();
    const [prepare] = scripted.transport.bodies('prepare');
    if (prepare === undefined) throw new Error('there is no Prepare');
    await scripted.taken();
    scripted.transport.deliver(2, {
      kind: 'promise',
      n: prepare.n,
      syncToken: { incarnation: 1, counter: 1 },
      nAccepted: { configId: 0, n: 0, priority: 0, pid: 0 },
      decidedIdx: 0,
      acceptedIdx: 0,
      compactedIdx: 0,
      previousPromise: { configId: 0, n: 0, priority: 0, pid: 0 },
      msSinceLowerBallotReply: 0,
    });
    expect(await scripted.taken()).toEqual(['acceptSync to 2', 'fsync [sync 0+0]', 'leadership: leader']);
    node.append('a', { forward: false });
    scripted.storage.complete();
    await scripted.taken();
    scripted.storage.complete();
    await scripted.taken();
    scripted.accepted(1);
    expect(await scripted.taken()).toEqual(['decide to 2', 'write [decided 1]', 'decided: 1, read 1']);
  });

  test('leadership is right in the very turn in which it is lost, before the event tells it', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    const before = scripted.node.leadership();
    expect(before.role === 'leader' && before.lease.isValid()).toBe(true);
    const seen: string[] = [];
    scripted.transport.onSend = (message) => {
      if (message.body.kind !== 'heartbeatReply') return;
      // In the middle of the step, while its messages leave.
      seen.push(scripted.node.leadership().role, String(before.role === 'leader' && before.lease.isValid()));
    };
    scripted.transport.deliver(2, { kind: 'heartbeatRequest', round: 1, incarnation: 1, peerIncarnation: 1 });
    const n = { configId: 1, n: 7, priority: 0, pid: 3 };
    scripted.transport.deliver(3, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
    await settleMicrotasks();
    expect(seen).toEqual(['unknown', 'false']);
  });

  test('the lease of one leadership is one object; that of a lost one stays invalid', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    const [first, second] = [scripted.node.leadership(), scripted.node.leadership()];
    if (first.role !== 'leader' || second.role !== 'leader') throw new Error('it must lead');
    expect(first.lease).toBe(second.lease);
    expect(first.lease.isValid()).toBe(true);
    await scripted.node.stop();
    expect(first.lease.isValid()).toBe(false);
  });

  // N03
  for (const [name, call] of Object.entries(CALLS)) {
    for (const event of ['decided', 'leadership', 'stopped'] as const) {
      test(`a listener of ${event} calls ${name}: it is served after the step, and every other listener gets every event once`, async () => {
        const scripted = await ScriptedNode.running();
        const { node } = scripted;
        const told: string[] = [];
        node.events.on(event, () => void call(node));
        node.events.on('decided', (idx) => void told.push(`decided ${idx}`));
        node.events.on('leadership', ({ role }) => void told.push(role));
        node.events.on('stopped', ({ kind }) => void told.push(kind));
        await scripted.lead();
        node.append('a', { forward: false });
        await settleMicrotasks();
        if (scripted.storage.underWay.length > 0) scripted.storage.complete();
        await settleMicrotasks();
        scripted.accepted(1);
        scripted.storage.completeAll();
        await settleMicrotasks();
        await node.stop();
        const expected =
          name === 'stop' && event === 'leadership'
            ? ['leader', 'unknown', 'closed']
            : ['leader', 'decided 1', 'unknown', 'closed'];
        expect(told).toEqual(expected);
        expect(node.status().counters.listenerErrors).toBe(0);
      });
    }
  }

  // N03
  test('a listener appends in the middle of telling: the entry is in the log when append returns, and is sent', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    const results: unknown[] = [];
    scripted.node.events.once('decided', () => {
      results.push(scripted.node.append('nested', { forward: false }));
    });
    scripted.node.append('a', { forward: false });
    scripted.accepted(1);
    scripted.storage.completeAll();
    await settleMicrotasks();
    expect(results).toMatchObject([{ ok: true, outcome: 'appended', idx: 1 }]);
    expect(scripted.transport.bodies('acceptDecide').flatMap((body) => body.records)).toEqual([
      { kind: 'entry', entry: 'a' },
      { kind: 'entry', entry: 'nested' },
    ]);
  });

  test('an input from within a send is served, and its messages follow those of the batch that is being sent', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    scripted.transport.onSend = (message) => {
      if (message.body.kind !== 'acceptDecide') return;
      scripted.transport.onSend = () => {};
      expect(scripted.node.append('nested', { forward: false })).toMatchObject({ ok: true, idx: 1 });
    };
    scripted.node.append('a', { forward: false });
    expect(await scripted.taken()).toEqual(['acceptDecide to 2', 'fsync [append 0+1]', 'acceptDecide to 2']);
  });

  test('a listener throws, another rejects: both are logged and counted, the others are told', async () => {
    const scripted = await ScriptedNode.running();
    const told: string[] = [];
    scripted.node.events.on('leadership', () => {
      throw new Error('a broken listener');
    });
    scripted.node.events.on('leadership', async () => {
      throw new Error('a broken asynchronous listener');
    });
    scripted.node.events.on('leadership', ({ role }) => void told.push(role));
    await scripted.lead();
    await settleMicrotasks();
    expect(told).toEqual(['leader']);
    expect(scripted.node.status().counters.listenerErrors).toBe(2);
    expect(scripted.logger.lines.filter((line) => line.level === 'error')).toHaveLength(2);
  });

  test("the leader's client endpoint is told when it becomes known, and when it changes", async () => {
    const scripted = await ScriptedNode.running();
    const told: unknown[] = [];
    scripted.node.events.on('leadership', (leadership) => {
      told.push(leadership.role === 'follower' ? leadership.endpoint : leadership.role);
    });
    await scripted.connect(2, { clientEndpoint: 'two:1' });
    await scripted.follow();
    // C06
    for (const clientEndpoint of ['two:1', 'two:2', 'http://two:3'])
      await scripted.connect(2, { clientEndpoint });
    expect(told).toEqual(['two:1', 'two:2', undefined]);
  });
});
