import type { ClusterConfig, LogRecord, Snapshot, StableWrite } from '../../src/omnipaxos/index.js';

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
