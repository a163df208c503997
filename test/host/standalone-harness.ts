import type { DriverCapabilities, DriverHarness } from '../../src/testing/driver-conformance.js';
import { HostCluster } from './host-cluster.js';

export const STANDALONE_CAPABILITIES: DriverCapabilities = { leadership: true, stall: true, reopen: true };

/** The node whose driver is under test, preferred as leader. */
const NODE = 1;
const OTHERS = [2, 3];

/** Three standalone hosts on virtual time; the driver under test is that of the node that leads first. */
export async function standaloneHarness(): Promise<DriverHarness> {
  const cluster = new HostCluster([NODE, ...OTHERS]);
  const held: (() => void)[] = [];
  let stalled = false;
  // The others' disks hold everything back while the cluster is stalled: nothing is decided, and nobody else
  // can be elected.
  const storage = {
    completeLater: (done: () => void): void => void (stalled ? held.push(done) : queueMicrotask(done)),
  };
  const endStall = (): void => {
    stalled = false;
    for (const done of held.splice(0)) done();
  };
  await cluster.start([NODE], { priority: 9 });
  await cluster.start(OTHERS, { storage });
  await cluster.leader(OTHERS);

  const lose = async (): Promise<void> => {
    cluster.network.isolate(NODE, true);
    endStall();
    await cluster.leader([NODE]);
    cluster.network.isolate(NODE, false);
    await cluster.until(() => (cluster.host(NODE).status().leadership.role === 'leader' ? undefined : true));
  };
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
    driver: cluster.host(NODE).driver,
    drive: (work) => cluster.drive(work),
    leadership: { lose, regain },
    stall: {
      begin: () => {
        stalled = true;
      },
      end: endStall,
      passTime: (ms) => cluster.pass(ms),
    },
    reopen: async () => {
      await cluster.close(NODE);
      await cluster.start([NODE], { priority: 9 });
      await regain();
      return cluster.host(NODE).driver;
    },
    dispose: async () => {
      endStall();
      await cluster[Symbol.asyncDispose]();
    },
  };
}
