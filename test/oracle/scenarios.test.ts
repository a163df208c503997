import { describe, expect, test } from 'vitest';
import { toEpoch } from '../../src/consensus/index.js';
import { MemoryDriver } from '../../src/driver/index.js';
import type { NodeId } from '../../src/omnipaxos/index.js';
import { Oracle } from '../../src/oracle/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';
import { HostCluster } from '../host/host-cluster.js';
import { type OracleHarness, oracleScenarios } from './scenarios.js';

/** One oracle over one MemoryDriver, which leads again when it is asked for. */
async function memoryHarness(): Promise<OracleHarness> {
  const clock = new VirtualClock();
  const driver = new MemoryDriver();
  const oracle = Oracle.start({ driver, clock });
  return {
    serving: async () => {
      await settleMicrotasks();
      if (oracle.state().role !== 'serving') driver.gainLeadership();
      await settleMicrotasks();
      expect(oracle.state().role).toBe('serving');
      return oracle;
    },
    depose: async () => {
      const state = oracle.state();
      if (state.role !== 'serving') throw new Error('nobody serves');
      driver.loseLeadership({ epoch: toEpoch(state.epoch + 1n), endpoint: 'other:50551' });
      await settleMicrotasks();
      return oracle;
    },
    closeDriver: async () => {
      await driver.close();
      await settleMicrotasks();
      return oracle;
    },
    highWater: () => driver.loadHighWater(),
    pass: (ms) => clock.advanceAsync(ms),
    [Symbol.asyncDispose]: () => oracle.close(),
  };
}

/** Three hosts that agree by Paxos, with an oracle over each one's driver. */
async function paxosHarness(): Promise<OracleHarness> {
  const cluster = new HostCluster([1, 2, 3]);
  await cluster.start();
  const oracles = new Map<NodeId, Oracle>();
  for (const [nodeId, { driver }] of cluster.hosts)
    oracles.set(nodeId, Oracle.start({ driver, clock: cluster.clock }));
  const servingNode = (): Promise<NodeId> =>
    cluster.until(() => [...oracles].find(([, oracle]) => oracle.state().role === 'serving')?.[0]);
  const oracleOf = (nodeId: NodeId): Oracle => {
    const oracle = oracles.get(nodeId);
    if (oracle === undefined) throw new Error(`node ${nodeId} has no oracle`);
    return oracle;
  };
  return {
    serving: async () => oracleOf(await servingNode()),
    depose: async () => {
      const nodeId = await servingNode();
      cluster.network.isolate(nodeId, true);
      await cluster.leader([nodeId]);
      cluster.network.isolate(nodeId, false);
      await cluster.until(() => (oracleOf(nodeId).state().role === 'follower' ? true : undefined));
      return oracleOf(nodeId);
    },
    closeDriver: async () => {
      const nodeId = await servingNode();
      await cluster.drive(cluster.host(nodeId).driver.close());
      return oracleOf(nodeId);
    },
    highWater: async () => cluster.drive(cluster.host(await servingNode()).driver.loadHighWater()),
    pass: (ms) => cluster.pass(ms),
    [Symbol.asyncDispose]: async () => {
      for (const oracle of oracles.values()) await oracle.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

describe.each([
  ['the memory driver', memoryHarness],
  ['three hosts that agree by Paxos', paxosHarness],
] as const)('oracle over %s', (_, create) => {
  test.each(oracleScenarios.map(({ name, run }) => [name, run] as const))('%s', async (_name, run) => {
    await using harness = await create();
    await run(harness);
  });
});
