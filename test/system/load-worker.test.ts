import { type ChildProcess, fork } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { type LoadOrder, type LoadTotals, loadReportSchema } from '../../src/cli/load/load-messages.js';
import { toEpoch } from '../../src/consensus/index.js';
import { OracleError } from '../../src/oracle/index.js';
import { type TimestampGranter, TsoServer } from '../../src/service/index.js';
import { allGone } from './cli-process.js';

const WORKER_FILE = new URL('../../dist/cli/load/load-worker.js', import.meta.url);

let server: TsoServer | undefined;
let worker: ChildProcess | undefined;

afterEach(async () => {
  worker?.kill('SIGKILL');
  await server?.close({ graceMs: 0 });
  worker = undefined;
  server = undefined;
});

/**
 * Runs the load against a service of the test's own making until `enough`; resolves with the last report and
 * the exit code.
 */
async function loadOn(
  grant: TimestampGranter['grant'],
  clients: number,
  enough: (totals: LoadTotals) => boolean,
) {
  server = await TsoServer.start({ oracle: { grant }, listen: '127.0.0.1:0' });
  const running = fork(WORKER_FILE, [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  worker = running;
  const send = (order: LoadOrder): void => void running.send(order);
  let last: { readonly kind: string; readonly totals: LoadTotals } | undefined;
  running.on('message', (message) => {
    last = loadReportSchema.parse(message);
  });
  const exited = new Promise<number | null>((resolve) => running.once('exit', resolve));
  const until = (condition: (totals: LoadTotals) => boolean): Promise<void> =>
    expect
      .poll(() => last !== undefined && condition(last.totals), { timeout: 20_000, interval: 20 })
      .toBe(true);
  send({ kind: 'start', endpoints: [server.address], clients });
  await until(enough);
  return {
    running,
    send,
    until,
    exited,
    async stop() {
      send({ kind: 'stop' });
      const code = await exited;
      return { code, last };
    },
  };
}

const epoch = toEpoch(1n);

/** Grants whatever `next` says, one ms after the other unless it repeats itself. */
function granting(next: () => number): TimestampGranter['grant'] {
  return async (count) => ({ physicalMs: next(), logicalStart: 0, count, epoch });
}

describe('load worker', () => {
  test('a service that keeps its promise, is judged to', async () => {
    let ms = 1_000;
    const load = await loadOn(
      granting(() => ms++),
      4,
      ({ timestamps }) => timestamps > 500,
    );
    const { code, last } = await load.stop();
    expect(code).toBe(0);
    expect(last).toMatchObject({ kind: 'ended', totals: { violations: 0, errors: {} } });
    // The end may have cut off the last answer of each client.
    expect(last?.totals.timestamps).toBeGreaterThanOrEqual(ms - 1_000 - 4);
    expect(last?.totals.timestamps).toBeLessThanOrEqual(ms - 1_000);
  });

  test('a service that grants a timestamp twice, is caught', async () => {
    let calls = 0;
    // Each value is granted to two calls in turn, which are of different clients more often than not.
    const load = await loadOn(
      granting(() => 1_000 + Math.floor(calls++ / 2)),
      4,
      ({ violations }) => violations > 10,
    );
    const { last } = await load.stop();
    expect(last?.totals.violations).toBeGreaterThan(10);
  });

  test('a service that once goes back in time, is caught', async () => {
    let ms = 5_000;
    const load = await loadOn(
      granting(() => (ms++ === 5_300 ? 4_000 : ms)),
      4,
      ({ violations }) => violations > 0,
    );
    const { last } = await load.stop();
    expect(last?.totals.violations).toBeGreaterThanOrEqual(1);
  });

  test('a service that has failed for good, is counted by the name of its status', async () => {
    const fail: TimestampGranter['grant'] = () => Promise.reject(new OracleError('permanent', 'x'));
    const load = await loadOn(fail, 1, ({ errors }) => Object.keys(errors).length > 0);
    const { last } = await load.stop();
    expect(last?.totals.errors['INTERNAL']).toBeGreaterThanOrEqual(1);
    expect(last?.totals.timestamps).toBe(0);
  });

  test('a kill that is followed by a grant, is reported with its gap', async () => {
    let ms = 1_000;
    const load = await loadOn(
      granting(() => ms++),
      1,
      ({ timestamps }) => timestamps > 10,
    );
    load.send({ kind: 'leaderKilled' });
    await load.until(({ failoverGapsMs }) => failoverGapsMs.length === 1);
    const { last } = await load.stop();
    expect(last?.totals.failoverGapsMs).toHaveLength(1);
    expect(last?.totals.unansweredKills).toBe(0);
  });

  test('its parent gone, ends by itself', async () => {
    let ms = 1_000;
    const load = await loadOn(
      granting(() => ms++),
      2,
      ({ timestamps }) => timestamps > 10,
    );
    load.running.disconnect();
    expect(await load.exited).toBe(1);
    await allGone([load.running.pid ?? 0]);
  });
});
