import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { chooseClientPorts, chooseFreePorts, isPortFree, LOCAL_HOST } from '../../src/cli/cluster/ports.js';
import { systemRandom } from '../../src/runtime/index.js';

const servers: Server[] = [];

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
});

describe('ports', () => {
  test('a port that somebody listens on, is not free', async () => {
    expect(await isPortFree(await occupy(0))).toBe(false);
  });

  test('free ports, are distinct, free, and below the range of outgoing connections', async () => {
    const ports = await chooseFreePorts(10, systemRandom);
    expect(new Set(ports).size).toBe(10);
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(32_768);
      expect(await isPortFree(port)).toBe(true);
    }
  });

  test('client ports, are 50551 and up but for those that are taken or kept for peers', async () => {
    // Another program of this machine may hold one of them: then it is not ours to expect.
    if (await isPortFree(50_551)) await occupy(50_551);
    const ports = await chooseClientPorts(3, systemRandom, [50_553]);
    expect(ports[0]).toBeLessThan(32_768);
    expect(ports[1] === 50_552 || (ports[1] ?? 0) < 32_768).toBe(true);
    expect(ports[2]).toBeLessThan(32_768);
    expect(new Set(ports).size).toBe(3);
  });

  test('no port free, is an error instead of a search without end', async () => {
    const stuck = { nextFloat: () => 0, nextId: () => '0' };
    const [port] = await chooseFreePorts(1, stuck);
    if (port !== undefined) await occupy(port);
    await expect(chooseFreePorts(1, stuck)).rejects.toMatchObject({ code: 'no_free_port' });
  });
});
