import type { ConformanceCase } from './driver-conformance/driver-harness.js';
import { failureCases } from './host-conformance/failure-cases.js';
import { HostBench, type HostCaseBodies } from './host-conformance/host-bench.js';
import type { HostConformanceOptions } from './host-conformance/host-harness.js';
import { leadershipCases, leadershipOverChangesCases } from './host-conformance/leadership-cases.js';
import { proposeCases, proposeOverChangesCases } from './host-conformance/propose-cases.js';
import { reopenCases } from './host-conformance/reopen-cases.js';

export type {
  HostCapabilities,
  HostConformanceOptions,
  HostHarness,
  HostLeadershipControls,
} from './host-conformance/host-harness.js';

/**
 * What every `PaxosHighWaterHost` must do: a list of cases for any test runner. Each makes a host of its own, works it as a driver
 * would, rejects if the host breaks the contract, and leaves nothing behind. Capabilities add cases.
 *
 * It is about the port alone. Run `driverConformance` on a `PaxosDriver` over the same host as well: that is what an oracle sees.
 *
 * ```ts
 * for (const { name, run } of hostConformance({ create, capabilities })) test(name, run);
 * ```
 */
export function hostConformance(options: HostConformanceOptions): readonly ConformanceCase[] {
  const { create, capabilities } = options;
  const bodies: HostCaseBodies = {
    ...leadershipCases,
    ...proposeCases,
    ...(capabilities.leadership ? { ...leadershipOverChangesCases, ...proposeOverChangesCases } : {}),
    ...(capabilities.breakApply ? failureCases : {}),
    ...(capabilities.reopen ? reopenCases : {}),
  };
  return Object.entries(bodies).map(([name, body]) => ({
    name,
    run: async () => {
      const harness = await create();
      try {
        await body(new HostBench(harness));
      } finally {
        await harness.dispose();
      }
    },
  }));
}
