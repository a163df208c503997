import { describe, test } from 'vitest';
import { driverConformance } from '../../src/testing/driver-conformance.js';
import { STANDALONE_CAPABILITIES, standaloneHarness } from './standalone-harness.js';

describe('paxos driver of a standalone host in a cluster of three: conformance', () => {
  const cases = driverConformance({ create: standaloneHarness, capabilities: STANDALONE_CAPABILITIES });
  for (const { name, run } of cases) test(name, run);
});
