import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { CliProcesses } from './cli-process.js';

const processes = new CliProcesses();

afterAll(() => processes.destroyAll());

describe('usage', () => {
  test('--version, prints the version of the package', async () => {
    const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await processes.run(['--version'])).toMatchObject({ code: 0, out: [manifest.version], err: [] });
  });

  test('--help, lists every command', async () => {
    const { code, out } = await processes.run(['--help']);
    expect(code).toBe(0);
    for (const name of ['cluster', 'init', 'serve paxos', 'get']) expect(out).toContain(`  ${name}`);
  });

  test.each([['init'], ['serve', 'paxos'], ['get'], ['cluster']])(
    '%s %s --help, explains every flag',
    async (...words) => {
      const { code, out, err } = await processes.run([
        ...words.filter((word) => typeof word === 'string'),
        '--help',
      ]);
      expect(code).toBe(0);
      expect(err).toEqual([]);
      expect(out[0]).toContain(
        `Usage: tsoracle ${words.filter((word) => typeof word === 'string').join(' ')}`,
      );
      expect(out.join('\n')).toContain('--help');
    },
  );

  test.each([
    [[], 'a command is missing'],
    [['srve'], '"srve" is not a command'],
    [['serve'], "did you mean 'tsoracle serve paxos'"],
    [['serve', 'raft'], "did you mean 'tsoracle serve paxos'"],
    [['get', '--endpoints', 'nowhere'], '--endpoints: must be a list of host:port'],
    [['cluster', '--nodes', '2'], '--nodes: must be 1, 3 or 5; received "2"'],
    [['cluster', '--fast'], '--fast: unknown option'],
  ])('%j, is refused with exit code 2 and the next step', async (args, text) => {
    const { code, out, err } = await processes.run(args);
    expect(code).toBe(2);
    expect(out).toEqual([]);
    expect(err.join('\n')).toContain(text);
    expect(err.at(-1)).toMatch(/^See 'tsoracle .*--help'\.$/);
  });
});
