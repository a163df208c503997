import { describe, expect, test } from 'vitest';
import { LeaderSearch, type LeaderSearchOptions, type Turn } from '../../src/client/leader-search.js';
import { toEpoch } from '../../src/consensus/index.js';
import { silentLogger } from '../../src/runtime/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';

const epoch = (value: number) => toEpoch(BigInt(value));
/** The signal of a call that nobody gives up. */
const never = (): AbortSignal => new AbortController().signal;

/** A search over a, b and c that begins at a. Rests last exactly three quarters of their delay. */
class Bench {
  readonly clock = new VirtualClock();
  readonly forgotten: string[] = [];
  readonly search: LeaderSearch;

  constructor(options: Partial<LeaderSearchOptions> = {}) {
    let first = true;
    this.search = new LeaderSearch({
      endpoints: ['a', 'b', 'c'],
      clock: this.clock,
      random: {
        nextFloat: () => {
          const value = first ? 0 : 0.5;
          first = false;
          return value;
        },
        nextId: () => '',
      },
      logger: silentLogger,
      retryDelayMs: 20,
      retryDelayMaxMs: 100,
      maxHintedEndpoints: 2,
      onForgotten: (endpoint) => this.forgotten.push(endpoint),
      ...options,
    });
  }

  /** The next turn, which must be there at once. */
  async turn(): Promise<Turn> {
    const next = this.search.next(never());
    const turn = await Promise.race([next, settleMicrotasks()]);
    if (turn === undefined) throw new Error('there is no turn now');
    return turn;
  }

  /** Asks for a turn that is not there yet. */
  async wait(signal: AbortSignal = never()): Promise<{ turn: Turn | undefined; error: unknown }> {
    const waiting: { turn: Turn | undefined; error: unknown } = { turn: undefined, error: undefined };
    this.search.next(signal).then(
      (turn) => {
        waiting.turn = turn;
      },
      (error: unknown) => {
        waiting.error = error;
      },
    );
    await settleMicrotasks();
    expect(waiting).toEqual({ turn: undefined, error: undefined });
    return waiting;
  }

  /** Lets every endpoint refuse once, without a hint. */
  async allRefuse(): Promise<void> {
    for (const _ of ['a', 'b', 'c']) (await this.turn()).notLeader(undefined);
  }
}

describe('leader search: without a leader', () => {
  test('the endpoints are asked in turn, without a pause the first time', async () => {
    const { search } = new Bench();
    const turns: string[] = [];
    for (let count = 0; count < 3; count++) {
      const turn = await search.next(never());
      turns.push(turn.endpoint);
      turn.notLeader(undefined);
    }
    expect(turns).toEqual(['a', 'b', 'c']);
  });

  test('each endpoint is asked by one call at a time; the others wait for its end, the longest waiting first', async () => {
    const bench = new Bench();
    const turns = [await bench.turn(), await bench.turn(), await bench.turn()];
    const fourth = await bench.wait();
    const fifth = await bench.wait();
    turns[1]?.abandoned();
    await settleMicrotasks();
    expect(fourth.turn?.endpoint).toBe('b');
    expect(fifth.turn).toBeUndefined();
  });

  test('an endpoint that has refused rests: 10 to 20 ms at first, twice as long each time, at most 100 ms', async () => {
    const bench = new Bench({ endpoints: ['a'] });
    const rests: number[] = [];
    for (let count = 0; count < 5; count++) {
      (await bench.turn()).notLeader(undefined);
      const waiting = await bench.wait();
      const beganMs = bench.clock.monotonicMs();
      while (waiting.turn === undefined) await bench.clock.advanceAsync(1);
      rests.push(bench.clock.monotonicMs() - beganMs);
      waiting.turn.abandoned();
    }
    expect(rests).toEqual([15, 30, 60, 75, 75]);
  });

  // C01
  test('however many calls wait, a cluster without a leader is asked a few times in a retry delay', async () => {
    const bench = new Bench();
    let asked = 0;
    const call = async (): Promise<void> => {
      for (;;) {
        const turn = await bench.search.next(never());
        asked += 1;
        turn.notLeader(undefined);
      }
    };
    for (let count = 0; count < 64; count++) void call();
    await bench.clock.advanceAsync(1_000);
    // Three endpoints; each rests 15, 30, 60 and then 75 ms: about 15 times in a second.
    expect(asked).toBeGreaterThanOrEqual(3 * 13);
    expect(asked).toBeLessThanOrEqual(3 * 16);
    expect(bench.search.waitingCalls).toBe(64);
  });

  test('a silent endpoint rests for about as long as it has cost, the others go on', async () => {
    const bench = new Bench();
    (await bench.turn()).silent(1_000);
    (await bench.turn()).notLeader(undefined);
    (await bench.turn()).notLeader(undefined);
    const turns: string[] = [];
    const call = async (): Promise<void> => {
      for (;;) {
        const turn = await bench.search.next(never());
        turns.push(turn.endpoint);
        turn.notLeader(undefined);
      }
    };
    void call();
    await bench.clock.advanceAsync(749);
    expect(new Set(turns)).toEqual(new Set(['b', 'c']));
    await bench.clock.advanceAsync(2);
    expect(turns).toContain('a');
  });

  test('a call that is given up leaves the queue, and its timer goes with the last one', async () => {
    const bench = new Bench();
    await bench.allRefuse();
    const ending = new AbortController();
    const waiting = await bench.wait(ending.signal);
    expect(bench.clock.armedTimers).toBe(1);
    ending.abort('enough');
    await settleMicrotasks();
    expect(waiting.error).toBe('enough');
    expect([bench.search.waitingCalls, bench.clock.armedTimers]).toEqual([0, 0]);
    await expect(bench.search.next(ending.signal)).rejects.toBe('enough');
  });
});

