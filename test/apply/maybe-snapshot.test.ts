import { describe, expect, it } from 'vitest';
import { countSnapshot, maybeSnapshot, NO_SNAPSHOTS, SnapshotPolicy } from '../../src/apply/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { recordingLogger } from '../driver/recording-logger.js';

describe('maybe snapshot', () => {
  it('not due: asks nothing of the host', () => {
    const outcome = maybeSnapshot(2, {
      policy: SnapshotPolicy.every(3),
      take: () => {
        throw new Error('must not be asked');
      },
      compact: () => {},
    });
    expect(outcome).toEqual({ kind: 'notDue' });
  });

  it('due: takes the value and compacts up to the applied index', () => {
    const compacted: unknown[] = [];
    const options = {
      policy: SnapshotPolicy.every(3),
      take: () => 'state',
      compact: (upToIdx: number, value: string) => void compacted.push([upToIdx, value]),
    };
    expect(maybeSnapshot(4, options)).toEqual({ kind: 'taken', upToIdx: 4 });
    expect(maybeSnapshot(4, options)).toEqual({ kind: 'notDue' });
    expect(compacted).toEqual([[4, 'state']]);
  });

  // A11
  it.each(['policy', 'take', 'compact'] as const)(
    'a failing %s: is returned and logged as an error, never thrown',
    (failing) => {
      const { lines, ...logger } = recordingLogger();
      const cause = new Error('disk full');
      const fail = (name: string): void => {
        if (name === failing) throw cause;
      };
      const outcome = maybeSnapshot(
        3,
        {
          policy: SnapshotPolicy.when(() => {
            fail('policy');
            return true;
          }),
          take: () => fail('take'),
          compact: () => fail('compact'),
        },
        logger,
      );
      expect(outcome).toEqual({ kind: 'failed', error: cause });
      expect(lines).toEqual([
        expect.objectContaining({ level: 'error', fields: { err: cause, upToIdx: 3 } }),
      ]);
    },
  );

  it('a failure: is tried again when the policy next fires, not at every step', () => {
    let attempts = 0;
    const options = {
      policy: SnapshotPolicy.every(3),
      take: () => {
        attempts++;
        throw new Error('disk full');
      },
      compact: () => {},
    };
    const kinds = [3, 4, 5, 6].map((idx) => maybeSnapshot(idx, options).kind);
    expect(kinds).toEqual(['failed', 'notDue', 'notDue', 'failed']);
    expect(attempts).toBe(2);
  });

  it('a value that comes as a promise: is a failure here, where nothing can wait for it', async () => {
    const outcome = maybeSnapshot(1, {
      policy: SnapshotPolicy.every(1),
      take: () => Promise.reject(new Error('nobody waits for this')),
      compact: () => {
        throw new Error('must not be reached');
      },
    });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'asynchronous' } });
    await settleMicrotasks();
  });

  it('counts: tell taken and failed, how many failed in a row, and why', () => {
    const error = new Error('disk full');
    const failedTwice = [1, 2].reduce(
      (counts) => countSnapshot(counts, { kind: 'failed', error }),
      NO_SNAPSHOTS,
    );
    expect(failedTwice).toEqual({
      taken: 0,
      failed: 2,
      failedInARow: 2,
      lastTakenIdx: undefined,
      lastError: error,
    });
    const healed = countSnapshot(failedTwice, { kind: 'taken', upToIdx: 9 });
    expect(healed).toEqual({ taken: 1, failed: 2, failedInARow: 0, lastTakenIdx: 9, lastError: error });
    expect(countSnapshot(healed, { kind: 'notDue' })).toBe(healed);
  });
});
