import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { systemRandom } from '../../src/runtime/index.js';
import { CliProcesses } from './cli-process.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const processes = new CliProcesses();
const ports = new ClusterPorts(systemRandom);
let directory: string;
let readme: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tsoracle-readme-'));
  readme = await readFile(join(root, 'README.md'), 'utf8');
});

afterAll(async () => {
  await processes.destroyAll();
  await ports[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** The only fenced block of this language that holds `text`. */
function block(language: string, text: string): string {
  const blocks = [...readme.matchAll(/```(\w*)\n([\s\S]*?)```/g)];
  const found = blocks.filter(([, kind, body]) => kind === language && body?.includes(text));
  expect(found, `one block of ${language} with ${text}`).toHaveLength(1);
  return found[0]?.[2] ?? '';
}

/** Runs a snippet as a module of its own, as somebody would who has installed the package. */
async function runSnippet(code: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    timeout: 30_000,
  });
  return stdout.trim().split('\n');
}

describe('the README', () => {
  test('its commands for a cluster by hand and its client, work as they stand but for ports and paths', async () => {
    const taken = await ports.takePorts(6);
    const places = new Map(taken.map((port, index) => [`${index < 3 ? 700 : 800}${(index % 3) + 1}`, port]));
    const commands = block('sh', 'serve paxos');
    const flags = (line: string, n: number): string[] =>
      line
        .replace(/ &$/, '')
        .replaceAll('$peers', /peers=(\S+)/.exec(commands)?.[1] ?? '')
        .replaceAll('$n', String(n))
        .replaceAll('data/', `${directory}/`)
        .replace(/\b[78]00[123]\b/g, (port) => String(places.get(port)))
        .trim()
        .split(/\s+/)
        .slice(2);
    const line = (word: string): string => commands.split('\n').find((each) => each.includes(word)) ?? '';
    for (const n of [1, 2, 3])
      expect(await processes.run(flags(line('tsoracle init'), n))).toMatchObject({ code: 0 });
    for (const n of [1, 2, 3]) processes.start(flags(line('serve paxos'), n));
    const got = await processes.run(flags(line('tsoracle get'), 0));
    expect(got.code, got.transcript).toBe(0);
    expect(got.out).toHaveLength(3);

    const client = block('js', 'TsoClient').replace(/5055([123])/g, (_, n) => String(places.get(`800${n}`)));
    const [one = '', ...range] = await runSnippet(client);
    expect(one).toMatch(/^\d{18,19}n$/);
    expect(range.join(' ')).toMatch(/first: \d+n,.*count: 1000,/);
  });

  test('its embedded node, runs as it stands but for path and port', async () => {
    const dataDir = join(directory, 'embedded');
    const [port] = await ports.takePorts(1);
    const init = [
      'init',
      '--data-dir',
      dataDir,
      '--cluster-id',
      'r',
      '--node-id',
      '1',
      '--peers',
      `1=127.0.0.1:${port}`,
    ];
    expect(await processes.run(init)).toMatchObject({ code: 0 });
    const snippet = block('js', 'StandaloneHost')
      .replace('data/node-1', dataDir)
      .replace('7001', String(port));
    // The snippet's grant is refused until the node leads; so the last line waits for that, and the end is
    // appended.
    const [start = '', grant = ''] = snippet.split(/(?=const \{ physicalMs)/);
    const wait =
      "while (oracle.state().role !== 'serving') await new Promise((resolve) => oracle.events.once('state', resolve));\n";
    const end = 'console.log(physicalMs, logicalStart); await oracle.close(); await host.close();';
    const lines = await runSnippet(`${start}${wait}${grant}${end}`);
    expect(lines).toEqual(expect.arrayContaining(['fencing', 'serving']));
    expect(lines.some((text) => /^\d{13} \d+$/.test(text))).toBe(true);
  });

  test('its verdict, has the fields that a verdict has', async () => {
    const shown = JSON.parse(block('json', '"ok"'));
    const home = join(directory, 'cluster');
    const { out } = await processes.run([
      'cluster',
      '--duration',
      '1',
      '--clients',
      '1',
      '--json',
      '--data-dir',
      home,
    ]);
    expect(Object.keys(JSON.parse(out.at(-1) ?? '{}'))).toEqual(Object.keys(shown));
  });

  test('every page that it points at, is there', async () => {
    for (const [, path = ''] of readme.matchAll(/\]\(([^)#:]+)\)/g)) {
      if (!path.endsWith('/examples')) await readFile(join(root, path));
    }
  });
});