describe('leader search: with a leader', () => {
  test('once one has granted, every call asks it, at once and side by side', async () => {
    const bench = new Bench();
    const turns = [await bench.turn(), await bench.turn(), await bench.turn()];
    const waiting = [await bench.wait(), await bench.wait()];
    turns[2]?.granted(epoch(4));
    await settleMicrotasks();
    expect(waiting.map(({ turn }) => turn?.endpoint)).toEqual(['c', 'c']);
    expect((await bench.turn()).endpoint).toBe('c');
    expect(bench.search.leader).toEqual({ endpoint: 'c', epoch: 4n });
  });

  test('a hint is asked next, by one call; the others wait until it is confirmed', async () => {
    const bench = new Bench();
    const first = await bench.turn();
    const others = [await bench.turn(), await bench.turn()];
    const waiting = [await bench.wait(), await bench.wait()];
    first.notLeader({ endpoint: 'x', epoch: epoch(4) });
    await settleMicrotasks();
    expect(waiting.map(({ turn }) => turn?.endpoint)).toEqual(['x', undefined]);
    waiting[0]?.turn?.granted(epoch(4));
    await settleMicrotasks();
    expect(waiting[1]?.turn?.endpoint).toBe('x');
    // C01: what the others say of themselves does not shake the confirmed leader.
    for (const other of others) other.notLeader(undefined);
    expect((await bench.turn()).endpoint).toBe('x');
  });

  test('a hint to the endpoint that gives it is none', async () => {
    const bench = new Bench();
    (await bench.turn()).notLeader({ endpoint: 'a', epoch: epoch(4) });
    (await bench.turn()).notLeader({ endpoint: 'x', epoch: epoch(4) });
    expect((await bench.turn()).endpoint).toBe('x');
  });

  test('two nodes that name each other are asked at the pace of their rests, not faster', async () => {
    const bench = new Bench({ endpoints: ['a', 'b'] });
    let asked = 0;
    const call = async (): Promise<void> => {
      for (;;) {
        const turn = await bench.search.next(never());
        asked += 1;
        turn.notLeader({ endpoint: turn.endpoint === 'a' ? 'b' : 'a', epoch: epoch(4) });
      }
    };
    void call();
    await bench.clock.advanceAsync(1_000);
    expect(asked).toBeLessThanOrEqual(2 * 16);
  });

  test('a leader that fails is left by all; when it has rested it is asked first, by one', async () => {
    const bench = new Bench();
    (await bench.turn()).granted(epoch(4));
    const underWay = [await bench.turn(), await bench.turn()];
    underWay[0]?.failed();
    expect(bench.search.leader).toBeUndefined();
    expect((await bench.turn()).endpoint).toBe('b');
    expect((await bench.turn()).endpoint).toBe('c');
    // It failed once, though two attempts were under way: its rest is the first and shortest.
    underWay[1]?.failed();
    const waiting = await bench.wait();
    await bench.clock.advanceAsync(14);
    expect(waiting.turn).toBeUndefined();
    await bench.clock.advanceAsync(1);
    expect(waiting.turn?.endpoint).toBe('a');
  });

  test('a leader that says it is none is left by all at once', async () => {
    const bench = new Bench();
    (await bench.turn()).granted(epoch(4));
    (await bench.turn()).notLeader(undefined);
    expect(bench.search.leader).toBeUndefined();
    expect((await bench.turn()).endpoint).toBe('b');
  });

  test('a grant ends the rests of all, so that its loss is answered by asking all at once', async () => {
    const bench = new Bench();
    (await bench.turn()).notLeader(undefined);
    (await bench.turn()).notLeader(undefined);
    (await bench.turn()).granted(epoch(4));
    (await bench.turn()).failed();
    expect([(await bench.turn()).endpoint, (await bench.turn()).endpoint]).toEqual(['a', 'b']);
  });

  test('an attempt that nobody waits for any more says nothing of its endpoint', async () => {
    const bench = new Bench();
    (await bench.turn()).granted(epoch(4));
    (await bench.turn()).abandoned();
    expect(bench.search.leader?.endpoint).toBe('a');
  });

  test('only the first report of a turn counts', async () => {
    const bench = new Bench();
    const turn = await bench.turn();
    turn.granted(epoch(4));
    turn.failed();
    turn.notLeader(undefined);
    turn.abandoned();
    expect(bench.search.leader?.endpoint).toBe('a');
  });

  test('after a grant the pauses begin anew', async () => {
    const bench = new Bench();
    await bench.allRefuse();
    await bench.clock.advanceAsync(15);
    await bench.allRefuse();
    await bench.clock.advanceAsync(30);
    (await bench.turn()).granted(epoch(4));
    (await bench.turn()).failed();
    (await bench.turn()).notLeader(undefined);
    (await bench.turn()).notLeader(undefined);
    const waiting = await bench.wait();
    await bench.clock.advanceAsync(15);
    expect(waiting.turn).toBeDefined();
  });

  // C02
  test('late hints of older leaderships, with and without an epoch, do not lead away from the leader', async () => {
    const bench = new Bench();
    const [a, b, c] = [await bench.turn(), await bench.turn(), await bench.turn()];
    c.granted(epoch(7));
    a.notLeader({ endpoint: 'b', epoch: epoch(6) });
    b.notLeader({ endpoint: 'a', epoch: undefined });
    for (let count = 0; count < 3; count++) {
      const turn = await bench.turn();
      expect(turn.endpoint).toBe('c');
      turn.granted(epoch(7));
    }
  });

  test('a hint without an epoch is asked once, before the others in turn', async () => {
    const bench = new Bench();
    (await bench.turn()).notLeader({ endpoint: 'c', epoch: undefined });
    (await bench.turn()).notLeader(undefined);
    expect((await bench.turn()).endpoint).toBe('b');
  });

  test('endpoints learnt from hints are bounded; one past the bound takes the place of an unused one', async () => {
    const bench = new Bench();
    for (const [index, name] of ['x', 'y', 'z'].entries()) {
      const turn = await bench.turn();
      turn.notLeader({ endpoint: name, epoch: epoch(index + 1) });
      const named = await bench.turn();
      expect(named.endpoint).toBe(name);
      named.notLeader(undefined);
    }
    expect(bench.forgotten).toEqual(['x']);
  });

  test('no room for hints: the configured ones are asked all the same', async () => {
    const bench = new Bench({ maxHintedEndpoints: 0 });
    (await bench.turn()).notLeader({ endpoint: 'x', epoch: epoch(9) });
    expect((await bench.turn()).endpoint).toBe('b');
  });
});
