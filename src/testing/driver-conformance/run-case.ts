import { ConformanceBench } from './conformance-bench.js';
import type { ConformanceCase, DriverConformanceOptions } from './driver-harness.js';

/** Cases by name. */
export type CaseBodies = Readonly<Record<string, (bench: ConformanceBench) => Promise<void>>>;

/** Makes runnable cases: each with a harness of its own, disposed of in the end, whatever has happened. */
export function casesOf(
  bodies: CaseBodies,
  { create }: Pick<DriverConformanceOptions, 'create'>,
): ConformanceCase[] {
  return Object.entries(bodies).map(([name, body]) => ({
    name,
    run: async () => {
      const harness = await create();
      try {
        await body(new ConformanceBench(harness));
      } finally {
        await harness.dispose();
      }
    },
  }));
}
