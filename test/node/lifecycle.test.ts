import { describe, expect, test } from 'vitest';
import { withResolvers } from '../../src/runtime/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ballot, ScriptedNode } from './scripted-node.js';

/** Everything that a stopped node must hold to, whatever happened before. */
async function expectStopped(scripted: ScriptedNode): Promise<void> {
  const { clock, node, storage, transport } = scripted;
  await node.stop();
  expect([storage.closed, transport.closed]).toEqual([1, 1]);
  expect(clock.armedTimers).toBe(0);
  const sent = transport.sent.length;
  await clock.advanceAsync(1_000);
  expect(transport.sent.length).toBe(sent);
  expect(node.append('late', { forward: true })).toEqual({ ok: false, reason: 'stopped' });
  expect(() => node.snapshot(1, 0)).toThrow(expect.objectContaining({ code: 'closed' }));
  await expect(node.start()).rejects.toMatchObject({ code: 'closed' });
  expect(node.leadership()).toEqual({ role: 'unknown' });
  expect(node.status().life).toBe('stopped');
}

type Call = 'start' | 'stop' | 'start, not awaited' | 'stop, not awaited';
const CALLS: readonly Call[] = ['start', 'stop', 'start, not awaited', 'stop, not awaited'];

function sequences(length: number): Call[][] {
  if (length === 0) return [[]];
  return sequences(length - 1).flatMap((rest) => CALLS.map((call) => [...rest, call]));
}

