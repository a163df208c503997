import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { Child } from '../../src/cli/cluster/child.js';
import { LoadProcess } from '../../src/cli/cluster/load-process.js';
import { NO_LOAD } from '../../src/cli/load/load-messages.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

/** A process of clients that tells what the test tells it to. */
class FakeProcess extends EventEmitter {
  readonly pid = 1;
  readonly connected = true;

  send(): boolean {
    return true;
  }

  reports(timestamps: number): void {
    this.emit('message', { kind: 'running', totals: { ...NO_LOAD, timestamps } });
  }
}

function waitingLoad() {
  const process = new FakeProcess();
  const clock = new VirtualClock();
  // As much of a process as a Child of this test uses.
  const children = { start: () => new Child(process as unknown as ChildProcess) };
  const load = new LoadProcess(children, clock, { endpoints: [], clients: 1 });
  const ending = new AbortController();
  let outcome: unknown = 'waits';
  load.served(30_000, ending.signal).then(
    () => {
      outcome = 'served';
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return { process, clock, ending, outcome: () => outcome };
}

test('load process: the clients have started and were granted nothing yet, is not served; with the first grant it is', async () => {
  const { clock, outcome, process } = waitingLoad();
  process.reports(0);
  await clock.advanceAsync(29_000);
  expect(outcome()).toBe('waits');
  process.reports(7);
  await clock.advanceAsync(0);
  expect(outcome()).toBe('served');
  expect(clock.armedTimers).toBe(0);
});

test('load process: never granted anything, told after the time that it is given', async () => {
  const { clock, outcome } = waitingLoad();
  await clock.advanceAsync(30_000);
  expect(outcome()).toMatchObject({
    code: 'cluster_timeout',
    message: 'the clients were granted nothing within 30000 ms',
  });
});

test('load process: its end, or the end of the run, ends the wait', async () => {
  const ended = waitingLoad();
  ended.process.emit('exit', 1, null);
  await ended.clock.advanceAsync(0);
  expect(ended.outcome()).toBe('served');
  const aborted = waitingLoad();
  aborted.ending.abort(new Error('enough'));
  await aborted.clock.advanceAsync(0);
  expect(aborted.outcome()).toMatchObject({ message: 'enough' });
});
