import { InvalidInputError, parseInput } from '../errors/index.js';
import { type ClusterConfig, clusterConfigSchema } from './cluster-config.js';

/**
 * The configuration that may follow `config`, as it is proposed: `next` with the leases of `config` noted in it.
 * @throws {InvalidInputError} unless `next` keeps the rules of a config, its configId is one more than that of `config`, and it names no `previousLease`.
 */
export function nextConfigAfter(config: ClusterConfig, next: ClusterConfig): ClusterConfig {
  const parsed = parseInput(clusterConfigSchema, next, 'nextConfig');
  if (parsed.configId !== config.configId + 1) {
    throw new InvalidInputError(
      'nextConfig.configId',
      parsed.configId,
      `must be ${config.configId + 1}, one more than the configuration in force`,
    );
  }
  if (parsed.previousLease !== undefined) {
    throw new InvalidInputError(
      'nextConfig.previousLease',
      parsed.previousLease,
      'must be absent: it is taken from the configuration in force',
    );
  }
  const { leaseMs, maxClockDrift } = config;
  return { ...parsed, ...(leaseMs === 0 ? {} : { previousLease: { leaseMs, maxClockDrift } }) };
}
