import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/cli/cluster/verdict.js';
import { allGone, CliProcesses, childrenOf, commandOf, endpointsIn, nobodyListens } from './cli-process.js';

const processes = new CliProcesses();
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tsoracle-system-'));
});

afterEach(async () => {
  await processes.destroyAll();
  await rm(directory, { recursive: true, force: true });
});

function verdictOf(out: readonly string[]): Verdict {
  // What the command line promises; the test's own expectations check what matters of it.
  return JSON.parse(out.at(-1) ?? 'null') as Verdict;
}

describe('cluster', () => {
  test('the leader killed again and again, verdict is ok and nothing is left behind', async () => {
    const cluster = processes.start([
      'cluster',
      '--duration',
      '10',
      '--kill-leader-every',
      '3',
      '--clients',
      '8',
      '--json',
    ]);
    await cluster.line(/ timestamps\/s /, 'err');
    const pids = await childrenOf(cluster.pid);
    expect(pids.length).toBe(4);
    const code = await cluster.exit(120_000);
    const verdict = verdictOf(cluster.out);
    expect(verdict, cluster.transcript()).toMatchObject({
      ok: true,
      nodes: 3,
      violations: 0,
      unreaped: 0,
      failures: [],
    });
    expect(code).toBe(0);
    expect(cluster.out).toHaveLength(1);
    expect(verdict.kills).toBeGreaterThanOrEqual(2);
    expect(verdict.failovers).toBeGreaterThanOrEqual(verdict.kills);
    expect(verdict.failoverMs?.p50).toBeGreaterThan(0);
    expect(verdict.failoverMs?.max).toBeGreaterThanOrEqual(verdict.failoverMs?.p50 ?? 0);
    expect(verdict.timestamps).toBeGreaterThan(100);
    expect(verdict.timestampsPerSecond).toBeGreaterThan(0);
    expect(verdict.decidedIdx).toBeGreaterThan(0);
    expect(verdict.highWater).toBeGreaterThan(1_600_000_000_000);
    await allGone(pids);
    await nobodyListens(endpointsIn(cluster.err));
    const [, home = ''] = await cluster.line(/data in (\S+) /, 'err');
    await expect(access(home)).rejects.toThrow();
  });

  test('nodes killed and paused at random, all at once too: no violation, everything comes back', async () => {
    const args = ['cluster', '--chaos', '--duration', '20', '--seed', '42', '--clients', '8', '--json'];
    // It ends when whoever was killed last is back, which takes its time where there is none to spare.
    const cluster = await processes.run(args, {}, 120_000);
    const verdict = verdictOf(cluster.out);
    expect(verdict, cluster.transcript).toMatchObject({
      ok: true,
      seed: 42,
      violations: 0,
      unexpectedExits: 0,
      unreaped: 0,
      failures: [],
    });
    expect(verdict.kills + verdict.pauses).toBeGreaterThan(2);
  });

  test('a second run on the same directory, goes on above the first one', async () => {
    const home = join(directory, 'cluster');
    const args = ['cluster', '--duration', '1', '--clients', '2', '--json', '--data-dir', home];
    const first = await processes.run(args);
    expect(first.code, first.transcript).toBe(0);
    expect(await readdir(home)).toEqual(
      expect.arrayContaining(['cluster.json', 'node-1', 'node-2', 'node-3']),
    );
    const second = await processes.run(args);
    expect(second.code, second.transcript).toBe(0);
    expect(verdictOf(second.out).highWater).toBeGreaterThan(verdictOf(first.out).highWater);
    expect(verdictOf(second.out).decidedIdx).toBeGreaterThan(verdictOf(first.out).decidedIdx);
    const third = await processes.run(['cluster', '--nodes', '5', '--data-dir', home]);
    expect(third.code).toBe(2);
    expect(third.err.join('\n')).toMatch(/--nodes: must be 3/);
  });

  test('a directory that holds something else, is refused and left alone', async () => {
    await writeFile(join(directory, 'thesis.txt'), 'the only copy');
    const { code, err } = await processes.run(['cluster', '--data-dir', directory]);
    expect(code).toBe(2);
    expect(err[0]).toContain(`--data-dir: must be a new or empty directory`);
    expect(err[0]).toContain(directory);
    expect(await readdir(directory)).toEqual(['thesis.txt']);
  });

  test('one node, is a cluster too, and comes back from its disk', async () => {
    const args = [
      'cluster',
      '--nodes',
      '1',
      '--duration',
      '6',
      '--kill-leader-every',
      '2',
      '--clients',
      '2',
      '--json',
    ];
    const { code, out, transcript } = await processes.run(args, {}, 60_000);
    expect(verdictOf(out), transcript).toMatchObject({ ok: true, nodes: 1, violations: 0 });
    expect(verdictOf(out).failovers).toBeGreaterThanOrEqual(1);
    expect(code).toBe(0);
  });

  test('SIGINT, stops every process and ends with the verdict', async () => {
    const cluster = processes.start(['cluster']);
    await cluster.line(/ timestamps\/s /);
    const pids = await childrenOf(cluster.pid);
    cluster.signal('SIGINT');
    expect(await cluster.exit(), cluster.transcript()).toBe(0);
    expect(cluster.out.at(-1)).toMatch(/^ok, /);
    await allGone(pids);
    await nobodyListens(endpointsIn(cluster.out));
  });

  test('a second signal, ends everything at once', async () => {
    const cluster = processes.start(['cluster']);
    await cluster.line(/ timestamps\/s /);
    const pids = await childrenOf(cluster.pid);
    const [, home = ''] = await cluster.line(/data in (\S+) /);
    cluster.signal('SIGINT');
    cluster.signal('SIGTERM');
    // 128 + the number of the second signal; the kernel may deliver them in either order.
    expect([130, 143]).toContain(await cluster.exit(5_000));
    await allGone(pids);
    await expect(access(home)).rejects.toThrow();
  });

  test('the supervisor killed, its processes end by themselves', async () => {
    const cluster = processes.start(['cluster', '--data-dir', join(directory, 'cluster')]);
    await cluster.line(/ timestamps\/s /);
    const pids = await childrenOf(cluster.pid);
    cluster.signal('SIGKILL');
    await cluster.exit();
    await allGone(pids);
    await nobodyListens(endpointsIn(cluster.out));
  });

  test('SIGTERM while the nodes are starting, stops every process', async () => {
    const cluster = processes.start(['cluster', '--data-dir', join(directory, 'cluster')]);
    await cluster.line(/node 3: clients at/);
    await expect.poll(() => childrenOf(cluster.pid), { timeout: 10_000, interval: 5 }).toHaveLength(3);
    const pids = await childrenOf(cluster.pid);
    cluster.signal('SIGTERM');
    // No timestamp was granted: the run cannot be ok.
    expect(await cluster.exit()).toBe(1);
    await allGone(pids);
  });

  test('a node killed by somebody else, is started again, and the run is not ok', async () => {
    const cluster = processes.start(['cluster', '--clients', '2', '--json']);
    await cluster.line(/ timestamps\/s /, 'err');
    const [, pid = ''] = await cluster.line(/node 1 is ready, process (\d+)/, 'err');
    process.kill(Number(pid), 'SIGKILL');
    await cluster.line(/node 1 ended by itself, by SIGKILL/, 'err');
    await cluster.line(/node 1 is ready again/, 'err');
    cluster.signal('SIGTERM');
    expect(await cluster.exit()).toBe(1);
    const { ok, unexpectedExits, failures, violations } = verdictOf(cluster.out);
    expect({ ok, unexpectedExits, failures, violations }).toEqual({
      ok: false,
      unexpectedExits: 1,
      failures: ['processes that ended without being asked to: 1'],
      violations: 0,
    });
  });

  test('a port that is taken while its node is down, is waited for', async () => {
    const cluster = processes.start(['cluster', '--clients', '2']);
    await cluster.line(/ timestamps\/s /);
    const [, pid = ''] = await cluster.line(/node 1 is ready, process (\d+)/);
    const [, port = ''] = await cluster.line(/node 1: clients at 127\.0\.0\.1:(\d+)/);
    process.kill(Number(pid), 'SIGKILL');
    await cluster.line(/node 1 ended by itself/);
    const intruder = createServer();
    await new Promise<void>((resolve, reject) => {
      intruder.once('error', reject);
      intruder.listen({ host: '127.0.0.1', port: Number(port) }, resolve);
    });
    await cluster.line(new RegExp(`cannot bind 127\\.0\\.0\\.1:${port}`), 'err');
    await new Promise((resolve) => intruder.close(resolve));
    await cluster.line(/node 1 is ready again/);
    cluster.signal('SIGINT');
    expect(await cluster.exit()).toBe(1);
  });

  test('the process of the clients killed, ends the run, which is not ok', async () => {
    const cluster = processes.start(['cluster', '--clients', '2', '--json']);
    await cluster.line(/ timestamps\/s /, 'err');
    const pids = await childrenOf(cluster.pid);
    const commands = await Promise.all(pids.map(commandOf));
    const loadPid = pids[commands.findIndex((command) => command.includes('load-worker'))];
    if (loadPid === undefined) throw new Error(`no load among ${commands.join(', ')}`);
    process.kill(loadPid, 'SIGKILL');
    expect(await cluster.exit()).toBe(1);
    expect(verdictOf(cluster.out)).toMatchObject({ ok: false, unexpectedExits: 1 });
    expect(verdictOf(cluster.out).failures).toContain('the process of the clients ended, by SIGKILL');
    await allGone(pids);
  });
});
