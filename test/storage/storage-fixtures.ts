import fc from 'fast-check';
import type { ClusterConfig, LogRecord, Snapshot, StableWrite } from '../../src/omnipaxos/index.js';
import type { ValueArbitraries } from '../../src/testing/arbitraries/log-arbitrary.js';
import { testValues } from '../codec/test-codecs.js';

/** Some entries are so long that a few of them fill a segment. */
export const historyValues: ValueArbitraries<string, number> = {
  entry: fc.oneof(
    { weight: 4, arbitrary: testValues.entry },
    { weight: 1, arbitrary: fc.integer({ min: 200, max: 1_500 }).map((length) => 'x'.repeat(length)) },
  ),
  snapshot: testValues.snapshot,
};

export const config: ClusterConfig = { configId: 1, nodes: [1, 2, 3], leaseMs: 250, maxClockDrift: 0.01 };
export const nextConfig: ClusterConfig = { ...config, configId: 2, nodes: [1, 2, 4] };

export type Write = StableWrite<string, number>;

export function entry(text: string): LogRecord<string> {
  return { kind: 'entry', entry: text };
}

export const stopSign: LogRecord<string> = { kind: 'stopSign', stopSign: { nextConfig } };

export function append(fromIdx: number, ...texts: string[]): Write {
  return { kind: 'append', fromIdx, records: texts.map(entry) };
}

export function promise(n: number, pid = 1): Write {
  return { kind: 'promise', promise: { configId: 1, n, priority: 0, pid } };
}

export function decided(decidedIdx: number): Write {
  return { kind: 'decided', decidedIdx };
}

export function snapshotAt(compactedIdx: number, value = compactedIdx * 100): Snapshot<number> {
  return { value, compactedIdx, config };
}

export function compact(compactedIdx: number): Write {
  return { kind: 'snapshot', snapshot: snapshotAt(compactedIdx) };
}

export function sync(syncIdx: number, texts: readonly string[], decidedIdx: number, n = 1): Write {
  return {
    kind: 'sync',
    acceptedRound: { configId: 1, n, priority: 0, pid: 1 },
    logSync: { suffix: texts.map(entry), syncIdx },
    decidedIdx,
  };
}

export function syncWithSnapshot(syncIdx: number, texts: readonly string[], decidedIdx: number): Write {
  return {
    kind: 'sync',
    acceptedRound: { configId: 1, n: 1, priority: 0, pid: 1 },
    logSync: { suffix: texts.map(entry), syncIdx, snapshot: snapshotAt(syncIdx) },
    decidedIdx,
  };
}
