import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { run as runTableDriver, tableHarness } from '../../docs/examples/custom-driver/main.js';
import { Table } from '../../docs/examples/custom-driver/table.js';
import { run as runEmbedded } from '../../docs/examples/embedded.js';
import { FakeLog } from '../../docs/examples/foreign-log/fake-log.js';
import { type ForeignEntry, ForeignHost } from '../../docs/examples/foreign-log/foreign-host.js';
import { run as runForeignHost } from '../../docs/examples/foreign-log/main.js';
import { run as runPropertyTest, Stock, stockLaws } from '../../docs/examples/property-test.js';
import { run as runStandalone } from '../../docs/examples/standalone.js';
import { stockWorld } from '../../docs/examples/stock-world.js';
import { toEpoch } from '../../src/index.js';
import {
  driverConformance,
  type HostHarness,
  hostConformance,
  settleMicrotasks,
} from '../../src/testing/index.js';

async function linesOf(run: (print: (line: string) => void) => Promise<void>): Promise<readonly string[]> {
  const lines: string[] = [];
  await run((line) => lines.push(line));
  return lines;
}

function linesIn(example: string): number {
  const path = new URL(`../../docs/examples/${example}`, import.meta.url);
  return readFileSync(path, 'utf8').trimEnd().split('\n').length;
}

describe('embedded', () => {
  test('timestamps of two starts on one file, each greater than the one before', async () => {
    const lines = await linesOf(runEmbedded);
    const timestamps = lines.flatMap((line) => /^\d+/.exec(line) ?? []).map(BigInt);
    expect(timestamps).toHaveLength(6);
    expect(timestamps).toEqual([...new Set(timestamps)].sort((a, b) => (a < b ? -1 : 1)));
  });
});

describe('standalone', () => {
  test('runs to its end, another node goes on above what the first one has granted', async () => {
    const lines = await linesOf(runStandalone);
    const told = lines.flatMap((line) => {
      const match = /^node (\d) grants (\d+)/.exec(line);
      return match === null ? [] : [match.slice(1)];
    });
    expect(told).toHaveLength(2);
    const [[firstNode, first] = [], [secondNode, second] = []] = told;
    expect(secondNode).not.toBe(firstNode);
    expect(BigInt(second ?? 0) > BigInt(first ?? 0)).toBe(true);
  });
});

