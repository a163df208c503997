import { describe, expect, test } from 'vitest';
import {
  type CallOptions,
  type ConsensusDriver,
  type Epoch,
  type LeadershipStream,
  toEpoch,
} from '../../src/consensus/index.js';
import {
  type DriverCapabilities,
  type DriverHarness,
  driverConformance,
} from '../../src/testing/driver-conformance.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import {
  AlteredStreamDriver,
  MEMORY_CAPABILITIES,
  memoryHarness,
  PassingDriver,
} from './memory-driver-harness.js';
import { SCRIPTED_PAXOS_CAPABILITIES, scriptedPaxosHarness } from './scripted-paxos-harness.js';

describe('memory driver: conformance', () => {
  const cases = driverConformance({ create: () => memoryHarness(), capabilities: MEMORY_CAPABILITIES });
  for (const { name, run } of cases) test(name, run);
});

describe('paxos driver over a scripted host: conformance', () => {
  const cases = driverConformance({
    create: () => scriptedPaxosHarness(),
    capabilities: SCRIPTED_PAXOS_CAPABILITIES,
  });
  for (const { name, run } of cases) test(name, run);
});

/** Waits a few turns of the event loop, no longer: a call that never ends is a failure. */
async function driveBriefly<T>(work: Promise<T>): Promise<T> {
  const never = (async (): Promise<never> => {
    for (let turn = 0; turn < 20; turn++) await settleMicrotasks();
    throw new Error('never ended');
  })();
  never.catch(() => {});
  return await Promise.race([work, never]);
}

/** The cases that a driver fails, and what each of them says. */
async function failures(
  create: () => DriverHarness,
  capabilities: DriverCapabilities,
): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  const cases = driverConformance({ create: () => ({ drive: driveBriefly, ...create() }), capabilities });
  for (const { name, run } of cases) {
    await run().catch((error: unknown) => {
      // A broken driver that cannot even run would prove nothing.
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      failed.set(name, error instanceof Error ? error.message : String(error));
    });
  }
  return failed;
}

/** Answers each advance with what was asked for, also below the high-water. */
class FallingDriver extends PassingDriver {
  override async persistHighWater(...args: Parameters<ConsensusDriver['persistHighWater']>): Promise<number> {
    await super.persistHighWater(...args);
    return args[0];
  }
}

/** Remembers the first load for ever. */
class CachingDriver extends PassingDriver {
  #cached: number | undefined;

  override async loadHighWater(options?: CallOptions): Promise<number> {
    const value = await super.loadHighWater(options);
    this.#cached ??= value;
    return this.#cached;
  }
}

/** Cuts what is out of range instead of refusing it. */
class ClampingDriver extends PassingDriver {
  override persistHighWater(atLeast: number, epoch: Epoch, options?: CallOptions): Promise<number> {
    const clamped = Number.isFinite(atLeast) ? Math.max(0, Math.floor(atLeast)) : 0;
    return super.persistHighWater(Math.min(clamped, 2 ** 46 - 1), epoch, options);
  }
}

/** Advances at whatever epoch leads, not at the caller's. */
class EpochBlindDriver extends PassingDriver {
  #epoch: Epoch = toEpoch(1n);

  override leadershipEvents(): LeadershipStream {
    const stream = super.leadershipEvents();
    const next = stream.next.bind(stream);
    stream.next = async () => {
      const result = await next();
      if (result.done !== true && result.value.role === 'leader') this.#epoch = result.value.epoch;
      return result;
    };
    return stream;
  }

  override persistHighWater(atLeast: number, _epoch: Epoch, options?: CallOptions): Promise<number> {
    return super.persistHighWater(atLeast, this.#epoch, options);
  }
}

/** Hands the same stream to everybody, and so never refuses one. */
class SharedStreamDriver extends PassingDriver {
  #stream: LeadershipStream | undefined;

  override leadershipEvents(): LeadershipStream {
    this.#stream ??= super.leadershipEvents();
    return this.#stream;
  }
}

/** Waits for a transition before it tells the first state. */
class TransitionsOnlyDriver extends PassingDriver {
  #told = 0;

  override leadershipEvents(): LeadershipStream {
    const stream = super.leadershipEvents();
    const next = stream.next.bind(stream);
    stream.next = async () => {
      const result = await next();
      this.#told += 1;
      return this.#told === 2 ? await next() : result;
    };
    return stream;
  }
}

/** Frees the place whenever any stream is released, whoever holds it. */
class LeakyPlaceDriver extends PassingDriver {
  #releaseHolder: (() => void) | undefined;

  override leadershipEvents(): LeadershipStream {
    const stream = super.leadershipEvents();
    const release = stream[Symbol.dispose].bind(stream);
    this.#releaseHolder ??= release;
    stream[Symbol.dispose] = () => {
      release();
      this.#releaseHolder?.();
      this.#releaseHolder = undefined;
    };
    stream.return = async () => {
      stream[Symbol.dispose]();
      return { done: true, value: undefined };
    };
    return stream;
  }
}

/** Knows neither signals nor deadlines. */
class PatientDriver extends PassingDriver {
  override loadHighWater(): Promise<number> {
    return super.loadHighWater({ timeoutMs: 2 ** 31 - 1 });
  }

