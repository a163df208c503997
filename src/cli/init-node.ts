import { InvalidInputError } from '../errors/index.js';
import { initDataDirectory } from '../storage/index.js';
import type { CommandOutput } from './command.js';
import type { InitOptions } from './commands/init.js';
import { firstConfig } from './first-config.js';
import { readSurvivor, SEED_MS_MAX, seededClusterId, seedSnapshot } from './seed.js';

/** `tsoracle init`: the only act that creates the data directory of a node. */
export async function initNode(options: InitOptions, output: CommandOutput): Promise<number> {
  const { dataDir, nodeId, peers, join } = options;
  const seedMs = await seedOf(options);
  const clusterId = seedMs === undefined ? options.clusterId : seededClusterId(options.clusterId, seedMs);
  await initDataDirectory({
    dataDir,
    clusterId,
    nodeId,
    config: firstConfig([...peers.keys()]),
    peerAddresses: peers,
    ...(join ? { joins: true } : {}),
    ...(seedMs === undefined ? {} : { firstSnapshot: seedSnapshot(seedMs) }),
  });
  output.out(`${dataDir} is now the data directory of node ${nodeId} of cluster ${clusterId}.`);
  if (seedMs !== undefined) {
    output.out(
      `Its timestamps lie above ${seedMs} ms. Make every other node with --cluster-id ${options.clusterId} --seed-physical-ms ${seedMs}.`,
    );
  }
  return 0;
}

/** What every timestamp must lie above, in ms; undefined if nothing was asked for. */
async function seedOf({ clusterId, recoverFrom, seedPhysicalMs }: InitOptions): Promise<number | undefined> {
  if (recoverFrom === undefined) return seedPhysicalMs;
  const survivor = await readSurvivor(recoverFrom);
  if (survivor.clusterId.split('+')[0] === clusterId) {
    const expectation = `must be another name than that of the lost cluster (${survivor.clusterId}), so that nodes of both never meet`;
    throw new InvalidInputError('--cluster-id', clusterId, expectation);
  }
  const seedMs = Math.max(survivor.highWaterMs, seedPhysicalMs ?? 0);
  if (seedMs <= SEED_MS_MAX) return seedMs;
  throw new InvalidInputError(
    '--recover-from',
    recoverFrom,
    `holds ${seedMs}, above ${SEED_MS_MAX}: no timestamps are left above it`,
  );
}
