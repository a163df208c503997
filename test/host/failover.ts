import type { LeaderState } from '../../src/consensus/index.js';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { Oracle } from '../../src/oracle/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { HostCluster } from './host-cluster.js';

const NODES = [1, 2, 3];
const WATCHED_MS = 2_000;

/** What the clients of a cluster see of one failover, asking each ms. */
export interface Failover {
  /** From the leader's end to the last ms without a timestamp. */
  readonly gapMs: number;
  /** How many leaderships have followed. */
  readonly leaderships: number;
  /** For how many ms an oracle served and refused for want of a lease. */
  readonly withoutLeaseMs: number;
}

/**
 * On virtual time, the leader of three nodes loses its power at a moment that the seed draws, as it draws how
 * far apart the nodes' rounds are.
 */
export async function failover(seed: number, leaseMs: number): Promise<Failover> {
  const random = new SeededRandom(seed);
  await using cluster = new HostCluster(NODES, { leaseMs });
  const oracles = new Map<NodeId, Oracle>();
  for (const nodeId of NODES) {
    await cluster.start([nodeId]);
    oracles.set(nodeId, Oracle.start({ driver: cluster.host(nodeId).driver, clock: cluster.clock }));
    await cluster.pass(random.below(100));
  }
  await cluster.pass(1_000);
  const leader = await cluster.until(() => [...oracles].find(([, oracle]) => oracle.tryGrant(1).ok)?.[0]);
  await cluster.pass(random.below(100));

  let leaderships = 0;
  const count = ({ role }: LeaderState): void => {
    if (role === 'leader') leaderships += 1;
  };
  for (const [nodeId, host] of cluster.hosts) if (nodeId !== leader) host.events.on('leadership', count);
  await cluster.crash(leader);
  oracles.delete(leader);
  let gapMs = 0;
  let withoutLeaseMs = 0;
  for (let ms = 1; ms <= WATCHED_MS; ms++) {
    await cluster.pass(1);
    const results = [...oracles.values()].map((oracle) => oracle.tryGrant(1));
    if (!results.some(({ ok }) => ok)) gapMs = ms;
    if (results.some((result) => !result.ok && result.refusal.kind === 'noLease')) withoutLeaseMs += 1;
  }
  for (const oracle of oracles.values()) await oracle.close();
  return { gapMs, leaderships, withoutLeaseMs };
}
