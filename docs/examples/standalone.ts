// Three nodes in one process, on disks and sockets of their own; the leader is stopped. Run it: npx tsx docs/examples/standalone.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  formatTimestamp,
  initDataDirectory,
  Oracle,
  packTimestamp,
  StandaloneHost,
} from '../../src/index.js';
import { freePorts } from './free-ports.js';

const NODES = [1, 2, 3];
const WITHIN_MS = 20_000;

interface Member {
  readonly nodeId: number;
  readonly host: StandaloneHost;
  readonly oracle: Oracle;
}

/** Grants timestamps over a failover, and tells them to `print`. */
export async function run(print: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-standalone-'));
  const members: Member[] = [];
  try {
    members.push(...(await startAll(folder)));
    print('three nodes run, each on a directory and sockets of its own; whoever leads serves');
    const first = await timestamp(members);
    print(`node ${first.nodeId} grants ${formatTimestamp(first.timestamp)}`);

    // On purpose: the leadership is handed over first, so that the others need not wait for an old lease.
    const [stopped] = members.splice(
      members.findIndex(({ nodeId }) => nodeId === first.nodeId),
      1,
    );
    await stopped?.host.handOver();
    await stop(stopped);

    const second = await timestamp(members);
    print(
      `node ${second.nodeId} grants ${formatTimestamp(second.timestamp)}, after node ${first.nodeId} was stopped`,
    );
    if (second.timestamp <= first.timestamp) throw new Error('timestamps have gone back');
  } finally {
    await Promise.all(members.map(stop));
    await rm(folder, { recursive: true, force: true });
  }
}

async function startAll(folder: string): Promise<readonly Member[]> {
  const ports = await freePorts(NODES.length);
  const peerAddresses = new Map(NODES.map((nodeId, i) => [nodeId, `127.0.0.1:${ports[i]}`]));
  return await Promise.all(
    NODES.map(async (nodeId): Promise<Member> => {
      const dataDir = join(folder, `node-${nodeId}`);
      const config = { configId: 1, nodes: NODES, leaseMs: 250, maxClockDrift: 0.01 };
      await initDataDirectory({ dataDir, clusterId: 'standalone', nodeId, config, peerAddresses });
      const host = await StandaloneHost.open({ dataDir, peerListen: peerAddresses.get(nodeId) ?? '' });
      return { nodeId, host, oracle: Oracle.start({ driver: host.driver }) };
    }),
  );
}

/** A timestamp of whichever node serves. A client over the network looks for the leader in the same way. */
async function timestamp(members: readonly Member[]): Promise<{ nodeId: number; timestamp: bigint }> {
  for (const began = performance.now(); performance.now() - began < WITHIN_MS; await pause(5)) {
    for (const { nodeId, oracle } of members) {
      const result = oracle.tryGrant(1);
      if (!result.ok) continue;
      const { physicalMs, logicalStart } = result.grant;
      return { nodeId, timestamp: packTimestamp(physicalMs, logicalStart) };
    }
  }
  throw new Error(`nobody has served within ${WITHIN_MS} ms`);
}

async function stop(member: Member | undefined): Promise<void> {
  await member?.oracle.close();
  await member?.host.close();
}

if (process.argv[1] === import.meta.filename) await run((line) => void process.stdout.write(`${line}\n`));
