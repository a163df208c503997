import { createServer } from 'node:net';
import { TsoracleError } from '../../errors/index.js';
import type { Random } from '../../runtime/index.js';

/** Where everything of a local cluster listens. */
export const LOCAL_HOST = '127.0.0.1';

/** The first client port that is tried; node n's is this + n - 1. */
const FIRST_CLIENT_PORT = 50_551;

/**
 * Other ports are taken from this range: below the one (32768 and up on Linux) out of which the system takes ports for outgoing
 * connections. Otherwise such a connection could occupy a node's port while the node is being restarted.
 */
const OTHER_PORTS = { first: 20_000, count: 12_000 } as const;

/** How many random ports are tried for each one that is wanted. */
const ATTEMPTS_MAX = 200;

/** A client port for each of `count` nodes: 50551 and up, or a free one where that is taken. */
export async function chooseClientPorts(
  count: number,
  random: Random,
  avoid: readonly number[],
): Promise<number[]> {
  const ports: number[] = [];
  for (let index = 0; index < count; index++) {
    const preferred = FIRST_CLIENT_PORT + index;
    const usable = !avoid.includes(preferred) && (await isPortFree(preferred));
    ports.push(usable ? preferred : await chooseFreePort(random, [...avoid, ...ports]));
  }
  return ports;
}

/** `count` different free ports. */
export async function chooseFreePorts(count: number, random: Random): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await chooseFreePort(random, ports));
  return ports;
}

async function chooseFreePort(random: Random, avoid: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = OTHER_PORTS.first + Math.floor(random.nextFloat() * OTHER_PORTS.count);
    if (!avoid.includes(port) && (await isPortFree(port))) return port;
  }
  throw new TsoracleError(
    'no_free_port',
    `found no free port on ${LOCAL_HOST} in ${ATTEMPTS_MAX} attempts within [${OTHER_PORTS.first}, ${OTHER_PORTS.first + OTHER_PORTS.count - 1}]`,
  );
}

/** Whether a server could listen on this port of the local host right now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: LOCAL_HOST, port }, () => server.close(() => resolve(true)));
  });
}
