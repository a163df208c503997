import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Epoch, toEpoch } from '../../src/consensus/index.js';
import type { HighWaterCommand } from '../../src/high-water/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { type Fixture, setUp } from './paxos-driver-fixture.js';
import { type Settlement, watch } from './settlement.js';

type Step =
  | { readonly do: 'load'; readonly timeoutMs: number }
  | { readonly do: 'persist'; readonly atLeast: number; readonly behind: number; readonly timeoutMs: number }
  | { readonly do: 'fold' | 'drop' | 'lead' | 'follow' | 'unknown' | 'tell' | 'fail' | 'close' }
  | { readonly do: 'loseSilently' | 'regainSilently' }
  | { readonly do: 'foldForeign'; readonly ahead: number }
  | { readonly do: 'abort'; readonly call: number }
  | { readonly do: 'pass'; readonly ms: number };

interface ModelCall {
  readonly seq: number;
  readonly kind: HighWaterCommand['kind'];
  readonly epoch: bigint;
  readonly dueMs: number;
  outcome: string | undefined;
  /** The turn in which it ended by itself; others may share its entry until that turn is over. */
  abandonedIn?: number;
}

/**
 * The obvious twin of the driver: a plain list of calls, all of them looked at again after each step.
 */
class Model {
  readonly calls: ModelCall[] = [];
  nowMs = 0;
  highWater = 0;
  foldedEpoch = 0n;
  state: { readonly role: 'leader' | 'follower' | 'unknown'; readonly epoch: bigint } = {
    role: 'leader',
    epoch: 1n,
  };
  topEpoch = 1n;
  failed = false;
  closed = false;
  seq = 0;
  turn = 0;
  /** How far each proposal reaches. */
  readonly reaches = new Map<number, number>();
  /** Proposals that were folded, dropped or ended with their leadership: nobody joins them any more. */
  readonly answered = new Set<number>();
  log: { readonly call: ModelCall; readonly atLeast: number }[] = [];

  begin(kind: HighWaterCommand['kind'], atLeast: number, epoch: bigint, timeoutMs: number): void {
    const refusal = this.#refusal(epoch);
    if (refusal === undefined) this.endLost();
    const shared = refusal === undefined && kind === 'advance' ? this.#shared(atLeast, epoch) : undefined;
    if (refusal === undefined && shared === undefined) this.seq += 1;
    const seq = shared ?? this.seq;
    const call: ModelCall = { seq, kind, epoch, dueMs: this.nowMs + timeoutMs, outcome: refusal };
    this.calls.push(call);
    if (refusal !== undefined) return;
    this.reaches.set(seq, Math.max(atLeast, this.reaches.get(seq) ?? 0));
    if (shared === undefined) this.log.push({ call, atLeast });
  }

  /** The first proposal that an advance can share: somebody waits for it, and it reaches as far. */
  #shared(atLeast: number, epoch: bigint): number | undefined {
    const waiting = this.calls.filter(
      (call) =>
        call.kind === 'advance' &&
        call.epoch === epoch &&
        (call.outcome === undefined || call.abandonedIn === this.turn) &&
        !this.answered.has(call.seq),
    );
    const seqs = waiting.map((call) => call.seq).filter((seq) => (this.reaches.get(seq) ?? -1) >= atLeast);
    return seqs.length === 0 ? undefined : Math.min(...seqs);
  }

  #refusal(epoch: bigint): string | undefined {
    if (this.closed) return 'closed';
    if (this.failed) return 'permanent';
    if (this.state.role !== 'leader') return 'not_leader';
    return this.lossAt(epoch);
  }

  lossAt(epoch: bigint): string | undefined {
    const known = this.state.role === 'unknown' ? 0n : this.state.epoch;
    const highest = known > this.foldedEpoch ? known : this.foldedEpoch;
    if (highest > epoch) return `fenced by ${highest}`;
    return this.state.role === 'leader' && this.state.epoch === epoch ? undefined : 'not_leader';
  }

  endLost(): void {
    for (const call of this.open()) {
      call.outcome = this.lossAt(call.epoch);
      if (call.outcome !== undefined) this.answerAll();
    }
  }

  answerAll(): void {
    for (let seq = 1; seq <= this.seq; seq++) this.answered.add(seq);
  }

  endAll(outcome: string): void {
    for (const call of this.open()) call.outcome = outcome;
    this.answerAll();
  }

  tell(): void {
    if (this.closed) return;
    if (this.failed) this.endAll('permanent');
    else this.endLost();
  }

  fold(): void {
    const entry = this.log.shift();
    if (entry === undefined) return;
    const { call: own, atLeast } = entry;
    if (own.kind === 'advance' && own.epoch >= this.foldedEpoch) {
      this.highWater = Math.max(this.highWater, atLeast);
    }
    if (own.epoch > this.foldedEpoch) this.foldedEpoch = own.epoch;
    if (this.closed) return;
    this.endLost();
    for (let seq = 1; seq <= own.seq; seq++) this.answered.add(seq);
    for (const call of this.open()) {
      if (call.seq > own.seq) continue;
      call.outcome =
        call.seq === own.seq || call.kind === 'barrier' ? `value ${this.highWater}` : 'transient';
    }
  }

  foldForeign(epoch: bigint): void {
    if (epoch > this.foldedEpoch) this.foldedEpoch = epoch;
    if (!this.closed) this.endLost();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const call of this.open()) if (call.dueMs <= this.nowMs) this.abandon(call, 'transient');
  }

  /** A call ends by itself; its proposal may still be decided. */
  abandon(call: ModelCall, outcome: string): void {
    call.outcome = outcome;
    call.abandonedIn = this.turn;
  }

  open(): ModelCall[] {
    return this.calls.filter((call) => call.outcome === undefined);
  }
}

