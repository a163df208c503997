import { createServer, type ListenOptions, type Server } from 'node:net';
import { TsoracleError } from '../../errors/index.js';
import type { Random } from '../../runtime/index.js';

/** Where everything of a local cluster listens. */
export const LOCAL_HOST = '127.0.0.1';

/** The first client port that is tried; node n's is this + n - 1. */
const FIRST_CLIENT_PORT = 50_551;

/**
 * Other ports are taken from this range: below the one (32768 and up on Linux) out of which the system takes
 * ports for outgoing connections. Otherwise such a connection could occupy a node's port while the node is
 * being restarted.
 */
const OTHER_PORTS = { first: 20_000, count: 12_000 } as const;

/** How many random ports are tried for each one that is wanted. */
const ATTEMPTS_MAX = 200;

/**
 * The ports of one local cluster, taken for as long as its supervisor runs, also while the node that listens
 * there is being restarted: no other local cluster of this machine is given them. (Clients could not tell a
 * node of another cluster from their own.) The claim of a port is a listening socket with a name in Linux's
 * abstract namespace, which vanishes with its process; elsewhere there are no claims.
 */
export class ClusterPorts implements AsyncDisposable {
  readonly #random: Random;
  readonly #claims = new Map<number, Server | undefined>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** A client port for each of `count` nodes: 50551 and up, or another free one where that is taken. */
  async takeClientPorts(count: number): Promise<number[]> {
    const ports: number[] = [];
    for (let index = 0; index < count; index++) {
      const preferred = FIRST_CLIENT_PORT + index;
      ports.push((await this.take(preferred)) ? preferred : await this.#takeAny());
    }
    return ports;
  }

  /** `count` different free ports. */
  async takePorts(count: number): Promise<number[]> {
    const ports: number[] = [];
    while (ports.length < count) ports.push(await this.#takeAny());
    return ports;
  }

  /** Takes this very port. Resolves with whether it was free. */
  async take(port: number): Promise<boolean> {
    if (this.#claims.has(port) || !(await isPortFree(port))) return false;
    if (process.platform !== 'linux') {
      this.#claims.set(port, undefined);
      return true;
    }
    const claim = await listening({ path: `\0tsoracle-cluster-port-${port}` });
    if (claim !== undefined) this.#claims.set(port, claim);
    return claim !== undefined;
  }

  /** Gives all ports back. */
  async [Symbol.asyncDispose](): Promise<void> {
    const claims = [...this.#claims.values()];
    this.#claims.clear();
    await Promise.all(claims.map((claim) => claim && closed(claim)));
  }

  async #takeAny(): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const port = OTHER_PORTS.first + Math.floor(this.#random.nextFloat() * OTHER_PORTS.count);
      if (await this.take(port)) return port;
    }
    const range = `[${OTHER_PORTS.first}, ${OTHER_PORTS.first + OTHER_PORTS.count - 1}]`;
    const message = `found no free port on ${LOCAL_HOST} within ${range} in ${ATTEMPTS_MAX} attempts`;
    throw new TsoracleError('no_free_port', message);
  }
}

/** Whether a server could listen on this port of the local host right now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = await listening({ host: LOCAL_HOST, port });
  if (server !== undefined) await closed(server);
  return server !== undefined;
}

function listening(options: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen(options, () => resolve(server));
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
