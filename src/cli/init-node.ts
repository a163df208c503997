import { initDataDirectory } from '../storage/index.js';
import type { CommandOutput } from './command.js';
import type { InitOptions } from './commands/init.js';
import { firstConfig } from './first-config.js';

/** `tsoracle init`: the only act that creates a data directory. */
export async function initNode(options: InitOptions, output: CommandOutput): Promise<number> {
  const { dataDir, clusterId, nodeId, peers } = options;
  await initDataDirectory({
    dataDir,
    clusterId,
    nodeId,
    config: firstConfig([...peers.keys()]),
    peerAddresses: peers,
  });
  output.out(`${dataDir} is now the data directory of node ${nodeId} of cluster ${clusterId}.`);
  return 0;
}