  override persistHighWater(atLeast: number, epoch: Epoch): Promise<number> {
    return super.persistHighWater(atLeast, epoch, { timeoutMs: 2 ** 31 - 1 });
  }
}

/** Tells every failure as a plain error. */
class FlatErrorDriver extends PassingDriver {
  override loadHighWater(options?: CallOptions): Promise<number> {
    return super.loadHighWater(options).catch(() => Promise.reject(new Error('failed')));
  }
}

/** Forgets to close. */
class NeverClosingDriver extends PassingDriver {
  override async close(): Promise<void> {}
}

describe('driver conformance: broken drivers, each fails for its own reason', () => {
  const ALWAYS_LEADS = (inner: ConsensusDriver): ConsensusDriver =>
    new AlteredStreamDriver(inner, (state) =>
      state.role === 'leader' ? { ...state, lease: { isValid: () => true } } : state,
    );
  const EPOCH_STANDS_STILL = (inner: ConsensusDriver): ConsensusDriver =>
    new AlteredStreamDriver(inner, (state) =>
      state.role === 'leader' ? { ...state, epoch: toEpoch(1n) } : state,
    );

  test.each<[string, (inner: ConsensusDriver) => ConsensusDriver, readonly string[]]>([
    [
      'high-water falls',
      (inner) => new FallingDriver(inner),
      ['high-water: advanced below itself, stays and is what the call tells'],
    ],
    [
      'loads are cached',
      (inner) => new CachingDriver(inner),
      [
        'high-water: advanced, the call and every later load tell it',
        'high-water: advanced below itself, stays and is what the call tells',
        'high-water: many advances overlap, each is told at least its own and the highest remains',
        'high-water: loads and advances overlap, no load misses what was answered before it began',
        'advance: highest value that a timestamp can carry, is taken',
        'high-water: leadership is lost and regained, it is kept and the old epoch is fenced',
      ],
    ],
    [
      'values out of range are clamped',
      (inner) => new ClampingDriver(inner),
      ['advance: value out of range, is refused and changes nothing'],
    ],
    [
      'epochs are not looked at',
      (inner) => new EpochBlindDriver(inner),
      [
        'advance: epoch below the leading one, is told so and changes nothing',
        'advance: epoch above the leading one, is told so and changes nothing',
        'high-water: leadership is lost and regained, it is kept and the old epoch is fenced',
      ],
    ],
    [
      'lease outlives the leadership',
      ALWAYS_LEADS,
      [
        'stream: driver closes, the waiting call and later ones are done',
        'stream: leadership is lost, the lease is void and the stream tells it',
        'stream: leadership is regained, its epoch is higher and the old lease stays void',
      ],
    ],
    [
      'epoch is used twice',
      EPOCH_STANDS_STILL,
      [
        'stream: leadership is regained, its epoch is higher and the old lease stays void',
        'stream: read slowly, it tells the latest state and no older one',
        'stream: leadership comes and goes, no state is told twice running and no epoch falls',
        'high-water: leadership is lost and regained, it is kept and the old epoch is fenced',
      ],
    ],
  ])('%s', async (_, wrap, expected) => {
    const failed = await failures(() => memoryHarness(wrap), MEMORY_CAPABILITIES);
    expect([...failed.keys()]).toEqual(expected);
  });

  test.each<[string, (inner: ConsensusDriver) => ConsensusDriver, string, string]>([
    [
      'an endpoint says how to talk to it',
      (inner) =>
        new AlteredStreamDriver(inner, (state) =>
          state.role === 'follower'
            ? { ...state, leader: { ...state.leader, endpoint: `http://${state.leader.endpoint}` } }
            : state,
        ),
      'stream: leadership is lost, the lease is void and the stream tells it',
      'the stream tells the endpoint "http://b:1", which is no host:port',
    ],
    [
      'one stream is shared by all',
      (inner) => new SharedStreamDriver(inner),
      'stream: second one while one is live, is refused, the first goes on',
      'the first next() of a second stream did not reject with stream_in_use',
    ],
    [
      'first state waits for a transition',
      (inner) => new TransitionsOnlyDriver(inner),
      'stream: first next, tells the current state without a transition',
      'never ended',
    ],
    [
      'a late release frees the newer holder',
      (inner) => new LeakyPlaceDriver(inner),
      'stream: released again and again, never frees a newer holder',
      'the first next() of a second stream did not reject with stream_in_use',
    ],
    [
      'errors are flattened',
      (inner) => new FlatErrorDriver(inner),
      'high-water: leadership is lost, calls are told so',
      'a load after the leadership was lost rejected with no ConsensusError',
    ],
    [
      'close does nothing',
      (inner) => new NeverClosingDriver(inner),
      'call: driver has been closed, rejects with closed',
      'a load resolved with 0 instead of rejecting',
    ],
  ])('%s, is found', async (_, wrap, name, reason) => {
    const failed = await failures(() => memoryHarness(wrap), MEMORY_CAPABILITIES);
    expect(failed.get(name)).toBe(reason);
  });

  test('signals and deadlines are ignored', async () => {
    const failed = await failures(
      () => scriptedPaxosHarness((inner) => new PatientDriver(inner)),
      SCRIPTED_PAXOS_CAPABILITIES,
    );
    expect([...failed.keys()]).toEqual([
      'call: signal aborted already, rejects with its reason and changes nothing',
      'call: deadline that is no number of ms from 1, is refused and changes nothing',
      'stalled: deadline passes, calls are transient',
      'stalled: no deadline is named, calls wait for 5,000 ms and are transient then',
      'stalled: calls are aborted, reject with the reason at once',
    ]);
  });
});
