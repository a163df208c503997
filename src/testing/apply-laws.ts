import fc from 'fast-check';
import { ApplyEngine, DrainError, drainDecided, SnapshotPolicy } from '../apply/index.js';
import { TsoracleError } from '../errors/index.js';
import type { DecidedItem, LogRecord } from '../omnipaxos/index.js';
import { type ApplyLaw, ApplyLawBench, type ApplyLawOptions, expectThat } from './apply-law-bench.js';
import { MemoryDecidedLog } from './memory-decided-log.js';

export type { ApplyLaw, ApplyLawOptions, FoldingHost } from './apply-law-bench.js';

/**
 * The laws that every host must keep which folds a decided log with the primitives of this package, whatever
 * its entries and its state are: a list for any test runner.
 */
export function applyLaws<E, S>(options: ApplyLawOptions<E, S>): readonly ApplyLaw[] {
  const bench = new ApplyLawBench(options);
  return [...foldLaws(bench), ...drainLaws(bench), ...engineLaws(bench)];
}

function foldLaws<E, S>(bench: ApplyLawBench<E, S>): ApplyLaw[] {
  return [
    bench.law('fold: equal prefixes give equal states', bench.records, (records) => {
      const log = bench.logOf(records);
      bench.expectState(bench.straightFold(records).snapshot(), log, records.length, 'a second fold');
    }),
    bench.law(
      'snapshot: made at any cut, restored and continued, it gives the straight fold',
      bench.recordsAndCut.filter(([, cut]) => cut > 0),
      ([records, cut]) => {
        const log = bench.logOf(records);
        log.compact(cut, bench.snapshotAt(log, cut));
        const host = bench.createHost();
        drainDecided(log, 0, (item) => host.fold(item));
        bench.expectState(host.snapshot(), log, records.length, 'the state');
      },
    ),
    bench.law(
      'snapshot: making it changes nothing, and later folds do not change it',
      bench.recordsAndCut,
      ([records, cut]) => {
        const log = bench.logOf(records);
        const host = bench.straightFold(records, cut);
        const snapshot = host.snapshot();
        drainDecided(log, cut, (item) => host.fold(item));
        bench.expectState(host.snapshot(), log, records.length, 'the state');
        bench.expectState(snapshot, log, cut, 'the earlier snapshot');
      },
    ),
  ];
}

function drainLaws<E, S>(bench: ApplyLawBench<E, S>): ApplyLaw[] {
  return [
    bench.law(
      'drain: in chunks of any size, it gives the straight fold',
      fc.tuple(bench.records, fc.integer({ min: 1, max: 5 })),
      ([records, limit]) => {
        const log = bench.logOf(records);
        const host = bench.createHost();
        let cursor = 0;
        while (cursor < log.decidedIdx) {
          cursor = drainDecided(log, cursor, (item) => host.fold(item), { limit });
        }
        bench.expectState(host.snapshot(), log, records.length, 'the state');
      },
    ),
    bench.law(
      'drain: each record is folded exactly once and in order, however deciding, draining and compacting interleave',
      fc.array(interleavedActs(bench.record), { maxLength: 40, size: 'max' }),
      (acts) => checkInterleaving(bench, acts),
    ),
    bench.law(
      'drain: a fold that throws leaves the cursor at its record, and everything before it folded',
      bench.recordsAndCut.filter(([records, cut]) => cut < records.length),
      ([records, cut]) => {
        const log = bench.logOf(records);
        const host = bench.createHost();
        const cause = new TsoracleError('thrown_on_purpose', 'this fold fails');
        const failure = errorOf(() =>
          drainDecided(log, 0, (item) => {
            if (item.kind !== 'snapshot' && item.idx === cut) throw cause;
            host.fold(item);
          }),
        );
        expectThat(failure instanceof DrainError && failure.cursor === cut, `no DrainError at cursor ${cut}`);
        expectThat(failure instanceof DrainError && failure.cause === cause, 'the cause is lost');
        bench.expectState(host.snapshot(), log, cut, 'the state');
      },
    ),
  ];
}

