import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepareLayout, removeIfTemporary } from '../../src/cli/cluster/layout.js';
import { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { systemRandom } from '../../src/runtime/index.js';

let home: string;
let ports: ClusterPorts;

beforeEach(async () => {
  ports = new ClusterPorts(systemRandom);
  home = await mkdtemp(join(tmpdir(), 'tsoracle-layout-'));
});

afterEach(async () => {
  await ports[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** Prepares as a process of its own would, that has ended when the next one begins. */
async function prepareAlone(options: { readonly nodes: number; readonly dataDir?: string }) {
  await using own = new ClusterPorts(systemRandom);
  return await prepareLayout(options, own, systemRandom);
}

function distinct(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

describe('layout of a local cluster', () => {
  test('no directory given, a temporary one is made and removed', async () => {
    const layout = await prepareAlone({ nodes: 3 });
    expect(layout.temporary).toBe(true);
    expect(layout.nodes.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3]);
    expect(
      distinct(layout.nodes.flatMap(({ clientEndpoint, peerAddress }) => [clientEndpoint, peerAddress])),
    ).toBe(true);
    for (const { dataDir } of layout.nodes) await access(dataDir);
    await removeIfTemporary(layout);
    await expect(access(layout.dataDir)).rejects.toThrow();
  });

  test('a directory used again, keeps its cluster and its peer addresses', async () => {
    const dataDir = join(home, 'new', 'cluster');
    const first = await prepareAlone({ nodes: 3, dataDir });
    const file = await readFile(join(dataDir, 'cluster.json'), 'utf8');
    const second = await prepareAlone({ nodes: 3, dataDir });
    expect(await readFile(join(dataDir, 'cluster.json'), 'utf8')).toBe(file);
    const addresses = first.nodes.map(({ peerAddress }) => peerAddress);
    expect(second.nodes.map(({ peerAddress }) => peerAddress)).toEqual(addresses);
    await removeIfTemporary(second);
    await access(dataDir);
  });

  test('a first run that died before all nodes were made, is completed by the next one', async () => {
    const first = await prepareAlone({ nodes: 3, dataDir: home });
    const last = first.nodes[2]?.dataDir ?? '';
    await rm(last, { recursive: true });
    await mkdir(last);
    const second = await prepareAlone({ nodes: 3, dataDir: home });
    expect(second.nodes).toHaveLength(3);
    await access(join(last, 'identity'));
  });

  test('another number of nodes than before, is refused by name', async () => {
    await prepareAlone({ nodes: 1, dataDir: home });
    await expect(prepareAlone({ nodes: 3, dataDir: home })).rejects.toMatchObject({
      code: 'invalid_input',
      field: '--nodes',
      value: 3,
    });
  });

  test('a directory whose cluster runs already, is refused by name', async () => {
    await prepareLayout({ nodes: 1, dataDir: home }, ports, systemRandom);
    await expect(prepareAlone({ nodes: 1, dataDir: home })).rejects.toMatchObject({
      code: 'invalid_input',
      field: '--data-dir',
    });
  });

  test('a directory with something else in it, is refused by name', async () => {
    await writeFile(join(home, 'notes.txt'), '');
    await expect(prepareAlone({ nodes: 1, dataDir: home })).rejects.toMatchObject({
      code: 'invalid_input',
      field: '--data-dir',
    });
  });

  test.each(['', '{', '{"formatVersion":2}', '{"formatVersion":1,"clusterId":"c","peerAddresses":["x"]}'])(
    'a cluster.json that holds %j, is refused by name',
    async (text) => {
      await writeFile(join(home, 'cluster.json'), text);
      const refused = prepareAlone({ nodes: 1, dataDir: home });
      await expect(refused).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(refused).rejects.toThrow('cluster.json');
    },
  );
});
