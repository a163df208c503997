import { describe, expect, onTestFinished, test } from 'vitest';
import { Load, type TimestampSource } from '../../src/cli/load/load.js';
import { silentLogger, withResolvers } from '../../src/runtime/index.js';
import { settleMicrotasks, VirtualClock } from '../../src/testing/virtual-clock.js';

/** A client whose calls the test answers, one by one. */
class ScriptedClient implements TimestampSource {
  #call: ReturnType<typeof withResolvers<bigint>> | undefined;
  calls = 0;

  getTimestamp(): Promise<bigint> {
    this.calls++;
    this.#call = withResolvers<bigint>();
    return this.#call.promise;
  }

  async grant(timestamp: bigint): Promise<void> {
    this.#call?.resolve(timestamp);
    await settleMicrotasks();
  }

  async fail(name: string): Promise<void> {
    this.#call?.reject(new Error(name));
    await settleMicrotasks();
  }

  async close(): Promise<void> {
    this.#call?.reject(new Error('CANCELLED'));
  }
}

function start(count: number) {
  const clock = new VirtualClock();
  const clients = Array.from({ length: count }, () => new ScriptedClient());
  let failovers = 0;
  const load = new Load({
    clients,
    clock,
    random: { nextFloat: () => 0.5, nextId: () => '0' },
    logger: silentLogger,
    nameOfError: (error) => (error instanceof Error ? error.message : 'UNKNOWN'),
    isViolation: (error) => error instanceof Error && error.message === 'order violation',
    onFailover: () => void failovers++,
  });
  const [first, second] = clients;
  if (first === undefined) throw new Error('no client');
  return { clock, clients, load, first, second: second ?? first, failovers: () => failovers };
}

describe('load', () => {
  test('more clients than a signal takes listeners for a leak, all pausing: no warning', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const { load, clients } = start(30);
    for (const client of clients) await client.fail('UNAVAILABLE');
    await load.stop();
    // Warnings are told in a turn of their own.
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });

  test('a granted call, is counted and followed by the next one', async () => {
    const { load, first, clock } = start(1);
    await first.grant(10n);
    await first.grant(11n);
    clock.advance(250);
    expect(load.totals()).toEqual({
      elapsedMs: 250,
      timestamps: 2,
      violations: 0,
      errors: {},
      failoverGapsMs: [],
      unansweredKills: 0,
    });
    expect(first.calls).toBe(3);
    await load.stop();
  });

  test('two clients that receive one timestamp, is one violation', async () => {
    const { load, first, second } = start(2);
    await first.grant(10n);
    await second.grant(10n);
    expect(load.totals()).toMatchObject({ timestamps: 2, violations: 1 });
    await load.stop();
  });

  test('a failed call, is counted by its name and retried after a pause only', async () => {
    const { load, first, clock } = start(1);
    await first.fail('UNAVAILABLE');
    expect(first.calls).toBe(1);
    await clock.advanceAsync(10);
    expect(first.calls).toBe(2);
    await first.fail('UNAVAILABLE');
    expect(load.totals().errors).toEqual({ UNAVAILABLE: 2 });
    await load.stop();
    expect(clock.armedTimers).toBe(0);
  });

  test('a client that finds a violation by itself, is counted as a violation and not as an error', async () => {
    const { load, first } = start(1);
    await first.fail('order violation');
    expect(load.totals()).toMatchObject({ violations: 1, errors: {} });
    await load.stop();
  });

  test('a kill and the first grant after it, is told with its gap', async () => {
    const { load, first, clock, failovers } = start(1);
    await first.grant(10n);
    clock.advance(5);
    load.leaderKilled();
    expect(load.totals().unansweredKills).toBe(1);
    clock.advance(300);
    await first.grant(20n);
    expect(load.totals()).toMatchObject({ unansweredKills: 0, failoverGapsMs: [305] });
    expect(failovers()).toBe(1);
    await load.stop();
  });

  test('a stop while calls are under way, ends them without counting errors', async () => {
    const { load } = start(2);
    await load.stop();
    expect(load.totals()).toMatchObject({ timestamps: 0, errors: {} });
  });

  test('a judge that cannot go on, ends the load with its error', async () => {
    const { load, first } = start(1);
    const ended = expect(load.ended).rejects.toThrow(TypeError);
    // A timestamp that is no bigint, against the types: whatever breaks the judge must not go unseen.
    await first.grant(undefined as unknown as bigint);
    await ended;
    await expect(load.stop()).rejects.toThrow();
  });
});
