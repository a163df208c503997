import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { drainDecided } from '../apply/index.js';
import { ApplyState, compareProposals, type HighWaterCommand, type ProposalId } from '../high-water/index.js';
import type { LogRecord } from '../omnipaxos/index.js';
import { type ApplyLaw, ApplyLawBench, expectThat, type FoldingHost } from './apply-law-bench.js';
import { highWaterCommandArbitrary } from './arbitraries/index.js';
import { MemoryDecidedLog } from './memory-decided-log.js';

/** What a host is to these laws: one that folds the high-water out of a log that may carry other things too. */
export interface HighWaterFoldingHost<E, S> extends FoldingHost<E, S> {
  readonly applyState: ApplyState;
}

/** The host that is held to `highWaterLaws`, and what its log carries. */
export interface HighWaterLawOptions<E, S> {
  /** A fresh host, in the state before the first record. */
  readonly createHost: () => HighWaterFoldingHost<E, S>;
  /** The entry that carries a command. */
  readonly carry: (command: HighWaterCommand) => E;
  /** The other entries of the log. Default: there are none. */
  readonly otherEntry?: fc.Arbitrary<E>;
  /** How many cases each law is tried on. Default 100. */
  readonly runs?: number;
  /** Replays the cases of a failure. Default: other cases each time. */
  readonly seed?: number;
}

/** An entry, and the command that it carries, if it does. */
interface Carried<E> {
  readonly entry: E;
  readonly command?: HighWaterCommand;
}

/**
 * The laws that every host must keep which carries the high-water, alone or among entries of its own: a list for any test runner. They
 * come on top of `applyLaws`, which know nothing of timestamps.
 */
export function highWaterLaws<E, S>(options: HighWaterLawOptions<E, S>): readonly ApplyLaw[] {
  const { carry, createHost, otherEntry } = options;
  const command: fc.Arbitrary<Carried<E>> = highWaterCommandArbitrary().map((value) => ({
    entry: carry(value),
    command: value,
  }));
  const other = otherEntry?.map((entry): Carried<E> => ({ entry }));
  const carried = other === undefined ? command : fc.oneof(command, other);
  const list = fc.array(carried, { maxLength: 24, size: 'max' });
  const listAndCut = list.chain((entries) => fc.tuple(fc.constant(entries), fc.nat({ max: entries.length })));
  const bench = new ApplyLawBench<E, S>({ ...options, entry: carried.map(({ entry }) => entry) });
  return [
    bench.law(
      'high-water: it is the fold of the commands alone, whatever else the log carries',
      list,
      (entries) => {
        const host = createHost();
        drainDecided(logOf<E, S>(entries), 0, (item) => host.fold(item));
        expectHighWater(host, entries, 'the state');
      },
    ),
    bench.law('high-water: other entries do not move it, nor does it ever fall', list, (entries) => {
      const host = createHost();
      const log = logOf<E, S>(entries);
      let cursor = 0;
      for (const { command: expected } of entries) {
        const before = host.applyState.snapshot();
        cursor = drainDecided(log, cursor, (item) => host.fold(item), { limit: 1 });
        const after = host.applyState.snapshot();
        expectThat(after.value >= before.value, `it fell from ${before.value} to ${after.value}`);
        expectThat(after.epoch >= before.epoch, `the epoch fell from ${before.epoch} to ${after.epoch}`);
        if (expected !== undefined) continue;
        expectThat(isDeepStrictEqual(after, before), 'an entry that carries no command has changed it');
      }
    }),
    bench.law(
      'high-water: each command is told once, in the order of the log, and nothing else is',
      list,
      (entries) => {
        const host = createHost();
        const told: HighWaterCommand[] = [];
        host.applyState.events.on('applied', (event) => void told.push(event.command));
        drainDecided(logOf<E, S>(entries), 0, (item) => host.fold(item));
        expectThat(
          isDeepStrictEqual(told, commandsOf(entries)),
          `${told.length} commands were told, of ${commandsOf(entries).length} in the log, or in another order`,
        );
      },
    ),
    bench.law(
      'ledger: the newest proposal of each directory is known after a restart from any snapshot',
      listAndCut,
      ([entries, cut]) => {
        const log = logOf<E, S>(entries);
        const before = createHost();
        drainDecided(log, 0, (item) => before.fold(item), { limit: Math.max(1, cut) });
        if (cut > 0) log.compact(cut, before.snapshot());
        const after = createHost();
        drainDecided(log, 0, (item) => after.fold(item));
        expectHighWater(after, entries, 'the state after a restart');
        expectLedger(after, entries);
      },
    ),
  ];
}

function logOf<E, S>(entries: readonly Carried<E>[]): MemoryDecidedLog<E, S> {
  const log = new MemoryDecidedLog<E, S>();
  log.decide(...entries.map(({ entry }): LogRecord<E> => ({ kind: 'entry', entry })));
  return log;
}

function commandsOf(entries: readonly Carried<unknown>[]): HighWaterCommand[] {
  return entries.flatMap(({ command }) => command ?? []);
}

function expectHighWater(
  host: HighWaterFoldingHost<never, unknown>,
  entries: readonly Carried<unknown>[],
  what: string,
): void {
  const straight = new ApplyState();
  for (const command of commandsOf(entries)) straight.fold(command);
  expectThat(
    isDeepStrictEqual(host.applyState.snapshot(), straight.snapshot()),
    `${what} is not the fold of the commands of the log`,
  );
}

function expectLedger(
  host: HighWaterFoldingHost<never, unknown>,
  entries: readonly Carried<unknown>[],
): void {
  const newest = new Map<string, ProposalId>();
  for (const { id } of commandsOf(entries)) {
    const known = newest.get(id.directoryId);
    if (known === undefined || compareProposals(known, id) < 0) newest.set(id.directoryId, id);
  }
  for (const [directoryId, id] of newest) {
    const known = host.applyState.lastFolded(directoryId);
    expectThat(
      known !== undefined && compareProposals(known, id) === 0,
      `the ledger does not know proposal ${id.incarnation}/${id.seq} of directory ${directoryId}`,
    );
  }
}
