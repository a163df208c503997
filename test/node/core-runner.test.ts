import { describe, expect, test } from 'vitest';
import { CoreRunner } from '../../src/node/core-runner.js';
import { OmniPaxos } from '../../src/omnipaxos/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { THREE } from './scripted-node.js';
import { ScriptedStorage } from './scripted-storage.js';
import { ScriptedTransport } from './scripted-transport.js';

/** A runner over a core of node 1, which after ten ticks asks for a promise of its own. */
function runnerOver(onSend: (runner: CoreRunner<string, number>) => void = () => {}) {
  const trace: string[] = [];
  const storage = new ScriptedStorage({ nodeId: 1, config: THREE, trace });
  const transport = new ScriptedTransport(1, THREE, trace);
  const core = new OmniPaxos<string, number>({ pid: 1, incarnation: 1 }, storage.load());
  const runner: CoreRunner<string, number> = new CoreRunner({
    core,
    storage,
    transport,
    heldMessageLimit: 100,
    outgoing: (message) => message,
    applyFacts: (facts) => void trace.push(...facts.map((fact) => fact.kind)),
    atRest: () => void trace.push('at rest'),
    failed: ({ kind }) => {
      trace.push(kind);
      void runner.halt();
    },
  });
  transport.onSend = (message) => {
    trace.push(`${message.body.kind} leaves`);
    onSend(runner);
  };
  return { runner, trace };
}

describe('core runner', () => {
  test('until it is open the core keeps what it asks for; then facts come before messages, and rest at the end', () => {
    const { runner, trace } = runnerOver();
    runner.carryOut();
    expect(trace).toEqual([]);
    runner.open();
    runner.carryOut();
    expect(trace).toEqual([
      'heartbeatRound',
      'heartbeatRequest leaves',
      'heartbeatRequest leaves',
      'at rest',
    ]);
  });

  // N03
  test('a send carries out again: the batch is finished first, and what came meanwhile follows it', () => {
    let isFirst = true;
    const { runner, trace } = runnerOver((inner) => {
      if (!isFirst) return;
      isFirst = false;
      inner.run((core) => core.tick({ late: true }));
      inner.carryOut();
    });
    runner.open();
    runner.carryOut();
    const round = ['heartbeatRound', 'heartbeatRequest leaves', 'heartbeatRequest leaves'];
    expect(trace).toEqual([...round, ...round, 'at rest']);
  });

  // S01, N05
  test('it is halted in the middle of a batch: no further message of it leaves, and nothing of it is written', async () => {
    const { runner, trace } = runnerOver((inner) => void inner.halt());
    runner.run((core) => {
      for (let i = 0; i < 10; i++) core.tick();
    });
    runner.open();
    runner.carryOut();
    await settleMicrotasks();
    expect(trace.filter((line) => line.endsWith('leaves'))).toHaveLength(1);
    expect(trace.filter((line) => line.startsWith('fsync'))).toEqual([]);
    expect(runner.run((core) => core.decidedIdx)).toBeUndefined();
  });

  test('an input throws: the failure is told, and no input runs after it', () => {
    const { runner, trace } = runnerOver();
    runner.open();
    const failing = (): never => {
      throw new Error('a broken invariant');
    };
    expect(runner.run(failing)).toBeUndefined();
    expect(runner.run((core) => core.decidedIdx)).toBeUndefined();
    expect(trace).toEqual(['protocolFailed']);
  });
});
