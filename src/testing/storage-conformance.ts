import { crashCases } from './storage-conformance/crash-cases.js';
import { failureCases } from './storage-conformance/failure-cases.js';
import { openingCases } from './storage-conformance/opening-cases.js';
import { StorageBench, type StorageCaseBodies } from './storage-conformance/storage-bench.js';
import type {
  StorageCase,
  StorageConformanceOptions,
  StorageHarness,
} from './storage-conformance/storage-harness.js';
import { writeCases } from './storage-conformance/write-cases.js';

export type {
  ConformanceStorage,
  StorageCapabilities,
  StorageCase,
  StorageConformanceOptions,
  StorageHarness,
} from './storage-conformance/storage-harness.js';

/**
 * What every `Storage` must do: a list of cases for any test runner. Each has places of its own, rejects if
 * the storage breaks its contract, and leaves nothing behind. Capabilities add cases.
 *
 * ```ts
 * for (const { name, run } of storageConformance({ create, capabilities })) test(name, run);
 * ```
 */
export function storageConformance(options: StorageConformanceOptions): readonly StorageCase[] {
  const { create, capabilities } = options;
  const bodies: StorageCaseBodies = {
    ...openingCases,
    ...writeCases,
    ...(capabilities.crash ? crashCases : {}),
    ...(capabilities.fail ? failureCases : {}),
  };
  return Object.entries(bodies).map(([name, body]) => ({
    name,
    run: async () => {
      const harnesses: StorageHarness[] = [];
      const place = async (): Promise<StorageBench> => {
        const harness = await create();
        harnesses.push(harness);
        return new StorageBench(harness);
      };
      try {
        await body(await place(), place);
      } finally {
        for (const harness of harnesses) await harness.dispose();
      }
    },
  }));
}