const timeoutMs = fc.integer({ min: 1, max: 60 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('load' as const), timeoutMs }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('persist' as const),
      atLeast: fc.integer({ min: 0, max: 20 }),
      behind: fc.constantFrom(0, 0, 0, 1, -1),
      timeoutMs,
    }),
  },
  { weight: 8, arbitrary: fc.constant({ do: 'fold' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'drop' as const,
        'lead' as const,
        'follow' as const,
        'unknown' as const,
        'tell' as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('loseSilently' as const, 'regainSilently' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('foldForeign' as const), ahead: fc.constantFrom(0, 0, 1) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('abort' as const), call: fc.nat({ max: 8 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fail' as const, 'close' as const) }) },
);

/** Takes one step with the driver and with the model. */
class Run {
  readonly fixture: Fixture = setUp();
  readonly model = new Model();
  readonly calls: Settlement[] = [];
  readonly #controllers: AbortController[] = [];

  take(step: Step): void {
    const { driver, host, clock } = this.fixture;
    const { model } = this;
    switch (step.do) {
      case 'load':
        this.calls.push(watch(driver.loadHighWater(this.#options(step.timeoutMs))));
        model.begin('barrier', 0, model.state.epoch, step.timeoutMs);
        return;
      case 'persist': {
        const epoch = toEpoch(model.topEpoch - BigInt(Math.min(step.behind, Number(model.topEpoch))));
        this.calls.push(watch(driver.persistHighWater(step.atLeast, epoch, this.#options(step.timeoutMs))));
        model.begin('advance', step.atLeast, epoch, step.timeoutMs);
        return;
      }
      case 'fold':
        model.fold();
        if (host.log.length > 0) host.foldNext();
        return;
      case 'drop':
        model.log.shift();
        host.dropNext();
        return;
      case 'lead':
      case 'follow':
      case 'unknown':
        this.#change(step.do);
        this.#tell();
        return;
      case 'loseSilently':
        this.#change('follow');
        return;
      case 'regainSilently':
        this.#change('lead');
        return;
      case 'tell':
        this.#tell();
        return;
      case 'foldForeign':
        model.topEpoch += BigInt(step.ahead);
        model.foldForeign(model.topEpoch);
        host.foldForeign(model.topEpoch);
        return;
      case 'abort':
        this.#abort(step.call);
        return;
      case 'pass':
        model.pass(step.ms);
        clock.advance(step.ms);
        return;
      case 'fail':
        model.failed = true;
        model.tell();
        host.fail(new Error('disk'));
        return;
      case 'close':
        model.endAll('closed');
        model.closed = true;
        this.calls.push(watch(driver.close().then(() => 0)));
        model.calls.push({ seq: 0, kind: 'barrier', epoch: 0n, dueMs: 0, outcome: 'value 0' });
        return;
    }
  }

  #options(timeoutMs: number): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    const controller = new AbortController();
    this.#controllers[this.calls.length] = controller;
    return { timeoutMs, signal: controller.signal };
  }

  #change(to: 'lead' | 'follow' | 'unknown'): void {
    const { host } = this.fixture;
    const { model } = this;
    if (to !== 'unknown') model.topEpoch += 1n;
    const epoch: Epoch = toEpoch(model.topEpoch);
    if (to === 'lead') host.startLeading(epoch);
    else if (to === 'follow') host.setLeadership({ role: 'follower', leader: { epoch } });
    else host.setLeadership({ role: 'unknown' });
    model.state = { role: to === 'lead' ? 'leader' : to === 'follow' ? 'follower' : 'unknown', epoch };
  }

  #tell(): void {
    this.model.tell();
    this.fixture.host.events.emit('change');
  }

  #abort(call: number): void {
    const aborted = this.model.calls[call];
    if (aborted !== undefined && aborted.outcome === undefined) this.model.abandon(aborted, 'aborted');
    this.#controllers[call]?.abort('aborted');
  }

  compare(): void {
    expect(this.calls.map((call) => call.outcome)).toEqual(this.model.calls.map((call) => call.outcome));
    expect(this.fixture.driver.pendingCalls).toBe(this.model.open().length);
    expect(this.fixture.clock.armedTimers).toBe(this.model.open().length);
    expect(this.fixture.host.applyState.highWater).toBe(this.model.highWater);
  }
}

describe('paxos driver: any interleaving', () => {
  // A02, A03, A04, A09, D01, D07, P12
  test('steps in any order, several in one turn: every call ends as the naive model says, once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 16 }),
        async (turns) => {
          const run = new Run();
          for (const turn of turns) {
            for (const each of turn) run.take(each);
            await settleMicrotasks();
            run.compare();
            run.model.turn += 1;
          }
          run.take({ do: 'close' });
          await settleMicrotasks();
          run.compare();
          expect(run.calls.map((call) => call.ends)).toEqual(run.calls.map(() => 1));
          expect([run.fixture.host.listeners, run.fixture.clock.armedTimers]).toEqual([0, 0]);
          const ids = run.fixture.host.proposed.map((command) => command.id.seq);
          expect(new Set(ids).size).toBe(ids.length);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
