import { describe, expect, test } from 'vitest';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ballot, ScriptedNode, THREE } from './scripted-node.js';

const STRANGER_DIRECTORY = 'd0000000000000ff';

describe('admission of peers', () => {
  test('a new peer: admitted only once its identity is durable', async () => {
    const scripted = new ScriptedNode();
    await scripted.node.start();
    let isAdmitted = false;
    const admission = scripted.transport.connect(2).then((result) => {
      isAdmitted = result.ok;
    });
    expect(await scripted.taken()).toEqual(['remember [2.1]']);
    expect(isAdmitted).toBe(false);
    scripted.storage.complete();
    await admission;
    expect(isAdmitted).toBe(true);
    await scripted.node.stop();
  });

  test('the same peer again while its identity is being written: it waits for that, and is judged by it', async () => {
    const scripted = new ScriptedNode();
    await scripted.node.start();
    const first = scripted.transport.connect(2);
    const second = scripted.transport.connect(2);
    const clone = scripted.transport.connect(2, { bootId: 'b0000000000000ff' });
    await settleMicrotasks();
    expect(scripted.storage.underWay).toEqual(['remember [2.1]']);
    scripted.storage.complete();
    expect(await Promise.all([first, second])).toEqual([{ ok: true }, { ok: true }]);
    expect(await clone).toMatchObject({ ok: false });
    expect(scripted.trace.filter((line) => line.startsWith('remember'))).toHaveLength(1);
    await scripted.node.stop();
  });

  test('the own Hello states directory, life, configuration, endpoint, and every remembered member', async () => {
    const scripted = await ScriptedNode.running({}, { clientEndpoint: 'one:50551' });
    expect(scripted.transport.handlers.hello()).toMatchObject({
      clusterId: 'test',
      nodeId: 1,
      configId: 1,
      directoryId: '0000000000000001',
      incarnation: 1,
      bootId: 'b000000000000001',
      clientEndpoint: 'one:50551',
    });
    expect(
      scripted.transport.handlers.hello().members.map((member) => [member.nodeId, member.bootId]),
    ).toEqual([
      [1, 'b000000000000001'],
      [2, 'b000000000000002'],
      [3, 'b000000000000003'],
    ]);
  });

  test('the own Hello states the lives before this one too, the latest first, 64 in all', async () => {
    const bootIds = Array.from({ length: 70 }, (_, i) => `b${String(i + 1).padStart(15, '0')}`);
    const scripted = await ScriptedNode.running({ identity: { incarnation: 70, bootIds } });
    const own = scripted.transport.handlers.hello().members.filter(({ nodeId }) => nodeId === 1);
    expect(own).toHaveLength(64);
    expect(own.map(({ incarnation }) => incarnation)).toEqual(Array.from({ length: 64 }, (_, i) => 70 - i));
    for (const { bootId, incarnation } of own) expect(bootId).toBe(bootIds[incarnation - 1]);
  });

  // S10
  test('a peer remembers this node with another directory: silence at once, refused durably, and the reason is told after that', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    let reason: unknown;
    scripted.node.events.on('stopped', (told) => {
      reason = told;
    });
    const members = [
      { nodeId: 1, directoryId: STRANGER_DIRECTORY, incarnation: 1, bootId: 'b000000000000001' },
    ];
    const admission = scripted.transport.connect(2, { members });
    await settleMicrotasks();
    const sent = scripted.transport.sent.length;
    expect(scripted.node.append('x', { forward: false })).toEqual({ ok: false, reason: 'stopped' });
    expect(scripted.storage.underWay).toEqual(['mark refused']);
    expect(reason).toBeUndefined();
    scripted.storage.complete();
    expect(await admission).toMatchObject({ ok: false });
    expect(await scripted.node.stopped).toMatchObject({ kind: 'refused' });
    expect(reason).toMatchObject({ kind: 'refused' });
    await scripted.clock.advanceAsync(5_000);
    await scripted.node.stop();
    expect(scripted.transport.sent.length).toBe(sent);
    expect(scripted.storage.refused).toContain(STRANGER_DIRECTORY);
  });

  test('the refusal cannot be written: the node has stopped all the same, and says so loudly', async () => {
    const scripted = await ScriptedNode.running();
    const members = [
      { nodeId: 1, directoryId: STRANGER_DIRECTORY, incarnation: 1, bootId: 'b000000000000001' },
    ];
    const admission = scripted.transport.connect(2, { members });
    await settleMicrotasks();
    scripted.storage.fail();
    await admission;
    expect(await scripted.node.stopped).toMatchObject({ kind: 'refused' });
    expect(scripted.logger.lines.at(-1)).toMatchObject({ level: 'error' });
    await scripted.node.stop();
    expect(scripted.storage.closed).toBe(1);
  });

  // R15
  test('a connected peer turns out to have two identities: its messages count no more', async () => {
    const scripted = await ScriptedNode.running();
    const members = [
      { nodeId: 3, directoryId: STRANGER_DIRECTORY, incarnation: 1, bootId: 'b000000000000003' },
    ];
    await scripted.connect(2, { members });
    await scripted.taken();
    const n = ballot(5, 3);
    scripted.transport.deliver(3, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
    expect(await scripted.taken()).toEqual([]);
    expect(scripted.node.status().counters.disputedMessages).toBe(1);
    expect(await scripted.transport.connect(3)).toMatchObject({ ok: false });
  });

  test('refusals are counted and logged; other peers are served', async () => {
    const scripted = await ScriptedNode.running();
    expect(await scripted.transport.connect(2, { clusterId: 'prod' })).toMatchObject({ ok: false });
    expect(await scripted.transport.connect(2, { configHash: 7 })).toMatchObject({ ok: false });
    expect(await scripted.transport.connect(3)).toEqual({ ok: true });
    expect(scripted.node.status().counters.refusedPeers).toBe(2);
    expect(scripted.logger.lines.filter((line) => line.level === 'error')).toHaveLength(2);
  });

  test('what a peer breaks is dropped, counted, and logged as an error', async () => {
    const scripted = await ScriptedNode.running();
    const n = ballot(5, 3);
    scripted.transport.deliver(2, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
    scripted.transport.deliver(2, { kind: 'prepareReq', n }, { configId: 2 });
    await settleMicrotasks();
    expect(scripted.node.status().counters).toMatchObject({ violations: 1, foreignConfigMessages: 1 });
    expect(scripted.logger.lines.filter((line) => line.level === 'error')).toHaveLength(1);
    expect(scripted.node.status().core.config).toEqual(THREE);
  });

  test('each new connection of the leader ends the session over the old one', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow();
    await scripted.connect(2);
    expect(scripted.node.status().core.phase).toBe('recover');
    expect(await scripted.taken()).toContain('prepareReq to 2');
  });
});
