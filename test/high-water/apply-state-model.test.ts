import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EPOCH_ZERO, type Epoch } from '../../src/consensus/index.js';
import {
  ApplyState,
  ballotFromEpoch,
  type HighWaterCommand,
  type HighWaterSnapshot,
} from '../../src/high-water/index.js';
import type { DecidedItem, LogRecord } from '../../src/omnipaxos/index.js';
import { applyLaws } from '../../src/testing/apply-laws.js';
import {
  highWaterCommandArbitrary,
  highWaterSnapshotArbitrary,
  logRecordArbitrary,
} from '../../src/testing/arbitraries/index.js';

type Item = DecidedItem<HighWaterCommand, HighWaterSnapshot>;

function createHost() {
  const state = new ApplyState();
  return {
    fold(item: Item): void {
      if (item.kind === 'entry') state.fold(item.entry);
      else if (item.kind === 'stopSign') state.foldStopSign(item.stopSign);
      else state.restore(item.snapshot.value);
    },
    snapshot: () => state.snapshot(),
  };
}

/** The state by its definition: slow, without memory, from the whole history. */
function stateOf(history: readonly LogRecord<HighWaterCommand>[]): HighWaterSnapshot {
  const commands = history.flatMap((record) => (record.kind === 'entry' ? [record.entry] : []));
  const effective = commands.filter((command, at) => command.epoch >= highestEpoch(commands.slice(0, at)));
  const stopSigns = history.flatMap((record) => (record.kind === 'stopSign' ? [record.stopSign] : []));
  const members = stopSigns.at(-1)?.nextConfig.nodes;
  return {
    value: Math.max(0, ...effective.map((command) => (command.kind === 'advance' ? command.atLeast : 0))),
    epoch: highestEpoch(commands),
    ledger: ledgerOf(history),
    ...(members === undefined ? {} : { members: members.toSorted((a, b) => a - b) }),
  };
}

function highestEpoch(commands: readonly HighWaterCommand[]): Epoch {
  const ascending = commands.map(({ epoch }) => epoch).sort((a, b) => (a < b ? -1 : Number(a > b)));
  return ascending.at(-1) ?? EPOCH_ZERO;
}

function ledgerOf(history: readonly LogRecord<HighWaterCommand>[]): HighWaterSnapshot['ledger'] {
  let old: readonly number[] | undefined;
  let entries: HighWaterSnapshot['ledger'] = [];
  for (const record of history) {
    if (record.kind === 'entry') {
      const { id, epoch } = record.entry;
      const candidates = [...entries, { ...id, nodeId: ballotFromEpoch(epoch).pid }];
      entries = candidates.filter((entry, at) =>
        candidates.every(
          (other, otherAt) =>
            other.directoryId !== entry.directoryId ||
            other.incarnation < entry.incarnation ||
            (other.incarnation === entry.incarnation && other.seq < entry.seq) ||
            (other.incarnation === entry.incarnation && other.seq === entry.seq && otherAt >= at),
        ),
      );
    } else {
      const next = record.stopSign.nextConfig.nodes;
      const previous = old;
      if (previous !== undefined) {
        entries = entries.filter(({ nodeId }) => previous.includes(nodeId) || next.includes(nodeId));
      }
      old = next;
    }
  }
  return entries.toSorted((a, b) => (a.directoryId < b.directoryId ? -1 : 1));
}

const records = fc.array(logRecordArbitrary(highWaterCommandArbitrary()), { maxLength: 30, size: 'max' });

describe('apply state: against its definition', () => {
  it('any log: the fold gives what the definition says', () => {
    fc.assert(
      fc.property(records, (history) => {
        const host = createHost();
        for (const [idx, record] of history.entries()) {
          host.fold(
            record.kind === 'entry'
              ? { kind: 'entry', idx, entry: record.entry }
              : { kind: 'stopSign', idx, stopSign: record.stopSign },
          );
        }
        expect(host.snapshot()).toEqual(stateOf(history));
      }),
      { numRuns: 500 },
    );
  });

  it('any log: high-water and epoch never fall, and the verdict says whether an advance could count', () => {
    fc.assert(
      fc.property(fc.array(highWaterCommandArbitrary(), { maxLength: 30, size: 'max' }), (commands) => {
        const state = new ApplyState();
        for (const command of commands) {
          const { highWater, epoch } = state;
          const verdict = state.fold(command);
          expect(verdict).toBe(command.kind === 'advance' && command.epoch < epoch ? 'fenced' : 'applied');
          expect(state.highWater).toBeGreaterThanOrEqual(highWater);
          expect(state.epoch >= epoch).toBe(true);
          if (command.kind === 'barrier' || verdict === 'fenced') expect(state.highWater).toBe(highWater);
        }
      }),
    );
  });

  it('any snapshot: a state restored from it makes an equal one', () => {
    fc.assert(
      fc.property(highWaterSnapshotArbitrary(), (snapshot) => {
        expect(new ApplyState({ initial: snapshot }).snapshot()).toEqual(snapshot);
      }),
    );
  });
});

describe('apply state: the laws of every host', () => {
  const laws = applyLaws({ createHost, entry: highWaterCommandArbitrary() });
  it.each(laws.map((law) => [law.name, law] as const))('%s', (_, law) => law.run());
});
