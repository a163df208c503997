import { expect } from 'vitest';
import { type Grant, LOGICAL_COUNT, type Oracle, packTimestamp } from '../../src/oracle/index.js';

/** A world in which an oracle serves, whatever its driver. */
export interface OracleHarness extends AsyncDisposable {
  /** Waits until an oracle serves, and returns it. */
  serving(): Promise<Oracle>;
  /** The oracle that serves loses its leadership; another leadership is known to it when this resolves. Returns the deposed one. */
  depose(): Promise<Oracle>;
  /** Closes the driver of the oracle that serves. Returns that oracle. */
  closeDriver(): Promise<Oracle>;
  /** The durable high-water, in ms, as the driver of the serving oracle knows it. */
  highWater(): Promise<number>;
  /** Lets virtual time pass. */
  pass(ms: number): Promise<void>;
}

/** What must hold over any driver. */
export interface OracleScenario {
  readonly name: string;
  readonly run: (harness: OracleHarness) => Promise<void>;
}

function granted(oracle: Oracle, count = 1): Grant {
  const result = oracle.tryGrant(count);
  if (!result.ok) throw new Error(`nothing was granted: ${result.refusal.kind}`);
  return result.grant;
}

function first({ physicalMs, logicalStart }: Grant): bigint {
  return packTimestamp(physicalMs, logicalStart);
}

function last({ physicalMs, logicalStart, count }: Grant): bigint {
  return packTimestamp(physicalMs, logicalStart + count - 1);
}

export const oracleScenarios: readonly OracleScenario[] = [
  {
    name: 'what is granted lies below the durable high-water',
    run: async (harness) => {
      const oracle = await harness.serving();
      for (const count of [1, 7, LOGICAL_COUNT, 1]) {
        const grant = granted(oracle, count);
        expect(grant.count).toBe(count);
        expect(grant.physicalMs).toBeLessThanOrEqual(await harness.highWater());
      }
    },
  },
  {
    name: 'steady grants for half a minute: each above the one before, none refused, the window extended meanwhile',
    run: async (harness) => {
      const oracle = await harness.serving();
      let previous = -1n;
      for (let i = 0; i < 300; i++) {
        await harness.pass(100);
        const grant = granted(oracle, 1 + (i % 5));
        expect(first(grant)).toBeGreaterThan(previous);
        previous = last(grant);
      }
      expect(oracle.status().counters.extensions).toBeGreaterThan(5);
    },
  },
  {
    name: 'a deposed leader refuses and names its successor; who serves next grants only greater timestamps, at a higher epoch',
    run: async (harness) => {
      const grants = [granted(await harness.serving(), 5)];
      for (let round = 0; round < 3; round++) {
        const deposed = await harness.depose();
        expect(deposed.tryGrant(1).ok).toBe(false);
        await expect(deposed.grant(1)).rejects.toMatchObject({
          code: 'not_leader',
          leader: { endpoint: expect.any(String) },
        });
        grants.push(granted(await harness.serving(), 5));
      }
      for (const [index, grant] of grants.slice(1).entries()) {
        const before = grants[index];
        if (before === undefined) throw new Error('there is one before each');
        expect(first(grant)).toBeGreaterThan(last(before));
        expect(grant.epoch).toBeGreaterThan(before.epoch);
      }
    },
  },
  {
    name: 'its driver is closed: the oracle grants nothing any more',
    run: async (harness) => {
      await harness.serving();
      const oracle = await harness.closeDriver();
      expect(oracle.state().role).toBe('closed');
      await expect(oracle.grant(1)).rejects.toMatchObject({ code: 'closed' });
    },
  },
];