describe('start and stop', () => {
  // D03, N05
  for (const length of [1, 2, 3, 4]) {
    test(`all sequences of ${length} calls, awaited or not: each start succeeds, or tells why not, and all ends in the same state`, async () => {
      for (const sequence of sequences(length)) {
        const scripted = new ScriptedNode();
        const outcomes: Promise<string>[] = [];
        for (const call of sequence) {
          if (call.startsWith('start')) {
            const outcome = scripted.node.start().then(
              () => 'started',
              (error: { code: string }) => error.code,
            );
            outcomes.push(outcome);
            if (call === 'start') await outcome;
          } else {
            const stopping = scripted.node.stop();
            if (call === 'stop') await stopping;
          }
        }
        const firstStart = sequence.findIndex((call) => call.startsWith('start'));
        const firstStop = sequence.findIndex((call) => call.startsWith('stop'));
        // A start that is not awaited is overtaken by a stop right behind it.
        const isOvertaken = sequence[firstStart] !== 'start' && firstStop === firstStart + 1;
        const expected = sequence.flatMap((call, at) => {
          if (!call.startsWith('start')) return [];
          if (firstStop !== -1 && at > firstStop) return ['closed'];
          if (at > firstStart) return ['already_running'];
          return [isOvertaken ? 'closed' : 'started'];
        });
        const told = await Promise.all(outcomes);
        // A start that is overtaken by a later stop may have been quick enough.
        const isRace = !isOvertaken && sequence[firstStart] !== 'start' && firstStop > firstStart;
        if (isRace) expected[0] = told[0] === 'closed' ? 'closed' : 'started';
        expect([sequence, told]).toEqual([sequence, expected]);
        await expectStopped(scripted);
        expect(await scripted.node.stopped).toEqual({ kind: 'closed' });
      }
    });
  }

  test('start while it runs: refused, and nothing is disturbed', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.lead();
    await expect(scripted.node.start()).rejects.toMatchObject({ code: 'already_running' });
    expect(scripted.node.leadership().role).toBe('leader');
    scripted.node.append('x', { forward: false });
    expect(await scripted.taken()).toEqual(['acceptDecide to 2', 'fsync [append 0+1]']);
  });

  // N05
  test('stop while the transport starts: start rejects, nothing is sent, and the end waits for the transport', async () => {
    const scripted = new ScriptedNode();
    const { promise, resolve } = withResolvers<void>();
    scripted.transport.starting = promise;
    const starting = expect(scripted.node.start()).rejects.toMatchObject({ code: 'closed' });
    await settleMicrotasks();
    let hasStopped = false;
    const stopping = scripted.node.stop().then(() => {
      hasStopped = true;
    });
    await settleMicrotasks();
    expect([hasStopped, scripted.transport.closed, scripted.storage.closed]).toEqual([false, 1, 0]);
    resolve();
    await Promise.all([starting, stopping]);
    expect(scripted.transport.sent).toEqual([]);
    await expectStopped(scripted);
  });

  // N05
  test('stop in the middle of a persist: nothing leaves, and the storage is closed after it', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow();
    scripted.acceptDecide(1, ['a']);
    await scripted.taken();
    let hasStopped = false;
    const stopping = scripted.node.stop().then(() => {
      hasStopped = true;
    });
    expect(await scripted.node.stopped).toEqual({ kind: 'closed' });
    await scripted.clock.advanceAsync(1_000);
    expect([hasStopped, scripted.storage.closed]).toEqual([false, 0]);
    scripted.storage.complete();
    await stopping;
    expect(await scripted.taken()).toEqual(['done', 'close storage']);
    await expectStopped(scripted);
  });

  // N05
  test('stop while a peer is being admitted: it is refused, and the storage is closed after the write', async () => {
    const scripted = new ScriptedNode();
    await scripted.node.start();
    const admission = scripted.transport.connect(2);
    await settleMicrotasks();
    const stopping = scripted.node.stop();
    await settleMicrotasks();
    expect(scripted.storage.closed).toBe(0);
    scripted.storage.complete();
    expect(await admission).toEqual({ ok: false, reason: 'this node has stopped' });
    await stopping;
    await expectStopped(scripted);
  });

  // N05
  test('stop after each single step of a life: silence from that turn on', async () => {
    const steps: ((scripted: ScriptedNode) => unknown)[] = [
      (scripted) => scripted.node.start(),
      (scripted) => void scripted.transport.connect(2),
      (scripted) => scripted.storage.underWay.length > 0 && scripted.storage.complete(),
      (scripted) => scripted.clock.advanceAsync(105),
      (scripted) => scripted.storage.underWay.length > 0 && scripted.storage.complete(),
      (scripted) => {
        const n = ballot(5, 2);
        scripted.transport.deliver(2, { kind: 'prepare', n, decidedIdx: 0, nAccepted: n, acceptedIdx: 0 });
      },
      (scripted) => scripted.storage.underWay.length > 0 && scripted.storage.complete(),
      (scripted) => scripted.node.append('x', { forward: true }),
      (scripted) => scripted.clock.advanceAsync(505),
    ];
    for (let stopAfter = 0; stopAfter <= steps.length; stopAfter++) {
      for (const settles of [true, false]) {
        const scripted = new ScriptedNode();
        for (const step of steps.slice(0, stopAfter)) {
          await step(scripted);
          if (settles) await settleMicrotasks();
        }
        const stopping = scripted.node.stop();
        const sent = scripted.transport.sent.length;
        for (const step of steps.slice(Math.max(1, stopAfter))) {
          if (stopAfter > 0) await step(scripted);
        }
        scripted.storage.completeAll();
        await stopping;
        expect(scripted.transport.sent.length).toBe(sent);
        expect(scripted.trace.at(-1)).toBe('close storage');
        await expectStopped(scripted);
      }
    }
  });

  test('the log can be read after the node has stopped', async () => {
    const scripted = await ScriptedNode.running();
    await scripted.follow(2);
    scripted.acceptDecide(1, [], 2);
    await settleMicrotasks();
    scripted.storage.completeAll();
    await scripted.node.stop();
    expect(scripted.node.log.decidedIdx).toBe(2);
    expect(scripted.node.log.read(1)).toEqual([{ kind: 'entry', idx: 1, entry: 'synced 1' }]);
  });

  test('await using: the node is stopped at the end of the block', async () => {
    const scripted = new ScriptedNode();
    {
      await using node = scripted.node;
      await node.start();
    }
    await expectStopped(scripted);
  });

  test('the storage cannot be closed: that is logged, and stop resolves', async () => {
    const scripted = new ScriptedNode();
    await scripted.node.start();
    scripted.storage.close = () => Promise.reject(new Error('EIO'));
    await scripted.node.stop();
    expect(scripted.logger.lines.at(-1)).toMatchObject({ level: 'error' });
  });
});
