import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecidedItem } from '../../src/omnipaxos/index.js';
import { applyLaws, type FoldingHost } from '../../src/testing/apply-laws.js';
import { ListHost } from './list-host.js';

type List = readonly string[];
type Item = DecidedItem<string, List>;

const entry = fc.string({ maxLength: 3 });

describe('the laws of every host, on a list', () => {
  const laws = applyLaws({ createHost: () => new ListHost(), entry });
  it.each(laws.map((law) => [law.name, law] as const))('%s', (_, law) => law.run());
});

describe('the laws of every host, on hosts that break one', () => {
  /** The names of the laws that a kind of host breaks. */
  async function brokenBy(createHost: () => FoldingHost<string, List>): Promise<string[]> {
    const broken: string[] = [];
    for (const law of applyLaws({ createHost, entry, runs: 300, seed: 1 })) {
      await law.run().catch(() => broken.push(law.name));
    }
    return broken;
  }

  it('a snapshot that later folds change: is found', async () => {
    const createHost = () => {
      const state: string[] = [];
      return {
        fold(item: Item): void {
          if (item.kind === 'snapshot') state.splice(0, state.length, ...item.snapshot.value);
          else state.push(`${item.idx}`);
        },
        snapshot: () => state,
      };
    };
    expect(await brokenBy(createHost)).toContain(
      'snapshot: making it changes nothing, and later folds do not change it',
    );
  });

  it('a host that merges a snapshot instead of taking it over: is found', async () => {
    const createHost = () => {
      const host = new ListHost();
      return {
        fold(item: Item): void {
          if (item.kind === 'snapshot') host.state = [...host.state, ...item.snapshot.value];
          else host.fold(item);
        },
        snapshot: () => host.snapshot(),
      };
    };
    expect(await brokenBy(createHost)).toEqual([
      'drain: each record is folded exactly once and in order, however deciding, draining and compacting interleave',
    ]);
  });

  it('a snapshot that leaves something out: is found', async () => {
    const createHost = () => {
      const host = new ListHost();
      return { fold: host.fold, snapshot: () => host.snapshot().slice(1) };
    };
    const broken = await brokenBy(createHost);
    expect(broken).toContain('snapshot: made at any cut, restored and continued, it gives the straight fold');
  });

  it('a host that depends on more than the log: is found', async () => {
    let hosts = 0;
    const createHost = () => {
      const host = new ListHost();
      host.state = [`host ${hosts++}`];
      return host;
    };
    expect(await brokenBy(createHost)).toContain('fold: equal prefixes give equal states');
  });
});
