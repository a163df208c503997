import { isDeepStrictEqual } from 'node:util';
import { TsoracleError } from '../../errors/index.js';
import {
  BALLOT_ZERO,
  type Ballot,
  type ClusterConfig,
  type LogRecord,
  type Snapshot,
  type StableState,
  type StableWrite,
} from '../../omnipaxos/index.js';
import type { ConformanceStorage, StorageHarness } from './storage-harness.js';

export type Write = StableWrite<string, number>;
export type State = StableState<string, number>;
/** Cases by name. Most need one place; `place` makes another one, in which nothing was ever written either. */
export type StorageCaseBodies = Readonly<
  Record<string, (bench: StorageBench, place: () => Promise<StorageBench>) => Promise<void>>
>;

/** What a case has at hand: one harness, and the writes and assertions that all cases share. */
export class StorageBench {
  readonly #harness: StorageHarness;

  constructor(harness: StorageHarness) {
    this.#harness = harness;
  }

  get config(): ClusterConfig {
    return this.#harness.config;
  }

  open(): Promise<ConformanceStorage> {
    return Promise.resolve(this.#harness.open());
  }

  /** Opens once more, in order. */
  async reopen(storage: ConformanceStorage): Promise<ConformanceStorage> {
    await storage.close();
    return this.open();
  }

  /** Loses power, and opens. */
  async crash(): Promise<ConformanceStorage> {
    await required(this.#harness.crash, 'crash')();
    return this.open();
  }

  failNext(stage: 'write' | 'sync'): void {
    required(this.#harness.failNext, 'failNext')(stage);
  }

  /** The state of a storage in which nothing was ever written, with these changes. */
  state(changes: Partial<State> = {}): State {
    return {
      config: this.config,
      promise: BALLOT_ZERO,
      acceptedRound: BALLOT_ZERO,
      decidedIdx: 0,
      records: [],
      ...changes,
    };
  }

  snapshot(compactedIdx: number): Snapshot<number> {
    return { value: compactedIdx * 10, compactedIdx, config: this.config };
  }

  compact(compactedIdx: number): Write {
    return { kind: 'snapshot', snapshot: this.snapshot(compactedIdx) };
  }

  /** @throws unless `call` rejects; returns with what. */
  async rejection(call: Promise<unknown> | (() => unknown), what: string): Promise<unknown> {
    try {
      await (typeof call === 'function' ? call() : call);
    } catch (error) {
      return error;
    }
    throw broken(`${what}: it did not fail`);
  }
}

export function ballot(n: number): Ballot {
  return { configId: 1, n, priority: 0, pid: 1 };
}

export function entries(...texts: string[]): LogRecord<string>[] {
  return texts.map((entry) => ({ kind: 'entry', entry }));
}

export function promise(n: number): Write {
  return { kind: 'promise', promise: ballot(n) };
}

export function append(fromIdx: number, ...texts: string[]): Write {
  return { kind: 'append', fromIdx, records: entries(...texts) };
}

export function decided(decidedIdx: number): Write {
  return { kind: 'decided', decidedIdx };
}

export function sync(syncIdx: number, texts: readonly string[], decidedIdx: number): Write {
  return {
    kind: 'sync',
    acceptedRound: ballot(1),
    logSync: { suffix: entries(...texts), syncIdx },
    decidedIdx,
  };
}

/** @throws the error of a broken contract, unless both are structurally equal. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw broken(`${what}: it is ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
}

/** @throws the error of a broken contract, unless it is structurally equal to one of them. */
export function expectOneOf(actual: unknown, expected: readonly unknown[], what: string): void {
  if (expected.some((each) => isDeepStrictEqual(actual, each))) return;
  throw broken(`${what}: it is ${JSON.stringify(actual)} instead of one of ${JSON.stringify(expected)}`);
}

/** @throws the error of a broken contract, unless the error has this code. */
export function expectCode(error: unknown, code: string, what: string): void {
  const actual = error instanceof Error && 'code' in error ? error.code : undefined;
  if (actual !== code)
    throw broken(`${what}: it failed with ${String(error)} instead of code ${code}`, error);
}

function broken(message: string, cause?: unknown): TsoracleError {
  return new TsoracleError('contract_broken', message, cause === undefined ? undefined : { cause });
}

function required<T>(part: T | undefined, name: string): T {
  if (part === undefined) {
    throw new TsoracleError('invalid_input', `the harness says that it has ${name}, but has none`);
  }
  return part;
}
