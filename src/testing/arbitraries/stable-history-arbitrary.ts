import fc from 'fast-check';
import type { Ballot, LogRecord, StableWrite } from '../../omnipaxos/index.js';
import { clusterConfigArbitrary } from './cluster-config-arbitrary.js';
import { logRecordArbitrary, type ValueArbitraries } from './log-arbitrary.js';

/** One call of a storage's `persist`. */
export interface PersistCall<E, S> {
  readonly writes: readonly StableWrite<E, S>[];
  readonly needsSync: boolean;
}

/** A write before it has indexes: `at` is a place within whatever range is valid when its turn comes, as a fraction. */
type Intent<E, S> =
  | { readonly kind: 'promise'; readonly pid: number }
  | { readonly kind: 'append'; readonly records: readonly LogRecord<E>[] }
  | { readonly kind: 'sync'; readonly at: number; readonly records: readonly LogRecord<E>[] }
  | {
      readonly kind: 'syncWithSnapshot';
      readonly ahead: number;
      readonly value: S;
      readonly records: readonly LogRecord<E>[];
    }
  | { readonly kind: 'decided'; readonly at: number }
  | { readonly kind: 'snapshot'; readonly at: number; readonly value: S }
  | { readonly kind: 'enterConfig'; readonly at: number };

/**
 * Sequences of persist calls that a storage can carry out, one after the other, from an empty log: appends
 * where the log ends, syncs and snapshots within it, promises and configurations that rise. A call needs a
 * sync as often as not, whatever it writes. There are up to `maxCalls` (default 20), any number of them as
 * likely as any other.
 */
export function stableHistoryArbitrary<E, S>(
  values: ValueArbitraries<E, S>,
  constraints: { readonly maxCalls?: number } = {},
): fc.Arbitrary<PersistCall<E, S>[]> {
  const call = fc.record({
    intents: fc.array(intentArbitrary(values), { maxLength: 4 }),
    needsSync: fc.boolean(),
  });
  return fc
    .tuple(clusterConfigArbitrary(), fc.array(call, { maxLength: constraints.maxCalls ?? 20, size: 'max' }))
    .map(([config, calls]) => {
      const writer = new HistoryWriter<E, S>(config);
      return calls.map(({ intents, needsSync }) => ({
        writes: intents.map((intent) => writer.next(intent)),
        needsSync,
      }));
    });
}

function intentArbitrary<E, S>(values: ValueArbitraries<E, S>): fc.Arbitrary<Intent<E, S>> {
  const records = fc.array(logRecordArbitrary(values.entry), { maxLength: 4 });
  const at = fc.double({ min: 0, max: 1, noNaN: true });
  return fc.oneof<fc.WeightedArbitrary<Intent<E, S>>[]>(
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('promise'), pid: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('append'), records }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('sync'), at, records }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('syncWithSnapshot'),
        ahead: fc.integer({ min: 0, max: 3 }),
        value: values.snapshot,
        records,
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('decided'), at }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot'), at, value: values.snapshot }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('enterConfig'), at }) },
  );
}

/** Gives intents their indexes. */
class HistoryWriter<E, S> {
  #config: Extract<StableWrite<E, S>, { readonly kind: 'enterConfig' }>['config'];
  #n = 0;
  #compactedIdx = 0;
  #acceptedIdx = 0;

  constructor(config: Extract<StableWrite<E, S>, { readonly kind: 'enterConfig' }>['config']) {
    this.#config = { ...config, configId: 1 };
  }

  next(intent: Intent<E, S>): StableWrite<E, S> {
    switch (intent.kind) {
      case 'promise':
        return { kind: 'promise', promise: this.#nextBallot(intent.pid) };
      case 'append': {
        const fromIdx = this.#acceptedIdx;
        this.#acceptedIdx += intent.records.length;
        return { kind: 'append', fromIdx, records: intent.records };
      }
      case 'sync': {
        const syncIdx = this.#within(intent.at);
        this.#acceptedIdx = syncIdx + intent.records.length;
        const logSync = { suffix: intent.records, syncIdx };
        return { kind: 'sync', acceptedRound: this.#nextBallot(1), logSync, decidedIdx: syncIdx };
      }
      case 'syncWithSnapshot': {
        const syncIdx = this.#acceptedIdx + intent.ahead;
        this.#compactedIdx = syncIdx;
        this.#acceptedIdx = syncIdx + intent.records.length;
        const snapshot = { value: intent.value, compactedIdx: syncIdx, config: this.#config };
        const logSync = { snapshot, suffix: intent.records, syncIdx };
        return { kind: 'sync', acceptedRound: this.#nextBallot(1), logSync, decidedIdx: syncIdx };
      }
      case 'decided':
        return { kind: 'decided', decidedIdx: this.#within(intent.at) };
      case 'snapshot': {
        this.#compactedIdx = this.#within(intent.at);
        const snapshot = { value: intent.value, compactedIdx: this.#compactedIdx, config: this.#config };
        return { kind: 'snapshot', snapshot };
      }
      case 'enterConfig': {
        const syncIdx = this.#within(intent.at);
        this.#acceptedIdx = syncIdx;
        this.#config = { ...this.#config, configId: this.#config.configId + 1 };
        this.#n = 0;
        const logSync = { suffix: [], syncIdx };
        return { kind: 'enterConfig', config: this.#config, logSync, decidedIdx: syncIdx };
      }
    }
  }

  #nextBallot(pid: number): Ballot {
    return { configId: this.#config.configId, n: ++this.#n, priority: 0, pid };
  }

  /** An index within the log. */
  #within(at: number): number {
    return this.#compactedIdx + Math.round(at * (this.#acceptedIdx - this.#compactedIdx));
  }
}
