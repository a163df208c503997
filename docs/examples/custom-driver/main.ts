// A driver of one's own that can lose its leadership, on a row of a database. Run it: npx tsx docs/examples/custom-driver/main.ts
import { formatTimestamp, Oracle, packTimestamp } from '../../../src/index.js';
import { type DriverHarness, driverConformance, VirtualClock } from '../../../src/testing/index.js';
import { Table } from './table.js';
import { TableDriver } from './table-driver.js';

/** What the driver's world can be made to do; see `DriverHarness`. */
export function tableHarness(table = new Table()): DriverHarness {
  const clock = new VirtualClock();
  let driver = new TableDriver(table, clock);
  return {
    driver,
    leadership: {
      lose: async () => void table.claim(() => {}),
      regain: async () => driver.claim(),
    },
    stall: {
      begin: () => table.stall(),
      end: () => table.resume(),
      passTime: (ms) => clock.advanceAsync(ms),
    },
    reopen: async () => {
      await driver.close();
      driver = new TableDriver(table, clock);
      return driver;
    },
    dispose: () => driver.close(),
  };
}

/** Checks the driver by the kit, then lets an oracle serve on it, over a change of leaders. */
export async function run(print: (line: string) => void): Promise<void> {
  const capabilities = { leadership: true, stall: true, reopen: true };
  const cases = driverConformance({ create: () => tableHarness(), capabilities });
  for (const { run: runCase } of cases) await runCase();
  print(`a driver on one row of a database passes all ${cases.length} cases of conformance`);

  const table = new Table();
  let last = 0n;
  for (const name of ['first', 'second']) {
    await using driver = new TableDriver(table);
    await using oracle = Oracle.start({ driver });
    await new Promise<void>((resolve) => {
      oracle.events.on('state', ({ role }) => role === 'serving' && resolve());
    });
    const { physicalMs, logicalStart } = await oracle.grant(1);
    const timestamp = packTimestamp(physicalMs, logicalStart);
    if (timestamp <= last) throw new Error('timestamps have gone back');
    last = timestamp;
    print(`the ${name} oracle on the row grants ${formatTimestamp(timestamp)}`);
  }
}

if (process.argv[1] === import.meta.filename) await run((line) => void process.stdout.write(`${line}\n`));
