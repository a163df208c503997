// Checks a state machine of one's own by the laws of every host and in small simulated clusters, and the oracle's in the simulator. Run it: npx tsx docs/examples/property-test.ts
import fc from 'fast-check';
import { ApplyState, type HighWaterCommand, type HighWaterSnapshot } from '../../src/index.js';
import type { DecidedItem } from '../../src/omnipaxos/index.js';
import { applyLaws, highWaterLaws, runSimulation } from '../../src/testing/index.js';
import { stockWorld } from './stock-world.js';

const WORLDS = 5;

/** What the log of a warehouse carries. */
export type StockEntry =
  | { readonly item: string; readonly change: number }
  | { readonly highWater: HighWaterCommand };

export interface StockSnapshot {
  readonly counts: readonly (readonly [item: string, count: number])[];
  readonly highWater: HighWaterSnapshot;
}

/** The state machine under test: how much of each item there is, never below 0; and the high-water, in the same log. */
export class Stock {
  readonly applyState = new ApplyState();
  #counts = new Map<string, number>();

  fold(item: DecidedItem<StockEntry, StockSnapshot>): void {
    switch (item.kind) {
      case 'entry':
        if ('highWater' in item.entry) this.applyState.fold(item.entry.highWater);
        else this.#change(item.entry);
        return;
      case 'stopSign':
        this.applyState.foldStopSign(item.stopSign);
        return;
      case 'snapshot':
        this.#counts = new Map(item.snapshot.value.counts);
        this.applyState.restore(item.snapshot.value.highWater);
        return;
    }
  }

  /** Ascending by item: equal states must make equal snapshots, and a Map remembers the order of its keys. */
  snapshot(): StockSnapshot {
    const counts = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return { counts, highWater: this.applyState.snapshot() };
  }

  #change({ item, change }: { readonly item: string; readonly change: number }): void {
    const count = Math.max(0, (this.#counts.get(item) ?? 0) + change);
    if (count === 0) this.#counts.delete(item);
    else this.#counts.set(item, count);
  }
}

const stockEntry: fc.Arbitrary<StockEntry> = fc.record({
  item: fc.constantFrom('bolt', 'nut', 'screw'),
  change: fc.integer({ min: -5, max: 5 }),
});

/** The laws for this state machine, for any test runner. */
export function stockLaws(createHost: () => Stock = () => new Stock(), seed?: number) {
  const options = { createHost, ...(seed === undefined ? {} : { seed }) };
  return [
    ...applyLaws<StockEntry, StockSnapshot>({ ...options, entry: stockEntry }),
    ...highWaterLaws<StockEntry, StockSnapshot>({
      ...options,
      carry: (highWater) => ({ highWater }),
      otherEntry: stockEntry,
    }),
  ];
}

/** Runs all laws, some worlds of this state machine, and some of the simulator. */
export async function run(print: (line: string) => void): Promise<void> {
  const laws = stockLaws();
  for (const { name, run: check } of laws) {
    await check();
    print(`holds: ${name}`);
  }
  const own = { decided: 0, powerCuts: 0 };
  for (let seed = 1; seed <= WORLDS; seed++) {
    const { decided, powerCuts } = await stockWorld(seed, () => new Stock());
    own.decided += decided;
    own.powerCuts += powerCuts;
  }
  print(
    `${WORLDS} worlds of this store, ${own.powerCuts} power cuts: replicas agree on all of ${own.decided} records`,
  );
  const worlds = { timestamps: 0, crashes: 0, leaderships: 0 };
  for (let seed = 1; seed <= WORLDS; seed++) {
    const { timestamps, crashes, leaderships } = await runSimulation({ seed, steps: 2_000 });
    worlds.timestamps += timestamps;
    worlds.crashes += crashes;
    worlds.leaderships += leaderships;
  }
  print(
    `${WORLDS} worlds of ${worlds.leaderships} leaderships and ${worlds.crashes} crashes: ${worlds.timestamps} timestamps, in each world each greater than those before`,
  );
}

if (process.argv[1] === import.meta.filename) await run((line) => void process.stdout.write(`${line}\n`));
