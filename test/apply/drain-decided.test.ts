import { describe, expect, it } from 'vitest';
import { type DecidedLog, DrainError, drainDecided } from '../../src/apply/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import type { ClusterConfig, DecidedItem } from '../../src/omnipaxos/index.js';
import { MemoryDecidedLog } from '../../src/testing/memory-decided-log.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { entries, ListHost } from './list-host.js';

type List = readonly string[];
type Item = DecidedItem<string, List>;

const config: ClusterConfig = { configId: 1, nodes: [1], leaseMs: 0, maxClockDrift: 0 };
const entry = (idx: number): Item => ({ kind: 'entry', idx, entry: `e${idx}` });
const snapshot = (compactedIdx: number): Item => ({
  kind: 'snapshot',
  snapshot: { value: entries(compactedIdx), compactedIdx, config },
});

function logOf(count: number): MemoryDecidedLog<string, List> {
  const log = new MemoryDecidedLog<string, List>();
  log.decideEntries(...entries(count));
  return log;
}

/** What `call` throws; undefined if it does not. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('drain: what it folds', () => {
  it('nothing decided: folds nothing, and does not read', () => {
    const log: DecidedLog<string, List> = {
      decidedIdx: 4,
      read: () => {
        throw new Error('must not be read');
      },
    };
    expect(drainDecided(log, 4, () => {})).toBe(4);
  });

  it('entries and a stop sign: all are folded once and in order', () => {
    const log = logOf(2);
    log.decide({ kind: 'stopSign', stopSign: { nextConfig: { ...config, configId: 2 } } });
    log.decideEntries('e3');
    const host = new ListHost();
    expect(drainDecided(log, 0, host.fold)).toBe(4);
    expect(host.state).toEqual(['e0', 'e1', 'stop sign to 2', 'e3']);
  });

  it('from a cursor in the middle: only what comes after it', () => {
    const host = new ListHost();
    expect(drainDecided(logOf(5), 3, host.fold)).toBe(5);
    expect(host.state).toEqual(['e3', 'e4']);
  });

  it('a limit: folds so many, and the next call goes on there', () => {
    const host = new ListHost();
    const log = logOf(5);
    expect(drainDecided(log, 0, host.fold, { limit: 2 })).toBe(2);
    expect(drainDecided(log, 2, host.fold, { limit: 2 })).toBe(4);
    expect(drainDecided(log, 4, host.fold, { limit: 2 })).toBe(5);
    expect(host.state).toEqual(entries(5));
  });

  it('a log compacted past the cursor: the snapshot comes first, then what is above it', () => {
    const log = logOf(5);
    log.compact(3, ['three of them']);
    const host = new ListHost();
    expect(drainDecided(log, 1, host.fold)).toBe(5);
    expect(host.state).toEqual(['three of them', 'e3', 'e4']);
  });

  it('a log compacted exactly up to the cursor: no snapshot is folded', () => {
    const log = logOf(5);
    log.compact(3, ['three of them']);
    const host = new ListHost();
    drainDecided(log, 3, host.fold);
    expect(host.state).toEqual(['e3', 'e4']);
  });

  it('a fold that decides more: what is decided meanwhile waits for the next call', () => {
    const log = logOf(2);
    const host = new ListHost();
    const cursor = drainDecided(log, 0, (item) => {
      host.fold(item);
      if (log.decidedIdx < 4) log.decideEntries(`e${log.decidedIdx}`);
    });
    expect([cursor, host.state]).toEqual([2, ['e0', 'e1']]);
    drainDecided(log, cursor, host.fold);
    expect(host.state).toEqual(entries(4));
  });

  it('a fold during which the log is compacted: goes on with the items that were read', () => {
    const log = logOf(4);
    const host = new ListHost();
    drainDecided(log, 0, (item) => {
      if (log.compactedIdx === 0) log.compact(4, entries(4));
      host.fold(item);
    });
    expect(host.state).toEqual(entries(4));
  });
});

describe('drain: a fold that fails', () => {
  // A09
  it('throwing at an item: tells the cursor of that item and the cause; everything before it has been folded', () => {
    const cause = new Error('no room');
    const host = new ListHost();
    const failure = thrownBy(() =>
      drainDecided(logOf(5), 1, (item) => {
        if (item.kind === 'entry' && item.idx === 3) throw cause;
        host.fold(item);
      }),
    );
    expect(failure).toBeInstanceOf(DrainError);
    expect(failure).toMatchObject({ code: 'drain_failed', cursor: 3, cause });
    expect(host.state).toEqual(['e1', 'e2']);
  });

  it('throwing at the snapshot: the cursor has not moved', () => {
    const log = logOf(5);
    log.compact(3, []);
    const fold = () => {
      throw new Error('unreadable snapshot');
    };
    expect(thrownBy(() => drainDecided(log, 1, fold))).toMatchObject({ cursor: 1 });
  });

  it('draining again from the cursor reached: folds the rest, nothing twice', () => {
    const log = logOf(4);
    const host = new ListHost();
    let failing = true;
    const fold = (item: Item): void => {
      if (failing && item.kind === 'entry' && item.idx === 2) throw new Error('once');
      host.fold(item);
    };
    const failure = thrownBy(() => drainDecided(log, 0, fold));
    failing = false;
    drainDecided(log, failure instanceof DrainError ? failure.cursor : -1, fold);
    expect(host.state).toEqual(entries(4));
  });

  it('something that is no error, thrown: is kept as the cause', () => {
    const failure = thrownBy(() =>
      drainDecided(logOf(1), 0, () => {
        throw 'just a text';
      }),
    );
    expect(failure).toMatchObject({ cause: 'just a text', message: expect.stringContaining('just a text') });
  });

  it('a fold that returns a promise: is refused, the item does not count, and no rejection is left unhandled', async () => {
    const fold = async (): Promise<void> => {
      throw new Error('nobody waits for this');
    };
    const failure = thrownBy(() => drainDecided(logOf(3), 0, fold));
    expect(failure).toMatchObject({ cursor: 0, cause: { code: 'asynchronous' } });
    await settleMicrotasks();
  });
});

describe('drain: a log that breaks its contract', () => {
  const broken: readonly (readonly [string, readonly Item[]])[] = [
    // A10: the cursor must not jump over what was not given.
    ['nothing although items are decided', []],
    // S18: a gap must not read as "no entries".
    ['fewer items than are decided', [entry(2), entry(3)]],
    ['a gap', [entry(2), entry(4), entry(5)]],
    ['a missing first item', [entry(3), entry(4), entry(5)]],
    ['items from before the cursor', [entry(1), entry(2), entry(3), entry(4), entry(5)]],
    ['an item twice', [entry(2), entry(2), entry(3), entry(4), entry(5)]],
    ['items in the wrong order', [entry(3), entry(2), entry(4), entry(5)]],
    ['more than is decided', [entry(2), entry(3), entry(4), entry(5), entry(6)]],
    ['a snapshot that covers nothing new', [snapshot(2), entry(2), entry(3), entry(4), entry(5)]],
    ['a snapshot in the middle', [entry(2), snapshot(5), entry(5)]],
    ['a snapshot above the decided index', [snapshot(7)]],
    ['a gap behind a snapshot', [snapshot(3), entry(4), entry(5)]],
    ['a snapshot, and too little above it', [snapshot(3), entry(3)]],
  ];

  it.each(broken)('%s: is an error before anything is folded', (_, items) => {
    const host = new ListHost();
    const failure = thrownBy(() => drainDecided({ decidedIdx: 6, read: () => items }, 2, host.fold));
    expect(failure).toMatchObject({ code: 'drain_failed', cursor: 2, cause: { code: 'decided_log_broken' } });
    expect(host.state).toEqual([]);
  });

  it('more items than the limit: is an error', () => {
    const log = { decidedIdx: 6, read: () => [entry(2), entry(3), entry(4)] };
    expect(thrownBy(() => drainDecided(log, 2, () => {}, { limit: 2 }))).toMatchObject({
      cause: { code: 'decided_log_broken' },
    });
  });

  it('fewer items than the limit, although there are more: is an error', () => {
    const log = { decidedIdx: 6, read: () => [entry(2)] };
    expect(thrownBy(() => drainDecided(log, 2, () => {}, { limit: 2 }))).toMatchObject({
      cause: { code: 'decided_log_broken' },
    });
  });

  // A10
  it('a read that returns nothing once: the next drain folds everything', () => {
    const log = logOf(3);
    let reads = 0;
    const flaky: DecidedLog<string, List> = {
      decidedIdx: 3,
      read: (fromIdx, limit) => (reads++ === 0 ? [] : log.read(fromIdx, limit)),
    };
    const host = new ListHost();
    const failure = thrownBy(() => drainDecided(flaky, 0, host.fold));
    expect(failure).toMatchObject({ cursor: 0 });
    expect(drainDecided(flaky, 0, host.fold)).toBe(3);
    expect(host.state).toEqual(entries(3));
  });

  it('a read that throws: is an error that keeps the cause', () => {
    const cause = new Error('range is gone');
    const log: DecidedLog<string, List> = {
      decidedIdx: 3,
      read: () => {
        throw cause;
      },
    };
    expect(thrownBy(() => drainDecided(log, 1, () => {}))).toMatchObject({ cursor: 1, cause });
  });

  it('a decided index below the cursor: is an error', () => {
    expect(thrownBy(() => drainDecided(logOf(3), 4, () => {}))).toMatchObject({
      cursor: 4,
      cause: { code: 'decided_log_broken' },
    });
  });
});

describe('drain: bad arguments', () => {
  it.each([[-1], [1.5], [Number.NaN], [2 ** 53]])('cursor %d: is refused by name', (cursor) => {
    const failure = thrownBy(() => drainDecided(logOf(3), cursor, () => {}));
    expect(failure).toBeInstanceOf(InvalidInputError);
    expect(failure).toMatchObject({ field: 'cursor', value: cursor });
  });

  it.each([[0], [-1], [0.5], [Number.NaN]])('limit %d: is refused by name', (limit) => {
    expect(thrownBy(() => drainDecided(logOf(3), 0, () => {}, { limit }))).toMatchObject({
      code: 'invalid_input',
      field: 'limit',
      value: limit,
    });
  });
});
