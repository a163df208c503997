import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { TsoracleError } from '../errors/index.js';
import { type DecidedItem, decidedItem, type LogRecord } from '../omnipaxos/index.js';
import { logRecordArbitrary } from './arbitraries/index.js';
import { MemoryDecidedLog } from './memory-decided-log.js';

/** One law, to be run by any test runner: it rejects, with a seed that replays it, if the law does not hold. */
export interface ApplyLaw {
  readonly name: string;
  run(): Promise<void>;
}

/** What a host is to these laws: a state that items are folded into. */
export interface FoldingHost<E, S> {
  fold(item: DecidedItem<E, S>): void;
  /** The complete state. */
  snapshot(): S;
}

/** The host that is held to `applyLaws`, and what its log carries. */
export interface ApplyLawOptions<E, S> {
  /** A fresh host, in the state before the first record. */
  readonly createHost: () => FoldingHost<E, S>;
  readonly entry: fc.Arbitrary<E>;
  /** Default: entries, and a stop sign now and then. */
  readonly record?: fc.Arbitrary<LogRecord<E>>;
  /** Whether two snapshots are equal. Default: structurally. */
  readonly equals?: (a: S, b: S) => boolean;
  /** How many cases each law is tried on. Default 100. */
  readonly runs?: number;
  /** Replays the cases of a failure. Default: other cases each time. */
  readonly seed?: number;
}

/** What the laws have in common: the kind of host under test, and the slow, obvious way to its state. */
export class ApplyLawBench<E, S> {
  readonly #options: ApplyLawOptions<E, S>;
  readonly record: fc.Arbitrary<LogRecord<E>>;

  constructor(options: ApplyLawOptions<E, S>) {
    this.#options = options;
    this.record = options.record ?? logRecordArbitrary(options.entry);
  }

  get records(): fc.Arbitrary<LogRecord<E>[]> {
    // Lists of every length up to the longest: fast-check prefers short ones otherwise.
    return fc.array(this.record, { maxLength: 24, size: 'max' });
  }

  /** Records, and a place among them or at either end. */
  get recordsAndCut(): fc.Arbitrary<readonly [LogRecord<E>[], number]> {
    return this.records.chain((list) => fc.tuple(fc.constant(list), fc.nat({ max: list.length })));
  }

  createHost(): FoldingHost<E, S> {
    return this.#options.createHost();
  }

  logOf(records: readonly LogRecord<E>[]): MemoryDecidedLog<E, S> {
    const log = new MemoryDecidedLog<E, S>();
    log.decide(...records);
    return log;
  }

  /** A host that was given the first `upToIdx` records one by one. */
  straightFold(history: readonly LogRecord<E>[], upToIdx = history.length): FoldingHost<E, S> {
    const host = this.createHost();
    for (const [idx, record] of history.slice(0, upToIdx).entries()) host.fold(decidedItem(record, idx));
    return host;
  }

  snapshotAt(log: MemoryDecidedLog<E, S>, upToIdx: number): S {
    return this.straightFold(log.history, upToIdx).snapshot();
  }

  expectState(state: S, log: MemoryDecidedLog<E, S>, upToIdx: number, what: string): void {
    const equals = this.#options.equals ?? isDeepStrictEqual;
    expectThat(
      equals(state, this.snapshotAt(log, upToIdx)),
      `${what} is not the straight fold of ${upToIdx} records`,
    );
  }

  law<T>(name: string, cases: fc.Arbitrary<T>, check: (value: T) => void): ApplyLaw {
    const { runs = 100, seed } = this.#options;
    const parameters = { numRuns: runs, ...(seed === undefined ? {} : { seed }) };
    return { name, run: async () => fc.assert(fc.property(cases, check), parameters) };
  }
}

/** @throws {TsoracleError} with code `law_broken`, unless it holds. */
export function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new TsoracleError('law_broken', otherwise);
}
