import { describe, expect, test } from 'vitest';
import { PaxosDriver } from '../../src/driver/index.js';
import {
  type HostCapabilities,
  type HostHarness,
  hostConformance,
} from '../../src/testing/host-conformance.js';
import { HostCluster } from './host-cluster.js';

const CAPABILITIES: HostCapabilities = { leadership: true, breakApply: true, reopen: true };

/** The node under test, preferred as leader. */
const NODE = 1;
const OTHERS = [2, 3];

async function portHarness(): Promise<HostHarness> {
  const cluster = new HostCluster([NODE, ...OTHERS]);
  await cluster.start([NODE], { priority: 9 });
  await cluster.start(OTHERS);
  await cluster.leader(OTHERS);
  let { port } = cluster.host(NODE);

  const regain = async (): Promise<void> => {
    for (;;) {
      const { nodeId } = await cluster.leader();
      if (nodeId === NODE) return;
      cluster.network.isolate(nodeId, true);
      await cluster.leader([nodeId]);
      cluster.network.isolate(nodeId, false);
      await cluster.pass(300);
    }
  };
  return {
    host: port,
    until: (condition) => cluster.until(() => condition() || undefined).then(() => {}),
    leadership: {
      lose: async () => {
        cluster.network.isolate(NODE, true);
        const { host, epoch } = await cluster.leader([NODE]);
        await cluster.drive(host.driver.loadHighWater());
        cluster.network.isolate(NODE, false);
        await cluster.until(() =>
          port.applyState.epoch >= epoch && port.leadership().role === 'follower' ? true : undefined,
        );
      },
      regain,
    },
    breakApply: () => {
      port.applyState.fold = () => {
        throw new Error('this fold fails');
      };
    },
    reopen: async () => {
      await cluster.close(NODE);
      await cluster.start([NODE], { priority: 9 });
      await regain();
      ({ port } = cluster.host(NODE));
      return port;
    },
    dispose: () => cluster[Symbol.asyncDispose](),
  };
}

describe('port of a standalone host in a cluster of three: conformance', () => {
  const cases = hostConformance({ create: portHarness, capabilities: CAPABILITIES });
  for (const { name, run } of cases) test(name, run);

  test('another driver over it, is refused', async () => {
    await using cluster = new HostCluster([NODE]);
    await cluster.start();
    expect(() => new PaxosDriver({ host: cluster.host(NODE).port })).toThrow(/driven by another/);
  });
});