function engineLaws<E, S>(bench: ApplyLawBench<E, S>): ApplyLaw[] {
  return [
    bench.law(
      'engine: snapshots come as the policy says, and none follows a restart',
      fc.tuple(
        bench.records,
        fc.record({
          every: fc.integer({ min: 1, max: 8 }),
          restartEvery: fc.integer({ min: 1, max: 12 }),
          chunkItems: fc.integer({ min: 1, max: 5 }),
        }),
      ),
      ([records, { every, restartEvery, chunkItems }]) => {
        const log = new MemoryDecidedLog<E, S>();
        let { engine, host } = openEngine(bench, log, every, chunkItems);
        let countsFrom = 0;
        for (const [position, record] of records.entries()) {
          log.decide(record);
          const { appliedIdx, snapshot } = engine.step();
          const due = appliedIdx - countsFrom >= every;
          expectThat((snapshot.kind === 'taken') === due, `snapshot ${snapshot.kind} at ${appliedIdx}`);
          if (due) countsFrom = appliedIdx;
          if (position % restartEvery !== 0) continue;
          ({ engine, host } = openEngine(bench, log, every, chunkItems));
          countsFrom = engine.appliedIdx;
          expectThat(engine.step().snapshot.kind === 'notDue', 'a restart was followed by a snapshot');
        }
        bench.expectState(host.snapshot(), log, records.length, 'the state');
      },
    ),
  ];
}

/** A fresh host, recovered from what the log still holds. */
function openEngine<E, S>(
  bench: ApplyLawBench<E, S>,
  log: MemoryDecidedLog<E, S>,
  every: number,
  chunkItems: number,
) {
  const host = bench.createHost();
  const engine = new ApplyEngine<E, S>({
    log,
    fold: (item) => host.fold(item),
    chunkItems,
    snapshots: {
      policy: SnapshotPolicy.every(every),
      take: () => host.snapshot(),
      compact: (upToIdx, value) => log.compact(upToIdx, value),
    },
  });
  engine.recover();
  return { engine, host };
}

type InterleavedAct<E> =
  | { readonly kind: 'decide'; readonly record: LogRecord<E> }
  | { readonly kind: 'drain'; readonly limit: number }
  /** Up to this part of the decided log, applied or not: a leader's snapshot may come at any time. */
  | { readonly kind: 'compact'; readonly part: number };

function interleavedActs<E>(record: fc.Arbitrary<LogRecord<E>>): fc.Arbitrary<InterleavedAct<E>> {
  return fc.oneof<fc.WeightedArbitrary<InterleavedAct<E>>[]>(
    { weight: 5, arbitrary: record.map((decided) => ({ kind: 'decide', record: decided })) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 5 }).map((limit) => ({ kind: 'drain', limit })) },
    {
      weight: 1,
      arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((part) => ({ kind: 'compact', part })),
    },
  );
}

function checkInterleaving<E, S>(bench: ApplyLawBench<E, S>, acts: readonly InterleavedAct<E>[]): void {
  const log = new MemoryDecidedLog<E, S>();
  const host = bench.createHost();
  let cursor = 0;
  const fold = (item: DecidedItem<E, S>): void => {
    cursor = expectNext(log, item, cursor);
    host.fold(item);
  };
  for (const act of acts) {
    if (act.kind === 'decide') log.decide(act.record);
    else if (act.kind === 'compact') {
      const upToIdx = Math.floor(log.decidedIdx * act.part);
      if (upToIdx > log.compactedIdx) log.compact(upToIdx, bench.snapshotAt(log, upToIdx));
    } else {
      const reached = drainDecided(log, cursor, fold, { limit: act.limit });
      expectThat(reached === cursor, `the drain tells the cursor ${reached} after folding up to ${cursor}`);
    }
  }
  drainDecided(log, cursor, fold);
  expectThat(cursor === log.decidedIdx, `the drain ended at ${cursor} of ${log.decidedIdx}`);
  bench.expectState(host.snapshot(), log, log.decidedIdx, 'the state');
}

/**
 * Checks that `item` is what comes next at `cursor`.
 * @returns the cursor after it.
 */
function expectNext<E, S>(log: MemoryDecidedLog<E, S>, item: DecidedItem<E, S>, cursor: number): number {
  if (item.kind === 'snapshot') {
    expectThat(
      item.snapshot.compactedIdx > cursor,
      `a snapshot was folded over what it covers, at ${cursor}`,
    );
    return item.snapshot.compactedIdx;
  }
  expectThat(item.idx === cursor, `item ${item.idx} was folded where ${cursor} was due`);
  const record = log.history[cursor];
  const same =
    item.kind === 'entry'
      ? record?.kind === 'entry' && record.entry === item.entry
      : record?.kind === 'stopSign' && record.stopSign === item.stopSign;
  expectThat(same, `item ${cursor} is not the record that was decided`);
  return cursor + 1;
}

function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
