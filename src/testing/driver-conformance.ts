import { callCases, stalledCallCases, stalledCallOverChangesCases } from './driver-conformance/call-cases.js';
import type { ConformanceCase, DriverConformanceOptions } from './driver-conformance/driver-harness.js';
import {
  highWaterCases,
  highWaterOverChangesCases,
  highWaterOverRestartCases,
} from './driver-conformance/high-water-cases.js';
import { type CaseBodies, casesOf } from './driver-conformance/run-case.js';
import { streamCases, streamOverChangesCases } from './driver-conformance/stream-cases.js';

export type {
  ConformanceCase,
  DriverCapabilities,
  DriverConformanceOptions,
  DriverHarness,
  LeadershipControls,
  StallControls,
} from './driver-conformance/driver-harness.js';

/**
 * What every `ConsensusDriver` must do: a list of cases for any test runner. Each makes a driver of its own,
 * rejects if the driver breaks the contract, and leaves nothing behind. Capabilities add cases; a driver
 * without any is still held to everything that needs none.
 *
 * ```ts
 * for (const { name, run } of driverConformance({ create, capabilities })) test(name, run);
 * ```
 */
export function driverConformance(options: DriverConformanceOptions): readonly ConformanceCase[] {
  const { leadership, stall, reopen } = options.capabilities;
  const bodies: CaseBodies = {
    ...streamCases,
    ...highWaterCases,
    ...callCases,
    ...(leadership ? { ...streamOverChangesCases, ...highWaterOverChangesCases } : {}),
    ...(stall ? stalledCallCases : {}),
    ...(stall && leadership ? stalledCallOverChangesCases : {}),
    ...(reopen ? highWaterOverRestartCases : {}),
  };
  return casesOf(bodies, options);
}
