import { describe, test } from 'vitest';
import { driverConformance, hostConformance } from '../../src/testing/index.js';
import {
  KV_DRIVER_CAPABILITIES,
  KV_HOST_CAPABILITIES,
  kvDriverHarness,
  kvHostHarness,
} from './kv-harness.js';

describe('piggyback host in a cluster of three: conformance', () => {
  const cases = hostConformance({ create: kvHostHarness, capabilities: KV_HOST_CAPABILITIES });
  for (const { name, run } of cases) test(name, run);
});

describe('paxos driver of a piggyback host in a cluster of three: conformance', () => {
  const cases = driverConformance({ create: kvDriverHarness, capabilities: KV_DRIVER_CAPABILITIES });
  for (const { name, run } of cases) test(name, run);
});