describe('table driver: conformance', () => {
  const capabilities = { leadership: true, stall: true, reopen: true };
  for (const { name, run } of driverConformance({ create: () => tableHarness(), capabilities })) {
    test(name, run);
  }

  test('a row that is raised by whoever has claimed it before, when the next one has read it: is found', async () => {
    class LateTable extends Table {
      #latest = 0n;

      override claim(onRevoked: () => void): bigint {
        this.#latest = super.claim(onRevoked);
        return this.#latest;
      }

      override async raise(atLeast: number, epoch: bigint): Promise<number | undefined> {
        const told = await super.raise(atLeast, epoch);
        if (told !== undefined) return told;
        for (let turn = 0; turn < 6; turn++) await settleMicrotasks();
        await super.raise(atLeast, this.#latest);
        return undefined;
      }
    }
    const broken: string[] = [];
    const create = () => tableHarness(new LateTable());
    for (const { name, run } of driverConformance({ create, capabilities })) {
      await run().catch(() => broken.push(name));
    }
    expect(broken).toEqual([
      'stalled: leadership is lost and regained, no advance of the earlier one takes effect once the high-water has been loaded',
    ]);
  });
});

describe('table driver', () => {
  test('has at most 100 lines', () => {
    expect(linesIn('custom-driver/table-driver.ts')).toBeLessThanOrEqual(100);
  });

  test('runs to its end', async () => {
    expect(await linesOf(runTableDriver)).toEqual([
      expect.stringMatching(/^a driver on one row of a database passes all \d+ cases of conformance$/),
      expect.stringMatching(/^the first oracle on the row grants \d+$/),
      expect.stringMatching(/^the second oracle on the row grants \d+$/),
    ]);
  });
});

/** A host on a fake log, whose later leader writes notes and commands. */
async function foreignHarness(): Promise<HostHarness> {
  const log = new FakeLog();
  let lives = 1;
  let host = new ForeignHost(log, lives);
  const elect = (self: boolean): void => {
    log.elect(self);
    host.electionHeld();
    log.write({ note: `term ${log.status.term}` } satisfies ForeignEntry);
  };
  const until = async (condition: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 200; turn++) {
      if (condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    throw new Error('it did not come within 200 turns');
  };
  elect(true);
  await settleMicrotasks();
  return {
    host,
    until,
    leadership: {
      lose: async () => {
        elect(false);
        const epoch = toEpoch(BigInt(log.status.term));
        const id = { directoryId: '00000000000000bb', incarnation: 1, seq: log.status.term };
        log.write({ highWater: { kind: 'barrier', epoch, id } } satisfies ForeignEntry);
        await until(() => host.applyState.epoch === epoch);
      },
      regain: async () => elect(true),
    },
    breakApply: () => {
      host.applyState.fold = () => {
        throw new Error('this fold fails');
      };
    },
    reopen: async () => {
      await host[Symbol.asyncDispose]();
      lives += 1;
      host = new ForeignHost(log, lives);
      elect(true);
      return host;
    },
    dispose: () => host[Symbol.asyncDispose](),
  };
}

describe('host on a foreign log: conformance', () => {
  const capabilities = { leadership: true, breakApply: true, reopen: true };
  for (const { name, run } of hostConformance({ create: foreignHarness, capabilities })) test(name, run);
});

describe('host on a foreign log', () => {
  test('the log is small, and knows nothing of this package', () => {
    expect(linesIn('foreign-log/fake-log.ts')).toBeLessThanOrEqual(50);
    const path = new URL('../../docs/examples/foreign-log/fake-log.ts', import.meta.url);
    expect(readFileSync(path, 'utf8')).not.toMatch(/^import/m);
  });

  test('runs to its end', async () => {
    expect(await linesOf(runForeignHost)).toEqual([
      expect.stringMatching(/^a log with terms /),
      expect.stringMatching(/^the leader of term 1 grants \d+$/),
      expect.stringMatching(/^the leader of term 2 grants \d+$/),
      expect.stringMatching(/^the log has \d+ entries: \d+ of the oracle, 2 notes of its own$/),
    ]);
  });
});

describe('property test', () => {
  test('runs to its end', async () => {
    const lines = await linesOf(runPropertyTest);
    expect(lines).toHaveLength(stockLaws().length + 2);
    expect(lines.at(-2)).toMatch(
      /^5 worlds of this store, [1-9]\d* power cuts: replicas agree on all of [1-9]\d{2,} records$/,
    );
    expect(lines.at(-1)).toMatch(/^5 worlds of \d+ leaderships and [1-9]\d* crashes: \d+ timestamps/);
  });

  test('a state machine that forgets something in its snapshots, is found by a world', async () => {
    class ForgetfulStock extends Stock {
      override snapshot() {
        const { counts, highWater } = super.snapshot();
        return { counts: counts.slice(1), highWater };
      }
    }
    const seeds = Array.from({ length: 10 }, (_, i) => i + 1);
    const found = await Promise.all(
      seeds.map((seed) =>
        stockWorld(seed, () => new ForgetfulStock()).then(
          () => false,
          (error: Error) => error.message.startsWith(`replicas differ, seed ${seed}:`),
        ),
      ),
    );
    expect(found).toContain(true);
  });

  test('a state machine whose snapshots depend on the order of a Map, is found', async () => {
    class UnorderedStock extends Stock {
      readonly #order: string[] = [];

      override fold(item: Parameters<Stock['fold']>[0]): void {
        super.fold(item);
        if (item.kind === 'entry' && 'item' in item.entry) this.#order.push(item.entry.item);
      }

      override snapshot() {
        const rank = ([item]: readonly [string, number]): number => this.#order.indexOf(item);
        const { counts, highWater } = super.snapshot();
        return { counts: [...counts].sort((a, b) => rank(a) - rank(b)), highWater };
      }
    }
    const broken: string[] = [];
    for (const { name, run } of stockLaws(() => new UnorderedStock(), 1)) {
      await run().catch(() => broken.push(name));
    }
    expect(broken).toContain('snapshot: made at any cut, restored and continued, it gives the straight fold');
  });
});
