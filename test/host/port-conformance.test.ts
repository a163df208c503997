import { afterAll, describe, test, vi } from 'vitest';
import { NodeHighWaterHost } from '../../src/host/index.js';
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

// A standalone host keeps its port to itself. It tells the port of each change, and so the port is found.
const changed = vi.spyOn(NodeHighWaterHost.prototype, 'changed');
afterAll(() => changed.mockRestore());

/** The port of the standalone host that was started last. */
function newestPort(nodeId: number): NodeHighWaterHost {
  const port = changed.mock.contexts
    .filter((context): context is NodeHighWaterHost => context instanceof NodeHighWaterHost)
    .findLast(({ identity }) => identity.nodeId === nodeId);
  if (port === undefined) throw new Error('no port has told a change');
  return port;
}

async function portHarness(): Promise<HostHarness> {
  changed.mockClear();
  const cluster = new HostCluster([NODE, ...OTHERS]);
  await cluster.start([NODE], { priority: 9 });
  await cluster.start(OTHERS);
  await cluster.leader(OTHERS);
  let port = newestPort(NODE);

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
      port = newestPort(NODE);
      return port;
    },
    dispose: () => cluster[Symbol.asyncDispose](),
  };
}

describe('port of a standalone host in a cluster of three: conformance', () => {
  const cases = hostConformance({ create: portHarness, capabilities: CAPABILITIES });
  for (const { name, run } of cases) test(name, run);
});
