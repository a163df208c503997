import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ClusterPorts, isPortFree, LOCAL_HOST } from '../../src/cli/cluster/ports.js';
import { type Random, systemRandom } from '../../src/runtime/index.js';

const servers: Server[] = [];
const taken: ClusterPorts[] = [];

function create(random: Random = systemRandom): ClusterPorts {
  const ports = new ClusterPorts(random);
  taken.push(ports);
  return ports;
}

async function occupy(port: number): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: LOCAL_HOST, port }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  await Promise.all(taken.splice(0).map((ports) => ports[Symbol.asyncDispose]()));
});

describe('ports of a local cluster', () => {
  test('a port that somebody listens on, is not free', async () => {
    const port = await occupy(0);
    expect(await isPortFree(port)).toBe(false);
    expect(await create().take(port)).toBe(false);
  });

  test('any ports, are distinct, free, and below the range of outgoing connections', async () => {
    const ports = await create().takePorts(10);
    expect(new Set(ports).size).toBe(10);
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(32_768);
      expect(await isPortFree(port)).toBe(true);
    }
  });

  test('a port that is taken, is not given to another cluster until it is given back', async () => {
    const first = create();
    const second = create();
    const [port = 0] = await first.takePorts(1);
    expect(await first.take(port)).toBe(false);
    expect(await second.take(port)).toBe(false);
    await first[Symbol.asyncDispose]();
    expect(await second.take(port)).toBe(true);
  });

  test('client ports, are 50551 and up but for those that are taken', async () => {
    // Another program of this machine may have some of them: then those are not ours to expect.
    const other = create();
    await other.take(50_552);
    const ports = await create().takeClientPorts(3);
    expect(ports[1]).toBeLessThan(32_768);
    for (const index of [0, 2]) {
      const port = ports[index] ?? 0;
      expect(port === 50_551 + index || port < 32_768).toBe(true);
    }
    expect(new Set(ports).size).toBe(3);
  });

  test('no port free, is an error instead of a search without end', async () => {
    const stuck = { nextFloat: () => 0.3, nextId: () => '0' };
    const ports = create(stuck);
    await ports.takePorts(1);
    await expect(ports.takePorts(1)).rejects.toMatchObject({ code: 'no_free_port' });
  });
});
