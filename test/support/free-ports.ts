import { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { systemRandom } from '../../src/runtime/index.js';

/**
 * `count` different loopback ports that nobody listens on at this moment. They lie below those that the
 * system takes for outgoing connections, one of which could otherwise have a port before the test listens
 * there.
 */
export async function freePorts(count: number): Promise<number[]> {
  await using ports = new ClusterPorts(systemRandom);
  return await ports.takePorts(count);
}
