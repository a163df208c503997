import { expect, test } from 'vitest';
import { NodeCluster } from './node-cluster.js';

test('a snapshot below a decided stop sign, as a lagging applier asks for: it is refused, and the node goes on', async () => {
  const cluster = await NodeCluster.started({ config: { leaseMs: 250, maxClockDrift: 0.02 } });
  const leader = await cluster.electLeader();
  await cluster.until(() => leader.isValid(), 'a valid lease');
  await cluster.decide(leader.node, 'a');
  await cluster.reconfigure([1, 2, 3]);
  await cluster.entered(2, [1, 2, 3]);
  // The host has folded 'a', and the stop sign is decided already.
  let thrown: unknown;
  try {
    leader.node.snapshot(1, 7);
  } catch (error) {
    thrown = error;
  }
  await cluster.pass(50);
  expect(leader.node.status().stopped).toBeUndefined();
  expect(thrown).toMatchObject({ code: 'log_range' });
});
