import type { LeaderState, LeadershipStream } from '../../consensus/index.js';
import { ConsensusError } from '../../consensus/index.js';
import { broken, type ConformanceBench, expectThat } from './conformance-bench.js';
import type { CaseBodies } from './run-case.js';

/** The leadership stream: what it tells first, who holds it, how it ends. */
export const streamCases: CaseBodies = {
  'stream: first next, tells the current state without a transition': async (bench) => {
    await bench.leaderEpoch();
    using stream = bench.driver.leadershipEvents();
    const state = await bench.nextState(stream);
    expectThat(state.role === 'leader', `the driver leads, its new stream tells ${state.role}`);
  },

  'stream: driver leads, the lease is valid': async (bench) => {
    using stream = bench.driver.leadershipEvents();
    const { lease } = await bench.untilLeader(stream);
    expectThat(lease.isValid(), 'the lease of the leader state is not valid');
  },

  'stream: second one while one is live, is refused, the first goes on': async (bench) => {
    using first = bench.driver.leadershipEvents();
    using second = bench.driver.leadershipEvents();
    await expectInUse(bench, second);
    await bench.untilLeader(first);
  },

  'stream: refused one is released, the live one keeps its place': async (bench) => {
    using _first = bench.driver.leadershipEvents();
    const refused = bench.driver.leadershipEvents();
    await expectInUse(bench, refused);
    refused[Symbol.dispose]();
    await refused.return();
    using third = bench.driver.leadershipEvents();
    await expectInUse(bench, third);
  },

  'stream: released by return(), a new one is served': (bench) =>
    servedAfter(bench, async (stream) => void (await stream.return())),

  'stream: released by disposal, a new one is served': (bench) =>
    servedAfter(bench, async (stream) => stream[Symbol.dispose]()),

  'stream: released by leaving a for await, a new one is served': (bench) =>
    servedAfter(bench, async (stream) => {
      for await (const _state of stream) break;
    }),

  'stream: released again and again, never frees a newer holder': async (bench) => {
    const first = bench.driver.leadershipEvents();
    first[Symbol.dispose]();
    using _second = bench.driver.leadershipEvents();
    first[Symbol.dispose]();
    await bench.drive(first.return());
    using third = bench.driver.leadershipEvents();
    await expectInUse(bench, third);
  },

  'stream: released, it is done': async (bench) => {
    const stream = bench.driver.leadershipEvents();
    await bench.untilLeader(stream);
    const waiting = stream.next();
    stream[Symbol.dispose]();
    expectDone(await bench.drive(waiting), 'the call that waited when its stream was released');
    expectDone(await bench.drive(stream.next()), 'a call after the release');
  },

  'stream: driver closes, the waiting call and later ones are done': async (bench) => {
    const stream = bench.driver.leadershipEvents();
    const { lease } = await bench.untilLeader(stream);
    const waiting = stream.next();
    await bench.drive(bench.driver.close());
    expectDone(await bench.drive(waiting), 'the call that waited when the driver closed');
    expectDone(await bench.drive(stream.next()), 'a call after the driver closed');
    expectThat(!lease.isValid(), 'the lease is valid, though the driver has been closed');
  },
};

/** The leadership stream over changes of leadership. */
export const streamOverChangesCases: CaseBodies = {
  'stream: leadership is lost, the lease is void and the stream tells it': async (bench) => {
    using stream = bench.driver.leadershipEvents();
    const { lease } = await bench.untilLeader(stream);
    await bench.drive(bench.leadership.lose());
    expectThat(!lease.isValid(), 'the lease is valid, though the leadership is lost');
    const state = await bench.nextState(stream);
    expectThat(state.role !== 'leader', 'the leadership is lost, the stream tells leader again');
  },

  'stream: leadership is regained, its epoch is higher and the old lease stays void': async (bench) => {
    using stream = bench.driver.leadershipEvents();
    const first = await bench.untilLeader(stream);
    await bench.drive(bench.leadership.lose());
    await bench.drive(bench.leadership.regain());
    const second = await bench.untilLeader(stream);
    expectThat(second.epoch > first.epoch, `epoch ${second.epoch} follows on epoch ${first.epoch}`);
    expectThat(second.lease.isValid(), 'the lease of the new leadership is not valid');
    expectThat(!first.lease.isValid(), 'the lease of the old leadership is valid again');
  },

  'stream: read slowly, it tells the latest state and no older one': async (bench) => {
    using stream = bench.driver.leadershipEvents();
    const first = await bench.untilLeader(stream);
    for (let i = 0; i < 3; i++) {
      await bench.drive(bench.leadership.lose());
      await bench.drive(bench.leadership.regain());
    }
    const state = await bench.nextState(stream);
    expectThat(
      state.role === 'leader' && state.epoch > first.epoch,
      `the driver leads at a new epoch, a slow reader is told ${state.role}`,
    );
  },

  'stream: leadership comes and goes, no state is told twice running and no epoch falls': async (bench) => {
    using stream = bench.driver.leadershipEvents();
    const states: LeaderState[] = [await bench.untilLeader(stream)];
    for (let i = 0; i < 3; i++) {
      await bench.drive(bench.leadership.lose());
      states.push(await bench.nextState(stream));
      await bench.drive(bench.leadership.regain());
      states.push(await bench.untilLeader(stream));
    }
    for (const [i, state] of states.entries()) {
      const before = states[i - 1];
      if (before !== undefined) expectOrder(before, state);
    }
  },
};

async function expectInUse(bench: ConformanceBench, stream: LeadershipStream): Promise<void> {
  const told = await bench.drive(
    stream.next().then(
      () => 'a result',
      (error: unknown) => error,
    ),
  );
  if (!ConsensusError.is(told, 'stream_in_use')) {
    throw broken('the first next() of a second stream did not reject with stream_in_use', told);
  }
}

async function servedAfter(
  bench: ConformanceBench,
  release: (stream: LeadershipStream) => Promise<void>,
): Promise<void> {
  await bench.drive(release(bench.driver.leadershipEvents()));
  using stream = bench.driver.leadershipEvents();
  await bench.nextState(stream);
}

function expectDone(result: IteratorResult<LeaderState, undefined>, what: string): void {
  expectThat(result.done === true, `${what} was not done`);
}

function expectOrder(before: LeaderState, state: LeaderState): void {
  expectThat(key(before) !== key(state), `the stream tells the same state twice running: ${key(state)}`);
  const [from, to] = [epochOf(before), epochOf(state)];
  if (from === undefined || to === undefined) return;
  expectThat(to >= from, `the stream tells epoch ${to} after epoch ${from}`);
}

function key(state: LeaderState): string {
  const endpoint = state.role === 'follower' ? (state.leader.endpoint ?? '') : '';
  return `${state.role} ${epochOf(state) ?? ''} ${endpoint}`;
}

function epochOf(state: LeaderState): bigint | undefined {
  if (state.role === 'unknown') return undefined;
  return state.role === 'leader' ? state.epoch : state.leader.epoch;
}
