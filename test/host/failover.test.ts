import { describe, expect, test } from 'vitest';
import type { LeaderState } from '../../src/consensus/index.js';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { Oracle } from '../../src/oracle/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { HostCluster } from './host-cluster.js';

const NODES = [1, 2, 3];
const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);

/** What the clients of a cluster see of one failover, asking each ms. */
interface Failover {
  /** From the leader's end to the last ms without a timestamp. */
  readonly gapMs: number;
  readonly leaderships: number;
  /** For how many ms an oracle served and refused for want of a lease. */
  readonly withoutLeaseMs: number;
}

/** Lets the leader lose its power at a moment that the seed draws, as it draws how far apart the nodes' rounds are. */
async function failover(seed: number): Promise<Failover> {
  const random = new SeededRandom(seed);
  await using cluster = new HostCluster(NODES);
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
  for (let ms = 1; ms <= 2_000; ms++) {
    await cluster.pass(1);
    const results = [...oracles.values()].map((oracle) => oracle.tryGrant(1));
    if (!results.some(({ ok }) => ok)) gapMs = ms;
    if (results.some((result) => !result.ok && result.refusal.kind === 'noLease')) withoutLeaseMs += 1;
  }
  for (const oracle of oracles.values()) await oracle.close();
  return { gapMs, leaderships, withoutLeaseMs };
}

describe('failover: the leader loses its power', () => {
  test.each(SEEDS)(
    'seed %i: one leadership follows, it serves from its first window on, and its clients wait for 3.2 rounds at most',
    async (seed) => {
      const { gapMs, leaderships, withoutLeaseMs } = await failover(seed);
      expect(leaderships).toBe(1);
      expect(withoutLeaseMs).toBe(0);
      // A round of 100 ms in which the leader died, one to see that it is gone, one to see that others see it too; then messages.
      expect(gapMs).toBeLessThanOrEqual(320);
    },
  );
});
