// The primitives over a replicated log that is not ours: all that they need is `decidedIdx` and `read`. Run it: npx tsx docs/examples/foreign-log.ts
import {
  ApplyEngine,
  ApplyState,
  type DecidedLog,
  epochFromBallot,
  type HighWaterCommand,
  type HighWaterSnapshot,
  SnapshotPolicy,
} from '../../src/index.js';
import type { DecidedItem } from '../../src/omnipaxos/index.js';

/** A command of the service itself, or one of the oracle that it carries in the same log. */
type Entry =
  | { readonly put: readonly [key: string, value: string] }
  | { readonly highWater: HighWaterCommand };

/** One snapshot for both halves. */
interface Snapshot {
  readonly pairs: readonly (readonly [string, string])[];
  readonly highWater: HighWaterSnapshot;
}

/** Somebody else's replicated log, as far as it is decided; it can drop its beginning for a snapshot. */
class ForeignLog implements DecidedLog<Entry, Snapshot> {
  #entries: Entry[] = [];
  #compacted: { readonly upToIdx: number; readonly value: Snapshot } | undefined;

  get decidedIdx(): number {
    return (this.#compacted?.upToIdx ?? 0) + this.#entries.length;
  }

  decide(...entries: readonly Entry[]): void {
    this.#entries.push(...entries);
  }

  compact(upToIdx: number, value: Snapshot): void {
    this.#entries = this.#entries.slice(upToIdx - (this.#compacted?.upToIdx ?? 0));
    this.#compacted = { upToIdx, value };
  }

  read(fromIdx: number, limit = Number.POSITIVE_INFINITY): readonly DecidedItem<Entry, Snapshot>[] {
    const items: DecidedItem<Entry, Snapshot>[] = [];
    const begin = this.#compacted?.upToIdx ?? 0;
    if (this.#compacted !== undefined && fromIdx < begin) {
      const { upToIdx: compactedIdx, value } = this.#compacted;
      const config = { configId: 1, nodes: [1], leaseMs: 0, maxClockDrift: 0 };
      items.push({ kind: 'snapshot', snapshot: { value, compactedIdx, config } });
    }
    for (let idx = Math.max(fromIdx, begin); idx < this.decidedIdx && items.length < limit; idx++) {
      const entry = this.#entries[idx - begin];
      if (entry !== undefined) items.push({ kind: 'entry', idx, entry });
    }
    return items;
  }
}

/** A replica: the pairs of the service, and the state of the oracle, folded from one log in one pass. */
class Replica {
  readonly pairs = new Map<string, string>();
  readonly applyState = new ApplyState();
  readonly engine: ApplyEngine<Entry, Snapshot>;

  constructor(log: ForeignLog, policy: SnapshotPolicy) {
    this.engine = new ApplyEngine({
      log,
      fold: (item) => this.#fold(item),
      snapshots: {
        policy,
        take: (): Snapshot => ({ pairs: [...this.pairs], highWater: this.applyState.snapshot() }),
        compact: (upToIdx, value) => log.compact(upToIdx, value),
      },
    });
    this.engine.recover();
  }

  #fold(item: DecidedItem<Entry, Snapshot>): void {
    if (item.kind === 'stopSign') return;
    if (item.kind === 'snapshot') {
      this.pairs.clear();
      for (const [key, value] of item.snapshot.value.pairs) this.pairs.set(key, value);
      this.applyState.restore(item.snapshot.value.highWater);
    } else if ('put' in item.entry) {
      const [key, value] = item.entry.put;
      this.pairs.set(key, value);
    } else this.applyState.fold(item.entry.highWater);
  }
}

/** Folds a log with both kinds of entries on one replica, compacts it, and lets a second one catch up by the snapshot. */
export function run(print: (line: string) => void): void {
  const log = new ForeignLog();
  const first = new Replica(log, SnapshotPolicy.every(4));
  const epoch = epochFromBallot({ configId: 1, n: 1, priority: 0, pid: 1 });
  const advance = (seq: number, atLeast: number): Entry => ({
    highWater: {
      kind: 'advance',
      atLeast,
      epoch,
      id: { directoryId: '00000000000000a1', incarnation: 1, seq },
    },
  });
  log.decide({ put: ['colour', 'red'] }, advance(1, 5_000), { put: ['colour', 'blue'] }, advance(2, 7_000));
  first.engine.step();
  log.decide({ put: ['size', 'large'] });
  first.engine.step();
  const second = new Replica(log, SnapshotPolicy.disabled());
  for (const [name, { applyState, pairs }] of Object.entries({ first, second })) {
    print(
      `${name}: ${[...pairs].map((pair) => pair.join('=')).join(', ')}; high-water ${applyState.highWater}`,
    );
  }
}

if (process.argv[1] === import.meta.filename) run((line) => void process.stdout.write(`${line}\n`));
