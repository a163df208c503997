import type {
  Ballot,
  ClusterConfig,
  LogRecord,
  Snapshot,
  StableState,
  StableWrite,
} from '../../src/omnipaxos/index.js';

type Write = StableWrite<string, number>;

/** A log as a list of all records ever, holes where they were compacted: the slow, obvious twin of `StableImage`. */
interface Naive {
  readonly config: ClusterConfig;
  readonly promise: Ballot;
  readonly acceptedRound: Ballot;
  readonly decidedIdx: number;
  readonly snapshot: Snapshot<number> | undefined;
  readonly log: readonly (LogRecord<string> | undefined)[];
}

function naiveInitial(config: ClusterConfig): Naive {
  const zero = { configId: 0, n: 0, priority: 0, pid: 0 };
  return { config, promise: zero, acceptedRound: zero, decidedIdx: 0, snapshot: undefined, log: [] };
}

function naiveAfter(state: Naive, write: Write): Naive {
  switch (write.kind) {
    case 'promise':
      return { ...state, promise: write.promise };
    case 'append':
      return { ...state, log: [...state.log, ...write.records] };
    case 'decided':
      return { ...state, decidedIdx: write.decidedIdx };
    case 'snapshot':
      return compacted(state, write.snapshot);
    case 'sync': {
      const synced = syncedTo(state, write.logSync);
      return { ...synced, acceptedRound: write.acceptedRound, decidedIdx: write.decidedIdx };
    }
    case 'enterConfig': {
      const ballot = { configId: write.config.configId, n: 0, priority: 0, pid: 0 };
      return {
        ...syncedTo(state, write.logSync),
        config: write.config,
        promise: ballot,
        acceptedRound: ballot,
        decidedIdx: write.decidedIdx,
      };
    }
  }
}

function syncedTo(state: Naive, sync: Extract<Write, { readonly kind: 'sync' }>['logSync']): Naive {
  const log = Array.from({ length: sync.syncIdx }, (_, i) => state.log[i]);
  const cut = { ...state, log: [...log, ...sync.suffix] };
  return sync.snapshot === undefined ? cut : compacted(cut, sync.snapshot);
}

function compacted(state: Naive, snapshot: Snapshot<number>): Naive {
  return {
    ...state,
    snapshot,
    log: state.log.map((record, i) => (i < snapshot.compactedIdx ? undefined : record)),
  };
}

function stableState({ log, snapshot, ...rest }: Naive): StableState<string, number> {
  const records = log.filter((record) => record !== undefined);
  return { ...rest, ...(snapshot === undefined ? {} : { snapshot }), records };
}

/** What a storage must hold after each number of calls: `states[k]` after the first k. */
export function statesAfter(
  config: ClusterConfig,
  calls: readonly { readonly writes: readonly Write[] }[],
): StableState<string, number>[] {
  const states: Naive[] = [naiveInitial(config)];
  for (const { writes } of calls)
    states.push(writes.reduce(naiveAfter, states.at(-1) ?? naiveInitial(config)));
  return states.map(stableState);
}
